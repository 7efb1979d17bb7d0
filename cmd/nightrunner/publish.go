package main

import (
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/ccdexplorer/nightrunner/engine"
)

func publishCommand(stop <-chan struct{}) *cli.Command {
	return phaseCommand(stop, &cli.Command{
		Name: "publish", Usage: "publish a snapshot of the warehouse as it is",
		Description: "A run does it by itself when it was good. Nothing is published when nothing changed since the last snapshot.",
		Flags:       slices.Concat(sqlFlagOnly(), warehouseFlags(), snapshotFlags(), talkFlags()),
	}, engine.PhasePublish)
}
