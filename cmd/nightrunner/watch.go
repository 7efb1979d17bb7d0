package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/internal/nights"
)

func watchCommand(stop <-chan struct{}) *cli.Command {
	return &cli.Command{
		Name: "watch", Usage: "run every day: for those without a timer",
		Description: "A run whose time has passed while nobody watched begins at once. A run that fails is told and does not end the\n" +
			"watch. Ctrl-C or SIGTERM ends it, during a run after the current step.",
		Flags:  append([]cli.Flag{stringFlag("at", "`HH:MM` (UTC) at which the run begins each day", "02:00")}, runFlags()...),
		Before: configure, OnUsageError: usageError,
		Action: func(c *cli.Context) error { return watch(c, stop) },
	}
}

func watch(c *cli.Context, stop <-chan struct{}) error {
	if err := noArguments(c); err != nil {
		return err
	}
	at, err := nights.TimeOfDay(c.String("at"))
	if err != nil {
		return fmt.Errorf("%w: --at: %w", engine.ErrUsage, err)
	}
	// What is wrong from the start is told at once.
	options, err := nightOptions(c, stop)
	if err != nil {
		return err
	}
	if err := closeExporters(options.Exporters); err != nil {
		return err
	}
	return nights.Watch{At: at, Last: lastGood(c), Clock: nights.System{}, Stop: stop,
		Say: func(text string) { tellNote(c, text) },
		Night: func(context.Context) {
			if err := oneNight(c, stop); err != nil && !errors.As(err, new(exitError)) {
				tell(c.App.ErrWriter, configurationOf(c.App), err)
			}
		}}.Do(c.Context)
}

// nightOptions are those of a run, with SQL files as they are now.
func nightOptions(c *cli.Context, stop <-chan struct{}) (engine.RunOptions, error) {
	options, err := runOptions(c, nil)
	if err == nil {
		err = somethingToDo(c, options)
	}
	options.Command, options.Stop = "run", stop
	return options, err
}

func oneNight(c *cli.Context, stop <-chan struct{}) error {
	options, err := nightOptions(c, stop)
	if err != nil {
		return err
	}
	return execute(c, options)
}

// lastGood is when the last good run began; zero when that cannot be told, so that one begins at once.
func lastGood(c *cli.Context) time.Time {
	db, err := engine.OpenReadOnly(c.Context, c.String("warehouse"))
	if err != nil {
		return time.Time{}
	}
	defer db.Close()
	facts, err := engine.ReadFacts(c.Context, db, "run", 0, time.Now())
	if err != nil {
		return time.Time{}
	}
	return facts.LastGoodBegan
}

// runFlags are those of run and of what runs it.
func runFlags() []cli.Flag {
	return slices.Concat(sourceFlags(), exportFlags(), modelFlags(), dayFlags(), warehouseFlags(), snapshotFlags(), nightFlags(), talkFlags())
}
