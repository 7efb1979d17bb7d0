package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/internal/console"
	"github.com/ccdexplorer/nightrunner/internal/doctor"
	"github.com/ccdexplorer/nightrunner/internal/notify"
	"github.com/ccdexplorer/nightrunner/internal/secret"
)

func doctorCommand() *cli.Command {
	return &cli.Command{
		Name: "doctor", Usage: "look whether a run could work: configuration, sources, destinations, disk, memory, clock",
		Description: "It takes the flags of run and changes nothing; a run may be at work. Exit codes: 0 all is well, or with warnings;\n" +
			"1 a run would fail.",
		Flags: append(runFlags(), boolFlag("settings", "also list the flags that are set, and from where")),
		// What is wrong in the configuration is a finding.
		Before: func(c *cli.Context) error {
			if err := configure(c); err != nil {
				configurationOf(c.App).problem = err
			}
			return nil
		},
		OnUsageError: usageError,
		Action:       examine,
	}
}

// A diagnosis is what the doctor found.
type diagnosis struct {
	Status   string           `json:"status"`
	Findings []doctor.Finding `json:"findings"`
	Settings []setting        `json:"settings"`
}

// A setting is a flag that is set.
type setting struct {
	Flag  string `json:"flag"`
	Value string `json:"value"`
	From  string `json:"from"`
}

func examine(c *cli.Context) error {
	if err := noArguments(c); err != nil {
		return err
	}
	d := &diagnosis{Settings: settings(c)}
	d.Findings = slices.Concat(examineConfiguration(c, d.Settings), examineModels(c), examinePlaces(c), examineWarehouse(c), examineMachine(c))
	secrets := configurationOf(c.App).secrets
	for i := range d.Findings {
		d.Findings[i].Detail, d.Findings[i].Hint = secrets.Text(d.Findings[i].Detail), secrets.Text(d.Findings[i].Hint)
	}
	d.Status = doctor.Worst(d.Findings)
	if c.Bool("json") {
		encoder := json.NewEncoder(c.App.Writer)
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(d); err != nil {
			return err
		}
	} else {
		printDiagnosis(c.App.Writer, d, c.Bool("settings"))
	}
	if d.Status == doctor.Fail {
		return exitError{engine.ExitFailed}
	}
	return nil
}

// settings are the flags that are set, without secrets, in the order of --help.
func settings(c *cli.Context) []setting {
	config := configurationOf(c.App)
	list := []setting{}
	for _, flag := range c.Command.Flags {
		name := flag.Names()[0]
		if from := config.from[name]; from != "" && name != "settings" {
			list = append(list, setting{name, config.secrets.Text(strings.Join(valuesOf(c, name), " ")), from})
		}
	}
	return list
}

func examineConfiguration(c *cli.Context, set []setting) []doctor.Finding {
	config := configurationOf(c.App)
	var findings []doctor.Finding
	if config.problem != nil {
		for _, p := range problemsOf(config.problem) {
			findings = append(findings, doctor.Finding{Check: "configuration", Status: doctor.Fail, Detail: p.text, Hint: p.hint})
		}
	} else {
		file := config.path
		if file == "" {
			file = "no nightrunner.toml here"
		}
		findings = append(findings, doctor.Finding{Check: "configuration", Status: doctor.OK, Detail: fmt.Sprintf("%s; %d flags are set", file, len(set))})
	}
	for _, warning := range config.warnings {
		findings = append(findings, doctor.Finding{Check: "configuration", Status: doctor.Warn, Detail: warning})
	}
	for _, flag := range c.Command.Flags {
		name := flag.Names()[0]
		shown := slices.ContainsFunc(valuesOf(c, name), func(value string) bool { return isKey(name) || secret.Redact(value) != value })
		switch {
		case shown && config.from[name] == fromCommandLine && !typed(c, name+"-file"):
			findings = append(findings, doctor.Finding{Check: "secrets", Status: doctor.Warn, Detail: "--" + name + " holds a password, and other users see command lines",
				Hint: "--" + name + "-file FILE, or " + env(name)[0]})
		case shown && config.from[name] == config.path && config.path != "":
			if finding, open := doctor.Secrecy("secrets", config.path); open {
				findings = append(findings, finding)
			}
		}
	}
	if _, err := notify.New(list(c, "notify"), list(c, "notify-on")); err != nil {
		findings = append(findings, doctor.Failed("notify", err))
	} else if n := len(list(c, "notify")); n > 0 {
		findings = append(findings, doctor.Finding{Check: "notify", Status: doctor.OK, Detail: fmt.Sprintf("%d services, not asked", n)})
	}
	if path := c.String("metrics-file"); path != "" {
		found := doctor.Folder("metrics", filepath.Dir(path))
		if _, err := os.Stat(filepath.Dir(path)); errors.Is(err, fs.ErrNotExist) {
			// A run makes no folder for them.
			found = doctor.Failed("metrics", engine.WithHint(err, "make the folder first"))
		}
		if found.Status == doctor.Fail {
			// They change nothing in a run.
			found.Status = doctor.Warn
		}
		findings = append(findings, found)
	}
	return findings
}

