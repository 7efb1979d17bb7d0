// Package chain makes up a small Concordium chain in the formats that nightrunner reads: daily balance snapshots, a
// mongodump folder, node facts and answers of CCDScan. It is for the demo, for benchmarks and for tests.
//
// Same options give the same bytes, and more days give the same first days: everything comes from the seed and the day.
// The exceptions are the documents that name the last day (helpers) and the place of late transactions in their file.
// Memory grows with the accounts, not with the transactions.
package chain

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Options of a chain.
type Options struct {
	// Dir gets the folders balances, dump, node and http.
	Dir  string
	Seed uint64
	// Days is how many, Accounts how many there are on the first day; one in a thousand comes every day.
	Days, Accounts int
	// TransactionsPerDay is how many there are each day, those that the day has in any case among them: new accounts,
	// new tokens and chain updates. 0 is a chain without transactions and without tokens.
	TransactionsPerDay int
	// From is the first UTC day; zero is 2025-01-01.
	From time.Time
	// Only these outputs are written (see Outputs); none means all.
	Only []string
}

// Summary says what was made.
type Summary struct {
	Days, Accounts int
	// Transactions is how many documents, wanted or not.
	Transactions int64
	// Bytes of all snapshots.
	Bytes int64
}

const microPerCCD = 1_000_000

// generator makes one day after the other.
type generator struct {
	o            Options
	files        *files
	encoder      encoder
	people       *population
	rates        *rates
	projects     *projects
	contracts    *contracts
	tokens       *tokens
	parameters   *parameters
	transactions *transactions
	made         Summary
}

// Generate makes a chain.
func Generate(ctx context.Context, o Options) (made Summary, err error) {
	if o.From.IsZero() {
		o.From = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	if o.Days < 1 || o.Accounts < 10 || o.TransactionsPerDay < 0 {
		return Summary{}, fmt.Errorf("a chain has at least 1 day, 10 accounts and 0 transactions a day, not %d, %d and %d", o.Days, o.Accounts, o.TransactionsPerDay)
	}
	files, err := openFiles(o.Dir, o.Only)
	if err != nil {
		return Summary{}, err
	}
	defer func() { err = errors.Join(err, files.close()) }()
	g := &generator{o: o, files: files, people: &population{seed: o.Seed, start: o.Accounts}, rates: &rates{seed: o.Seed + 1}}
	for number := range o.Days {
		if err := ctx.Err(); err != nil {
			return g.made, err
		}
		if err := g.day(newDay(o.From, number)); err != nil {
			return g.made, err
		}
	}
	g.transactions.flush()
	writeHelpers(files.byName["helpers"], &g.encoder, newDay(o.From, o.Days-1))
	return g.made, g.rates.writeChart(files.byName["coingecko_market_charts"])
}

func (g *generator) day(d day) error {
	before := len(g.people.accounts)
	g.people.turn(d)
	known := before
	if d.number == 0 {
		known = len(g.people.accounts)
		if err := g.begin(d); err != nil {
			return err
		}
	}
	if g.files.wants(balances) {
		size, err := g.people.writeSnapshot(g.o.Dir)
		if err != nil {
			return err
		}
		g.made.Bytes += size
	}
	writeBlocks(g.files.byName["blocks_per_day"], &g.encoder, d)
	g.rates.write(g.files.byName["exchange_rates_historical"], &g.encoder, d)
	writeStable(g.files.byName["stable_address_info"], &g.encoder, g.people.accounts[before:])
	writeRecognized(g.files.byName["statistics"], &g.encoder, d)
	if g.files.wants("transactions", "impacted_addresses", "tokens_logged_events_v2", "plts_tags", "instances", "labeled_accounts", "token_info", "chain_parameters") {
		g.transactions.write(d, known)
	}
	g.made.Days, g.made.Accounts, g.made.Transactions = d.number+1, len(g.people.accounts), g.transactions.count
	return errors.Join(g.writeFacts(d), g.rates.record(g.files, d), g.files.failed())
}

// begin makes what is there from the first day on.
func (g *generator) begin(d day) error {
	f, e := g.files.byName, &g.encoder
	g.projects = newProjects(g.people)
	g.contracts = newContracts(g.people, f["instances"], e)
	g.tokens = newTokens(g.people, f["plts_tags"], f["labeled_accounts"], e)
	g.parameters = newParameters()
	g.transactions = newTransactions(g)
	g.projects.write(f["projects"], e, g.contracts)
	g.contracts.writeFirst(d)
	writeLabels(f["labeled_accounts"], e, g.people)
	writeTranslations(f["token_api_translations"], e)
	return g.projects.record(f["projects_list"], d)
}
