package main

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/internal/fetch"
	"github.com/ccdexplorer/nightrunner/loaders/ccdscan"
	"github.com/ccdexplorer/nightrunner/loaders/node"
	"github.com/ccdexplorer/nightrunner/loaders/projects"
	"github.com/ccdexplorer/nightrunner/loaders/rates"
)

// outsideSource is a source that is asked over the network, or read from a folder of recorded answers. Its flags are its
// name and its name with -timeout, -pace, -parallel, -proxy and -key.
type outsideSource struct {
	name, usage   string
	list          bool
	timeout, pace time.Duration
	// parallel questions by default; 0: one at a time, and no flag.
	parallel int
	// folder of a recording.
	folder string
}

func outsideSources() []outsideSource {
	return []outsideSource{
		{name: "node", usage: "a node as `grpc://host:20000`, with TLS as grpcs://, or a folder of node facts: tokenomics.jsonl, chain_parameters.jsonl, token_info.jsonl",
			timeout: 10 * time.Second, parallel: 8, folder: "node"},
		{name: "ccdscan", usage: "CCDScan's GraphQL `URL`, or a folder with ccdscan_release_amounts.jsonl",
			timeout: 30 * time.Second, parallel: 4, folder: "http"},
		{name: "currency-rates", usage: "exchange-api (the word stands for its public URLs), a `URL` with DATE in it, or a folder with currency_rates.jsonl; repeatable: the next one is asked where one fails",
			list: true, timeout: 30 * time.Second, parallel: 4, folder: "http"},
		{name: "projects-list", usage: "projects.json as a `URL` or a file, or a folder with projects_list.jsonl", timeout: 30 * time.Second, folder: "http"},
		{name: "coingecko", usage: "CoinGecko's `URL`, https://api.coingecko.com/api/v3, or a folder with coingecko_market_charts.jsonl and coingecko_histories.jsonl",
			timeout: 30 * time.Second, pace: time.Minute, folder: "http"},
	}
}

const askingCategory = "how outside sources are asked"

// isKey tells a flag whose value is a secret as a whole.
func isKey(flag string) bool {
	return slices.ContainsFunc(outsideSources(), func(s outsideSource) bool { return flag == s.name+"-key" })
}

func outsideFlags() []cli.Flag {
	var flags, asking []cli.Flag
	for _, one := range outsideSources() {
		if one.list {
			flags = append(flags, listFlag(one.name, one.usage))
		} else {
			flags = append(flags, stringFlag(one.name, one.usage, ""))
		}
		asking = append(asking, one.askingFlags()...)
	}
	flags = append(flags,
		stringFlag("record", "record answers of outside sources in `DIR`/node and DIR/http, as --node DIR/node and --ccdscan DIR/http read them", ""),
		boolFlag("refresh", "ask outside sources again about days that are known, and put their rates before MongoDB's"),
	)
	return append(flags, append(asking,
		&cli.IntFlag{Name: "coingecko-backfill", Usage: "ask for volumes of `N` older days a run; -1 is all", Value: 10, EnvVars: env("coingecko-backfill"), Category: askingCategory},
		stringFlag("projects-list-commits", "`URL` that lists commits of the repository of --projects-list, the newest first, as GitHub's API does: it goes back as helpers.latest_projects_json_commit", ""),
		&cli.Float64Flag{Name: "max-jump", Usage: "reject a rate that is more than `N` times off the nearest known one; 0 takes all", Value: 10, EnvVars: env("max-jump"), Category: askingCategory},
	)...)
}

func (s outsideSource) askingFlags() []cli.Flag {
	duration := func(what, usage string, value time.Duration) cli.Flag {
		name := s.name + "-" + what
		return &cli.DurationFlag{Name: name, Usage: usage, Value: value, EnvVars: env(name), Category: askingCategory}
	}
	text := func(what, usage string) cli.Flag {
		name := s.name + "-" + what
		return &cli.StringFlag{Name: name, Usage: usage, EnvVars: env(name), Category: askingCategory}
	}
	flags := []cli.Flag{
		duration("timeout", "`TIME` for one try of a request", s.timeout),
		duration("pace", "least `TIME` between two requests", s.pace),
		text("proxy", "HTTP proxy `URL`; default HTTPS_PROXY and NO_PROXY of the environment"),
		text("key", "`SECRET` sent with each request"),
		&cli.StringFlag{Name: s.name + "-key-file", Usage: "read the key from `FILE`", EnvVars: env(s.name + "-key-file"), Category: askingCategory},
	}
	if s.parallel > 0 {
		name := s.name + "-parallel"
		flags = append(flags, &cli.IntFlag{Name: name, Usage: "ask `N` questions at a time", Value: s.parallel, EnvVars: env(name), Category: askingCategory})
	}
	return flags
}

