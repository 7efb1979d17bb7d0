package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/loaders/mongo"
	sqlfiles "github.com/ccdexplorer/nightrunner/sql"
)

const (
	statisticDays = 1400
	// blocks of a day, scaled down.
	statisticBlocks = 20_000
)

// statistics: all statistics on transactions and impacted addresses over made-up rows, with 1 GB for DuckDB, against one
// scan that groups the same rows by day and kind; then one more day.
func (s settings) statistics(ctx context.Context, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	warehouse := filepath.Join(dir, "w.duckdb")
	if err := s.fill(ctx, warehouse, 0, statisticDays); err != nil {
		return err
	}
	scanned, err := s.groupOnce(ctx, warehouse)
	if err != nil {
		return err
	}
	first, err := s.process(ctx, "build", "--json", "--warehouse", warehouse, "--memory-limit", "1GB")
	if err != nil {
		return err
	}
	fmt.Printf("all statistics on %d transactions and as many impacted addresses, %d days, 1 GB: %v (goal 10 s), %.1f x one grouping scan (%v); peak %.2f GB\n",
		s.rows, statisticDays, first.inside.Round(time.Millisecond), ratio(first.inside, scanned), scanned.Round(time.Millisecond), float64(first.peak)/1e9)
	printSlowest(first.steps)
	if err := s.fill(ctx, warehouse, statisticDays, 1); err != nil {
		return err
	}
	next, err := s.process(ctx, "build", "--json", "--warehouse", warehouse, "--memory-limit", "1GB")
	if err != nil {
		return err
	}
	fmt.Printf("    one more day: %v (goal 1 s)\n", next.inside.Round(time.Millisecond))
	printSlowest(next.steps)
	return os.RemoveAll(dir)
}

func printSlowest(steps []step) {
	for _, one := range steps {
		if one.Seconds > 0.3 {
			fmt.Printf("    %s %s %.2f s\n", one.Phase, one.Name, one.Seconds)
		}
	}
}

// fill appends made-up days to a warehouse, without a loader: transactions of ten kinds from 100,000 accounts, and addresses
// that they impact.
func (s settings) fill(ctx context.Context, warehouse string, first, days int) (err error) {
	collections, err := mongo.ReadMappings(sqlfiles.Files)
	if err != nil {
		return err
	}
	w, err := engine.Open(ctx, warehouse, engine.Options{Command: "bench"})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	if err := w.EnsureTables(ctx, mongo.Tables(collections)); err != nil {
		return err
	}
	in := w.NewIntake("mongo", 1)
	perDay := s.rows / statisticDays
	made := fmt.Sprintf(`select date '2021-06-09' + (%[1]d + i // %[2]d)::integer as date, ((%[1]d + i // %[2]d) * %[3]d + (i %% %[2]d) * %[3]d // %[2]d)::bigint as block_height,
		hash(i) as h from range(%[4]d) as t(i)`, first, perDay, statisticBlocks, perDay*days)
	return in.Transact(ctx, func() error {
		for _, statement := range []string{
			fmt.Sprintf(`insert into raw.blocks_per_day by name select date '2021-06-09' + (%[1]d + i)::integer as date, (%[1]d + i) * %[2]d as height_for_first_block,
				(%[1]d + i + 1) * %[2]d - 1 as height_for_last_block, make_timestamp((date '2021-06-10' + (%[1]d + i)::integer - date '1970-01-01')::bigint * 86400000000 - 1000000) as slot_time_for_last_block,
				'hash' || i as hash_for_last_block from range(%[3]d) as t(i)`, first, statisticBlocks, days),
			`insert into raw.addresses select i, lpad(i::varchar, 29, 'x') || 'tail' from range(100000) as t(i) where not exists (from raw.addresses)`,
			`insert into raw.projects by name select 'p' || i as id, 'project' || i % 20 as project_id, 'account_address' as type, lpad((i * 7)::varchar, 29, 'x') || 'tail' as account_address,
				i as position from range(1, 101) as t(i) where not exists (from raw.projects)`,
			`insert into raw.labeled_accounts by name select lpad((i * 11)::varchar, 29, 'x') || 'tail' as account_address, 'exchanges' as label_group, 'Exchange' || i % 8 as label,
				i as position from range(1, 41) as t(i) where not exists (from raw.labeled_accounts)`,
			`insert into raw.transactions by name select date, block_height, 'account_transaction' as type,
				['data_registered', 'account_transfer', 'contract_update_issued', 'delegation_configured', 'baker_configured', 'amount_too_large', 'transferred_to_public', 'out_of_energy', 'module_deployed', 'rejected_receive'][(h % 10)::integer + 1] as contents,
				(h // 16 % 100000)::integer as sender_id, if(h % 10 < 5, 'success', 'reject') as outcome, (h // 1024 % 3000000)::bigint as cost_microccd,
				if(h % 10 = 1, (h // 4096 % 100000)::integer, null) as receiver_id, if(h % 10 = 1, h // 65536 % 1000000000, null) as amount_microccd from (` + made + `)`,
			`insert into raw.impacted_addresses by name select date, block_height, (h // 16 % 100000)::integer as address_id, (h // 16 % 100000)::integer as canonical_address_id,
				if(h % 7 = 0, 'Account Reward', 'account_transfer') as effect_type, date::varchar as document_date from (` + made + `)`,
			`delete from raw.loaded_heights`,
			fmt.Sprintf(`insert into raw.loaded_heights select unnest(['raw.transactions', 'raw.impacted_addresses', 'raw.tokens_logged_events_v2']), %d`, (first+days)*statisticBlocks),
		} {
			if err := in.Exec(ctx, statement); err != nil {
				return err
			}
		}
		for _, table := range []string{"raw.blocks_per_day", "raw.transactions", "raw.impacted_addresses"} {
			if err := in.MarkAllDays(ctx, table); err != nil {
				return err
			}
		}
		for _, table := range []string{"raw.projects", "raw.labeled_accounts"} {
			if err := in.MarkWhole(ctx, table); err != nil {
				return err
			}
		}
		return nil
	})
}

// groupOnce is the time of one scan over the transactions that groups them by day and kind.
func (s settings) groupOnce(ctx context.Context, warehouse string) (time.Duration, error) {
	db, err := engine.OpenReadOnly(ctx, warehouse)
	if err != nil {
		return 0, err
	}
	start := time.Now()
	var groups int64
	err = db.QueryRowContext(ctx, "select count(*) from (select date, contents, count(*), sum(cost_microccd) from raw.transactions group by all)").Scan(&groups)
	return time.Since(start), errors.Join(err, db.Close())
}
