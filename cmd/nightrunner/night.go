package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/internal/metrics"
	"github.com/ccdexplorer/nightrunner/internal/nights"
	"github.com/ccdexplorer/nightrunner/internal/notify"
	"github.com/ccdexplorer/nightrunner/internal/progress"
)

// nightFlags are those of what stands around a run: waiting before, telling after.
func nightFlags() []cli.Flag {
	return []cli.Flag{
		boolFlag("wait", "begin when the sources have yesterday (UTC), or after --wait-for"),
		&cli.DurationFlag{Name: "wait-for", Usage: "wait at most this `LONG`", Value: 4 * time.Hour, EnvVars: env("wait-for")},
		&cli.DurationFlag{Name: "wait-poll", Usage: "look again after this `LONG`", Value: time.Minute, EnvVars: env("wait-poll")},
		listFlag("notify", "tell how the run went through this `URL` of shoutrrr, as generic+https://host/path; repeatable"),
		fileFlag("notify"),
		listFlag("notify-on", "`KIND` of what is told: failure, recovery, late, always; default the first three"),
		stringFlag("metrics-file", "write metrics to this `FILE`, NAME.prom in the folder of node exporter's textfile collector", ""),
	}
}

// A nightly is one run with what stands around it.
type nightly struct {
	c        *cli.Context
	options  engine.RunOptions
	config   *configuration
	observer progress.Observer
	clock    nights.Clock
	notifier *notify.Notifier
	outcome  nights.Outcome
	// silent: nothing was begun, nothing is told.
	silent bool
}

