package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/internal/chain"
)

func demoCommand(stop <-chan struct{}) *cli.Command {
	own := []cli.Flag{
		stringFlag("dir", "`DIR` for the chain, the warehouse and the documents", "demo"),
		&cli.IntFlag{Name: "days", Usage: "`N` days of chain", Value: 60, EnvVars: env("days")},
		&cli.IntFlag{Name: "accounts", Usage: "`N` accounts on the first day", Value: 2000, EnvVars: env("accounts")},
		&cli.IntFlag{Name: "transactions-per-day", Usage: "`N` transactions a day; 0 makes none, and no tokens", Value: 500, EnvVars: env("transactions-per-day")},
		&cli.Uint64Flag{Name: "seed", Usage: "`N`: same seed, same chain", Value: 1, EnvVars: env("seed")},
		boolFlag("generate-only", "make the chain and stop"),
	}
	return &cli.Command{
		Name: "demo", Usage: "make a small made-up chain, run everything on it, say what to look at",
		Flags:        slices.Concat(own, talkFlags()),
		OnUsageError: usageError,
		Action:       func(c *cli.Context) error { return demo(c, stop) },
	}
}

func demo(c *cli.Context, stop <-chan struct{}) error {
	dir := c.String("dir")
	input := filepath.Join(dir, "chain")
	if c.Int("days") < 1 || c.Int("accounts") < 10 || c.Int("transactions-per-day") < 0 {
		return fmt.Errorf("%w: a chain has at least 1 day and 10 accounts", engine.ErrUsage)
	}
	if info, err := os.Stat(dir); err == nil && !info.IsDir() {
		return engine.WithHint(fmt.Errorf("%w: --dir %s is a file", engine.ErrUsage, dir), "name a folder, one that is not there is made")
	}
	made, err := chain.Generate(c.Context, chain.Options{
		Dir: input, Seed: c.Uint64("seed"), Days: c.Int("days"), Accounts: c.Int("accounts"), TransactionsPerDay: c.Int("transactions-per-day"),
	})
	if err != nil {
		return fmt.Errorf("make the chain: %w", err)
	}
	fmt.Fprintf(c.App.ErrWriter, "made %d days of a chain with %d accounts and %d transactions in %s\n", made.Days, made.Accounts, made.Transactions, input)
	if c.Bool("generate-only") {
		return nil
	}
	warehouse, out := filepath.Join(dir, "nightrunner.duckdb"), filepath.Join(dir, "out")
	flags := []string{"nightrunner", "run", "--balances", filepath.Join(input, "balances"), "--mongo", filepath.Join(input, "dump"),
		"--node", filepath.Join(input, "node"), "--ccdscan", filepath.Join(input, "http"), "--coingecko", filepath.Join(input, "http"),
		"--currency-rates", filepath.Join(input, "http"), "--warehouse", warehouse, "--export", out}
	app := newApp(stop)
	app.Writer, app.ErrWriter = c.App.Writer, c.App.ErrWriter
	for _, name := range []string{"json", "log-format"} {
		if c.IsSet(name) {
			flags = append(flags, fmt.Sprintf("--%s=%s", name, c.Value(name)))
		}
	}
	if err := app.RunContext(c.Context, flags); err != nil {
		return err
	}
	snapshots, err := engine.FindSnapshots(warehouse, "")
	if err != nil {
		return err
	}
	fmt.Fprintf(c.App.ErrWriter, demoNext, out, warehouse, snapshots.CurrentPath())
	return nil
}

const demoNext = `
documents: %[1]s/*.jsonl
warehouse: %[2]s
snapshot:  %[3]s, for you and any DuckDB tool, also while a run writes the warehouse

look at it:
  bin/nightrunner status --snapshot %[3]s
  bin/nightrunner query --snapshot %[3]s "select date, realised_cap, realised_price from stat.statistics_realized_prices order by date desc limit 5"
  bin/nightrunner query --snapshot %[3]s "select date, total_supply, staked, unstaked from stat.statistics_ccd_classified order by date desc limit 5"
  bin/nightrunner query --snapshot %[3]s "select account_address_canonical, count(*) as days, max(ccd_balance) as most_ccd from stat.account_graph group by all order by days desc limit 5"
  bin/nightrunner shell --snapshot %[3]s

do it again and nothing is to be done: make run
`