// addresses of a source as given.
func (s outsideSource) addresses(c *cli.Context) []string {
	if s.list {
		return list(c, s.name)
	}
	if address := c.String(s.name); address != "" {
		return []string{address}
	}
	return nil
}

// read is what the flags say of a source.
func (s outsideSource) read(c *cli.Context) (fetch.Source, error) {
	source := fetch.Source{Timeout: c.Duration(s.name + "-timeout"), Pace: c.Duration(s.name + "-pace"), Parallel: 1,
		Key: c.String(s.name + "-key"), Agent: "nightrunner/" + version, Refresh: c.Bool("refresh"), Address: s.addresses(c)[0]}
	wrong := func(flag, text string, args ...any) error {
		return fmt.Errorf("%w: --%s %s", engine.ErrUsage, flag, fmt.Sprintf(text, args...))
	}
	if s.parallel > 0 {
		source.Parallel = c.Int(s.name + "-parallel")
	}
	if record := c.String("record"); record != "" {
		source.Record = filepath.Join(record, s.folder)
	}
	switch {
	case source.Timeout <= 0:
		return source, wrong(s.name+"-timeout", "%s is no time to wait", source.Timeout)
	case source.Pace < 0:
		return source, wrong(s.name+"-pace", "%s is negative", source.Pace)
	case source.Parallel < 1:
		return source, wrong(s.name+"-parallel", "%d is less than 1", source.Parallel)
	}
	if proxy := c.String(s.name + "-proxy"); proxy != "" {
		parsed, err := url.Parse(proxy)
		if err != nil || parsed.Scheme != "http" || parsed.Hostname() == "" {
			return source, wrong(s.name+"-proxy", "is no URL like http://host:3128")
		}
		source.Proxy = parsed
	}
	return source, s.checkAddresses(c)
}

// checkAddresses refuses what is neither a folder's name nor a server's URL.
func (s outsideSource) checkAddresses(c *cli.Context) error {
	for _, address := range s.addresses(c) {
		if !strings.Contains(address, "://") {
			continue
		}
		err := checkHTTP(address)
		switch {
		case s.name == "node":
			err = node.Check(address)
		case s.name == "currency-rates" && err == nil:
			err = rates.CheckAddress(address)
		}
		if err != nil {
			return fmt.Errorf("%w: --%s: %w", engine.ErrUsage, s.name, err)
		}
	}
	return nil
}

func checkHTTP(address string) error {
	parsed, err := url.Parse(address)
	if err != nil || parsed.Scheme != "http" && parsed.Scheme != "https" || parsed.Hostname() == "" {
		return errors.New("is no URL like https://host/path")
	}
	return nil
}

// outsideLoaders are those of the sources that are given, the paced one last.
func outsideLoaders(c *cli.Context) ([]engine.Loader, error) {
	jump := c.Float64("max-jump")
	if jump != 0 && !(jump > 1) {
		return nil, fmt.Errorf("%w: --max-jump %g is neither 0 nor more than 1", engine.ErrUsage, jump)
	}
	commits, err := commitsURL(c)
	if err != nil {
		return nil, err
	}
	var loaders []engine.Loader
	for _, one := range outsideSources() {
		if len(one.addresses(c)) == 0 {
			continue
		}
		source, err := one.read(c)
		if err != nil {
			return nil, err
		}
		switch one.name {
		case "node":
			loaders = append(loaders, node.New(node.Options{Source: source}))
		case "ccdscan":
			loaders = append(loaders, ccdscan.New(source))
		case "currency-rates":
			loaders = append(loaders, rates.NewCurrencies(rates.Options{Source: source, MaxJump: jump}, one.addresses(c)))
		case "coingecko":
			loaders = append(loaders, rates.NewCoinGecko(rates.Options{Source: source, MaxJump: jump}, c.Int("coingecko-backfill")))
		case "projects-list":
			loaders = append(loaders, projects.New(projects.Options{Source: source, Network: c.String("network"), Commits: commits}))
		}
	}
	return loaders, nil
}

// commitsURL tells the newest commit of the list of projects; "" for none.
func commitsURL(c *cli.Context) (string, error) {
	address := c.String("projects-list-commits")
	if address == "" {
		return "", nil
	}
	if c.String("projects-list") == "" {
		return "", fmt.Errorf("%w: --projects-list-commits needs --projects-list", engine.ErrUsage)
	}
	if err := checkHTTP(address); err != nil {
		return "", fmt.Errorf("%w: --projects-list-commits: %w", engine.ErrUsage, err)
	}
	return address, nil
}
