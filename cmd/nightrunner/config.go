package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/internal/secret"
)

// Where the value of a flag is from; else it is the path of the configuration file.
const (
	fromCommandLine = "command line"
	fromEnvironment = "environment"
)

// A configuration is where a command's flags got their values, and what must not be shown of these.
type configuration struct {
	// path of the configuration file, "" when there is none.
	path string
	// from says of every flag that is set where its value is from.
	from map[string]string
	// warnings are worth a line before anything is done.
	warnings []string
	secrets  *secret.Redactor
	// inherited is the umask with which the program was started.
	inherited fs.FileMode
	// problem is what is wrong in it, for doctor, which goes on.
	problem error
	// json: what is said goes out as JSON lines.
	json bool
}

const configurationKey = "configuration"

// configurationOf is the command's; an empty one before it is configured.
func configurationOf(app *cli.App) *configuration {
	if config, ok := app.Metadata[configurationKey].(*configuration); ok {
		return config
	}
	return &configuration{from: map[string]string{}, secrets: &secret.Redactor{}}
}

// configure fills flags that neither the command line nor the environment sets from the configuration file, reads the
// files of secrets, and notes what is secret.
func configure(c *cli.Context) error {
	config := &configuration{from: map[string]string{}, secrets: &secret.Redactor{}}
	c.App.Metadata = map[string]any{configurationKey: config}
	for _, flag := range c.Command.Flags {
		if name := flag.Names()[0]; c.IsSet(name) {
			config.from[name] = fromEnvironment
			if typed(c, name) {
				config.from[name] = fromCommandLine
			}
		}
	}
	err := config.readFile(c)
	err = errors.Join(err, config.readSecrets(c))
	config.hide(c)
	if has(c.Command.Flags, "log-format") {
		config.json = c.String("log-format") == "json"
	}
	if err != nil {
		return err
	}
	return config.setUmask(c)
}