// execute runs and reports: progress and summary to stderr, the report as JSON to stdout when asked for. Metrics are written
// and messages sent also when the run fails, cannot begin, or panics.
func execute(c *cli.Context, options engine.RunOptions) (err error) {
	n := &nightly{c: c, options: options, config: configurationOf(c.App), clock: nights.System{}}
	if n.notifier, err = notify.New(list(c, "notify"), list(c, "notify-on")); err != nil {
		return engine.WithHint(fmt.Errorf("%w: --notify: %s", engine.ErrUsage, n.config.secrets.Text(err.Error())), "docs/operations.md has examples of URLs")
	}
	if n.observer, err = observer(c); err != nil {
		return err
	}
	for _, warning := range n.config.warnings {
		n.observer.Say(warning)
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	n.outcome = nights.Outcome{Host: host, Warehouse: c.String("warehouse"), Command: options.Command, Version: version, Started: n.clock.Now()}
	defer func() {
		if value := recover(); value != nil {
			n.observer.Close()
			err = panicked(c.App.ErrWriter, n.config, value)
		}
		n.after(err)
	}()
	return n.run()
}

// run waits, runs and says how it went.
func (n *nightly) run() error {
	if n.c.Bool("wait") {
		var err error
		if n.options.Late, err = n.wait(); err != nil {
			n.observer.Close()
			return err
		}
	}
	report, runErr := n.perform()
	if report == nil {
		return runErr
	}
	conclude(n.c, report)
	if n.c.Bool("json") {
		encoder := json.NewEncoder(n.config.secrets.Writer(n.c.App.Writer))
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(report); err != nil {
			return errors.Join(runErr, err)
		}
	}
	if runErr != nil {
		return runErr
	}
	if report.ExitCode != engine.ExitDone {
		return exitError{report.ExitCode}
	}
	return nil
}

// perform runs in the warehouse. Without a report it could not be opened.
func (n *nightly) perform() (*engine.Report, error) {
	defer n.observer.Close()
	n.options.Observer = n.observer
	warehouse, err := openWarehouse(n.c, n.options.Wants(engine.PhaseLoad) && len(n.options.Loaders) > 0)
	if err != nil {
		return nil, errors.Join(err, closeExporters(n.options.Exporters))
	}
	// After a panic the file is given back too: a watch goes on.
	closed := false
	defer func() {
		if !closed {
			_ = warehouse.Close()
		}
	}()
	over := make(chan struct{})
	go func() {
		select {
		case <-n.options.Stop:
			n.observer.Say("stopping after the current step; Ctrl-C once more stops at once")
		case <-over:
		}
	}()
	report, runErr := warehouse.Run(n.c.Context, n.options)
	n.outcome.Report = report
	if n.outcome.Facts, err = warehouse.Facts(context.WithoutCancel(n.c.Context), n.options.Command, report.Run); err != nil {
		n.observer.Say(err.Error())
	}
	if runErr == nil && n.options.Wants(engine.PhasePublish) {
		runErr = warehouse.Publish(n.c.Context, report, n.observer)
	}
	close(over)
	runErr = errors.Join(runErr, closeExporters(n.options.Exporters))
	closed = true
	if err := warehouse.Close(); err != nil {
		runErr = errors.Join(runErr, fmt.Errorf("close the warehouse: %w", err))
	}
	return report, runErr
}

// wait waits until the sources have yesterday and returns what is missing after the deadline.
func (n *nightly) wait() ([]string, error) {
	sources := waitSources(n.options.Loaders)
	if len(sources) == 0 {
		return nil, engine.WithHint(fmt.Errorf("%w: --wait has nothing to wait for", engine.ErrUsage), "give --mongo or --balances: these have days")
	}
	late, err := nights.Wait{Sources: sources, Day: nights.Yesterday(n.clock.Now()), For: n.c.Duration("wait-for"), Poll: max(n.c.Duration("wait-poll"), time.Second),
		LastLook: 10 * time.Second, Clock: n.clock, Stop: n.options.Stop, Say: n.observer.Say}.Do(n.c.Context)
	n.silent = errors.Is(err, engine.ErrStopped)
	return late, err
}

// waitSources are the loaders that can tell whether they have a day. One of balances that cannot is asked for at MongoDB.
func waitSources(loaders []engine.Loader) []nights.Source {
	var sources []nights.Source
	var accounts accountsTeller
	for _, loader := range loaders {
		if one, is := loader.(accountsTeller); is {
			accounts = one
		}
	}
	for _, loader := range loaders {
		one, is := loader.(nights.Source)
		switch {
		case loader.Source() == "balances" && accounts != nil:
			sources = append(sources, snapshotSource{files: one, helpers: accounts})
		case is:
			sources = append(sources, one)
		}
	}
	return sources
}

// An accountsTeller knows of which day the last balance snapshot was made.
type accountsTeller interface {
	NightlyAccounts(ctx context.Context) (time.Time, error)
}

// A snapshotSource has a day when its file is there; where files cannot be asked for, when MongoDB says that it was made.
type snapshotSource struct {
	files   nights.Source
	helpers accountsTeller
}

func (snapshotSource) Source() string { return "balances" }

func (s snapshotSource) Day(ctx context.Context, day time.Time) (string, error) {
	if s.files == nil {
		last, err := s.helpers.NightlyAccounts(ctx)
		if err == nil && last.Before(day) {
			return "the snapshot is not made yet: helpers.last_known_nightly_accounts is not " + day.Format(time.DateOnly), nil
		}
		return "", err
	}
	missing, err := s.files.Day(ctx, day)
	if missing == "" || err != nil {
		return missing, err
	}
	// Why it is missing is a help, no more: MongoDB's own source tells when it cannot be asked.
	briefly, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	if last, err := s.helpers.NightlyAccounts(briefly); err == nil && !last.Before(day) {
		missing += ", though helpers.last_known_nightly_accounts says that it was made: is it copied?"
	}
	return missing, nil
}

// after writes metrics and sends messages. What fails of it is told and changes nothing.
func (n *nightly) after(err error) {
	if n.silent {
		return
	}
	o := &n.outcome
	o.Seconds = n.clock.Now().Sub(o.Started).Seconds()
	o.ExitCode = exitCode(err)
	if err != nil && !errors.As(err, new(exitError)) {
		o.Problem = n.config.secrets.Text(err.Error())
	}
	warn := func(doing string, err error) {
		if err != nil {
			tellWarning(n.c, fmt.Sprintf("%s: %v", doing, err))
		}
	}
	if path := n.c.String("metrics-file"); path != "" {
		o.Sizes, err = sizes(n.c)
		warn("read sizes", err)
		warn("write metrics", metrics.Write(path, o))
	}
	if message := notify.Compose(o); n.notifier.Wants(message.Kind) {
		warn("notify", n.notifier.Send(context.WithoutCancel(n.c.Context), message))
	}
}

// sizes are those of the warehouse of the flags and of its snapshots.
func sizes(c *cli.Context) (*engine.Sizes, error) {
	warehouse := c.String("warehouse")
	snapshots, err := engine.FindSnapshots(warehouse, c.String("snapshots"))
	if err != nil {
		return nil, err
	}
	return engine.ReadSizes(warehouse, snapshots.Dir)
}