func examineModels(c *cli.Context) []doctor.Finding {
	folder, err := sqlFolder(c)
	if err != nil {
		return []doctor.Finding{doctor.Failed("sql", err)}
	}
	project, err := engine.ReadProject(folder)
	if err != nil {
		var findings []doctor.Finding
		for _, p := range problemsOf(err) {
			findings = append(findings, doctor.Finding{Check: "sql", Status: doctor.Fail, Detail: p.text, Hint: p.hint})
		}
		return findings
	}
	return []doctor.Finding{{Check: "sql", Status: doctor.OK, Detail: fmt.Sprintf("%d models, %d files of checks", len(project.Models), len(project.Checks))}}
}

// examinePlaces asks sources and destinations, and compares their clocks with ours.
func examinePlaces(c *cli.Context) []doctor.Finding {
	var findings []doctor.Finding
	var places []doctor.Place
	options, err := runOptions(c, nil)
	if err != nil {
		// What is wrong with the SQL files has been told.
		if _, sqlErr := sqlFolder(c); sqlErr == nil && !errors.As(err, new(engine.ModelErrors)) {
			findings = append(findings, doctor.Failed("flags", err))
		}
		return append(findings, doctor.Clock(time.Now(), 0))
	}
	for _, loader := range options.Loaders {
		places = append(places, doctor.Place{Name: "source " + loader.Source(), Thing: loader})
	}
	for i, exporter := range options.Exporters {
		name := "export"
		if len(options.Exporters) > 1 {
			name = fmt.Sprintf("export %d", i+1)
		}
		places = append(places, doctor.Place{Name: name, Thing: exporter})
	}
	if len(options.Loaders) == 0 {
		findings = append(findings, doctor.Finding{Check: "sources", Status: doctor.Fail, Detail: "none", Hint: "give --mongo, --balances, --node, --ccdscan, --coingecko or --currency-rates, or name them in nightrunner.toml"})
	}
	asked, skew := doctor.Probe(c.Context, places)
	if err := closeExporters(options.Exporters); err != nil {
		findings = append(findings, doctor.Failed("export", err))
	}
	return append(append(findings, asked...), doctor.Clock(time.Now(), skew))
}

func examineWarehouse(c *cli.Context) []doctor.Finding {
	path := c.String("warehouse")
	_, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := engine.RefuseMissing(path); err != nil {
			return []doctor.Finding{doctor.Failed("warehouse", err)}
		}
		return []doctor.Finding{{Check: "warehouse", Status: doctor.OK, Detail: path + " is not there yet: a run makes it"}}
	}
	storage, library, err := doctor.Storage(path)
	if err != nil {
		return []doctor.Finding{doctor.Failed("warehouse", engine.WithHint(fmt.Errorf("%s: %w", path, err), "name another with --warehouse"))}
	}
	detail := fmt.Sprintf("%s, storage version %d, last written by DuckDB %s", path, storage, library)
	finding := doctor.Finding{Check: "warehouse", Status: doctor.OK, Detail: detail}
	db, err := engine.OpenReadOnly(c.Context, path)
	switch {
	case errors.Is(err, engine.ErrInUse):
		finding.Detail += "; " + err.Error()
	case err != nil:
		finding = doctor.Failed("warehouse", fmt.Errorf("%s: %w", detail, err))
	default:
		if err := db.Close(); err != nil {
			finding = doctor.Failed("warehouse", err)
		}
	}
	findings := []doctor.Finding{finding}
	if open, is := doctor.Secrecy("warehouse", path); is {
		findings = append(findings, open)
	}
	return findings
}

func examineMachine(c *cli.Context) []doctor.Finding {
	dir := filepath.Dir(c.String("warehouse"))
	folder := doctor.Folder("folder", dir)
	if _, err := os.Stat(dir); err != nil {
		// A run makes no folder for the warehouse.
		return []doctor.Finding{doctor.Failed("folder", engine.WithHint(err, "make the folder first"))}
	}
	findings := []doctor.Finding{folder, doctor.Locks(dir, c.Bool("allow-network-disk"))}
	if published := c.String("snapshots"); published != "" && c.Int("keep-snapshots") > 0 {
		findings = append(findings, doctor.Folder("snapshots", published))
	}
	if temp := c.String("temp-directory"); temp != "" {
		findings = append(findings, doctor.Folder("spilling", temp))
	}
	bytes, err := sizes(c)
	if err != nil {
		findings = append(findings, doctor.Failed("disk", err))
	} else {
		findings = append(findings, doctor.Disk(bytes))
	}
	return append(findings, doctor.Memory(dir, c.String("memory-limit"), c.Int("threads"))...)
}

func printDiagnosis(w io.Writer, d *diagnosis, all bool) {
	width := terminalWidth(w)
	var rows [][]string
	for _, one := range d.Findings {
		detail := one.Detail
		if one.Hint != "" {
			detail += " → " + one.Hint
		}
		rows = append(rows, []string{one.Check, one.Status, detail})
	}
	// A terminal that goes away ends the program anyhow.
	_ = console.WriteTable(w, width, []console.Column{{Name: "check"}, {Name: "is"}, {Name: "what", Wrap: true}}, rows)
	if all {
		rows = nil
		for _, one := range d.Settings {
			rows = append(rows, []string{one.Flag, one.From, one.Value})
		}
		fmt.Fprintln(w)
		_ = console.WriteTable(w, width, []console.Column{{Name: "flag"}, {Name: "from"}, {Name: "value", Wrap: true}}, rows)
	}
}