// readFile reads the configuration file. All that is wrong in it is told together.
func (config *configuration) readFile(c *cli.Context) error {
	path := c.String("config")
	explicit := path != ""
	if !explicit {
		path = "nightrunner.toml"
	}
	var values map[string]any
	_, err := toml.DecodeFile(path, &values)
	if errors.Is(err, fs.ErrNotExist) && !explicit {
		return nil
	}
	config.path = path
	if err != nil {
		return fmt.Errorf("%w: read %s: %w", engine.ErrUsage, path, err)
	}
	var errs []error
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if err := config.set(c, key, values[key]); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// set takes a key of the file for a flag that nothing stronger sets, neither the flag itself nor its -file.
func (config *configuration) set(c *cli.Context, key string, value any) error {
	if known := flagNames(c.App); !known[key] {
		return engine.WithHint(fmt.Errorf("%w: %s: unknown key %q", engine.ErrUsage, config.path, key),
			"keys are the flags of nightrunner run%s", engine.Suggest(", nearest: %s", key, known))
	}
	values, err := tomlValues(value)
	if err == nil {
		err = config.apply(c, key, values)
	}
	if err != nil {
		return fmt.Errorf("%w: %s: %s: %w", engine.ErrUsage, config.path, key, err)
	}
	return nil
}

func (config *configuration) apply(c *cli.Context, key string, values []string) error {
	stronger := func(name string) bool { return config.from[name] != "" && config.from[name] != config.path }
	twin := key + "-file"
	if base, is := strings.CutSuffix(key, "-file"); is {
		twin = base
	}
	if !has(c.Command.Flags, key) || stronger(key) || stronger(twin) {
		return nil
	}
	if len(values) > 1 && !isList(c.Command.Flags, key) {
		return errors.New("is one value, not a list")
	}
	config.from[key] = config.path
	for _, one := range values {
		if err := c.Set(key, one); err != nil {
			return err
		}
	}
	return nil
}

// tomlValues are a key's value or the values of its list, as the command line would say them.
func tomlValues(value any) ([]string, error) {
	list, is := value.([]any)
	if !is {
		list = []any{value}
	}
	var texts []string
	for _, one := range list {
		switch one := one.(type) {
		case string:
			texts = append(texts, one)
		case bool, int64:
			texts = append(texts, fmt.Sprint(one))
		case float64:
			texts = append(texts, strconv.FormatFloat(one, 'f', -1, 64))
		case time.Time:
			return nil, engine.WithHint(errors.New("a date stands in quotes"), `KEY = "2021-06-09"`)
		default:
			return nil, engine.WithHint(errors.New("a table is no value: nightrunner.toml has none"), "KEY = VALUE, one a line, without [sections]")
		}
	}
	return texts, nil
}

// readSecrets reads the files of FLAG-file flags into their flags.
func (config *configuration) readSecrets(c *cli.Context) error {
	var errs []error
	for _, flag := range c.Command.Flags {
		name := flag.Names()[0]
		base, is := strings.CutSuffix(name, "-file")
		if !is || config.from[name] == "" || !has(c.Command.Flags, base) {
			continue
		}
		errs = append(errs, config.readSecret(c, base, name))
	}
	return errors.Join(errs...)
}

func (config *configuration) readSecret(c *cli.Context, base, name string) error {
	rank := func(name string) int {
		return 1 + slices.Index([]string{fromEnvironment, fromCommandLine}, config.from[name])
	}
	switch {
	case config.from[base] == "" || rank(name) > rank(base):
	case rank(name) == rank(base):
		return engine.WithHint(fmt.Errorf("%w: --%s and --%s are both given (%s)", engine.ErrUsage, base, name, config.from[name]), "keep one of them")
	default:
		return nil
	}
	path := c.String(name)
	lines, err := secretLines(path)
	if err == nil && len(lines) > 1 && !isList(c.Command.Flags, base) {
		err = fmt.Errorf("%s holds %d lines, not one", path, len(lines))
	}
	if err != nil {
		return engine.WithHint(fmt.Errorf("%w: --%s: %w", engine.ErrUsage, name, err), "the file holds what --%s would say", base)
	}
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o004 != 0 {
		config.warnings = append(config.warnings, fmt.Sprintf("every user of this machine can read %s (--%s): chmod 600 %s", path, name, path))
	}
	config.from[base] = config.from[name]
	for _, line := range lines {
		if err := c.Set(base, line); err != nil {
			return fmt.Errorf("%w: --%s: %w", engine.ErrUsage, name, err)
		}
	}
	return nil
}

// secretLines are the lines of a file that hold something; # starts a comment.
func secretLines(path string) ([]string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var lines []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	if len(lines) == 0 {
		return nil, fmt.Errorf("%s holds nothing", path)
	}
	return lines, nil
}

// hide notes the secrets among the values of flags.
func (config *configuration) hide(c *cli.Context) {
	for _, flag := range c.Command.Flags {
		name := flag.Names()[0]
		add := config.secrets.AddURI
		switch {
		case name == "notify":
			add = config.secrets.AddSendURL
		case isKey(name):
			add = config.secrets.Add
		}
		for _, value := range valuesOf(c, name) {
			add(value)
		}
	}
}

// valuesOf a flag, as texts.
func valuesOf(c *cli.Context, name string) []string {
	if isList(c.Command.Flags, name) {
		return list(c, name)
	}
	if value := c.Value(name); value != nil {
		return []string{fmt.Sprint(value)}
	}
	return nil
}

// list are the values of a list flag. Commas separate words; a URI has commas of its own, so URIs are separated by spaces.
func list(c *cli.Context, name string) []string {
	var values []string
	for _, one := range c.StringSlice(name) {
		separator := func(r rune) bool { return r == ',' }
		if strings.Contains(one, "://") {
			separator = func(r rune) bool { return r == ' ' || r == '\n' || r == '\t' }
		}
		for _, value := range strings.FieldsFunc(one, separator) {
			values = append(values, strings.TrimSpace(value))
		}
	}
	return values
}

// setUmask keeps what a run leaves from others.
func (config *configuration) setUmask(c *cli.Context) error {
	if !has(c.Command.Flags, "umask") {
		return nil
	}
	mask, err := strconv.ParseUint(c.String("umask"), 8, 9)
	if err != nil || mask&0o700 != 0 {
		return engine.WithHint(fmt.Errorf("%w: --umask %s is no mode like 0077", engine.ErrUsage, c.String("umask")), "0027 lets the group read")
	}
	config.inherited = fs.FileMode(unix.Umask(int(mask)))
	return nil
}

// flagNames are those of all commands, so that one file serves all of them.
func flagNames(app *cli.App) map[string]bool {
	names := map[string]bool{}
	for _, command := range app.Commands {
		for _, flag := range command.Flags {
			for _, name := range flag.Names() {
				names[name] = true
			}
		}
	}
	return names
}

func has(flags []cli.Flag, name string) bool {
	return slices.ContainsFunc(flags, func(flag cli.Flag) bool { return slices.Contains(flag.Names(), name) })
}

func isList(flags []cli.Flag, name string) bool {
	return slices.ContainsFunc(flags, func(flag cli.Flag) bool {
		_, is := flag.(*cli.StringSliceFlag)
		return is && slices.Contains(flag.Names(), name)
	})
}
