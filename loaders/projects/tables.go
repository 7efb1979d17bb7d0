package projects

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/internal/jsonlines"
)

// A revision is what raw.project_lists knows of the last list; empty before the first.
type revision struct {
	// address is without secrets; etag is the server's name of the revision, hash that of its content.
	address, etag, hash string
	network             string
	// commit is the newest one of the list's repository; "" when nobody told.
	commit string
}

func lastRevision(ctx context.Context, in *engine.Intake) (revision, error) {
	var r revision
	err := in.Query(ctx, func(rows *sql.Rows) error {
		return rows.Scan(&r.address, &r.etag, &r.hash, &r.network, &r.commit)
	}, "select address, coalesce(etag, ''), content_hash, network, coalesce(commit_id, '') from raw.project_lists")
	if err != nil {
		return r, fmt.Errorf("read raw.project_lists: %w", err)
	}
	return r, nil
}

// replaceRevision remembers the list that was read.
func replaceRevision(ctx context.Context, in *engine.Intake, r revision) error {
	for _, statement := range []string{
		"create or replace temp table staged as from raw.project_lists limit 0",
		"insert into temp.staged values ($1, nullif($2, ''), $3, $4, nullif($5, ''), $6)",
	} {
		args := []any{r.address, r.etag, r.hash, r.network, r.commit, in.Now()}
		if !strings.Contains(statement, "$") {
			args = nil
		}
		if err := in.Exec(ctx, statement, args...); err != nil {
			return fmt.Errorf("remember the list: %w", err)
		}
	}
	if _, err := in.ReplaceTable(ctx, "raw.project_lists", "", "temp.staged"); err != nil {
		return err
	}
	return in.Exec(ctx, "drop table temp.staged")
}

// checkEmptied refuses a list with nothing in it after one with something.
func checkEmptied(ctx context.Context, in *engine.Intake, read *list, network string) error {
	if len(read.entries) > 0 || in.Prune {
		return nil
	}
	var before int64
	err := in.Query(ctx, func(rows *sql.Rows) error { return rows.Scan(&before) }, "select count(*) from raw.listed_projects where not is_withdrawn")
	if err != nil {
		return err
	}
	if before > 0 {
		return fmt.Errorf("lists no account and no module of %s, and listed %d (--prune takes that over)", network, before)
	}
	in.Note("the list has no account and no module of %s", network)
	return nil
}

// replaceListed makes raw.listed_projects equal to the entries. What is listed no longer stays in it, as withdrawn: those
// are told that were not before.
func replaceListed(ctx context.Context, in *engine.Intake, entries []entry) (changed int64, withdrawn []string, err error) {
	table := jsonlines.Table{Name: "raw.listed_projects", Columns: []jsonlines.Column{
		{Name: "id", Kind: jsonlines.Text}, {Name: "project_id", Kind: jsonlines.Text}, {Name: "type", Kind: jsonlines.Text},
		{Name: "account_index", Kind: jsonlines.Whole}, {Name: "account_address", Kind: jsonlines.Text}, {Name: "module_ref", Kind: jsonlines.Text},
		{Name: "position", Kind: jsonlines.Whole}, {Name: "is_withdrawn", Kind: jsonlines.Flag},
	}}
	var rows []jsonlines.Row
	for i, one := range entries {
		row := jsonlines.Row{one.id, one.project, one.kind, nil, nil, nil, uint64(i + 1), false}
		if one.kind == account {
			row[3], row[4] = uint64(one.index), one.address
		} else {
			row[5] = one.address
		}
		rows = append(rows, row)
	}
	if err := table.Stage(ctx, in, rows); err != nil {
		return 0, nil, err
	}
	err = in.Query(ctx, func(rows *sql.Rows) error {
		var id string
		err := rows.Scan(&id)
		withdrawn = append(withdrawn, id)
		return err
	}, "select id from raw.listed_projects where not is_withdrawn and id not in (select id from temp.staged) order by position")
	if err != nil {
		return 0, nil, fmt.Errorf("look for what is listed no longer: %w", err)
	}
	err = in.Exec(ctx, `insert into temp.staged by name
		select * replace (true as is_withdrawn) from raw.listed_projects where id not in (select id from temp.staged)`)
	if err != nil {
		return 0, nil, fmt.Errorf("keep what is listed no longer: %w", err)
	}
	changed, err = in.ReplaceTable(ctx, table.Name, "", "temp.staged")
	if err != nil {
		return 0, nil, err
	}
	return changed, withdrawn, in.Exec(ctx, "drop table temp.staged")
}

// tellDifferences says in notes how the list differs from the collection projects, and from the list before.
func tellDifferences(ctx context.Context, in *engine.Intake, withdrawn []string) error {
	ids := map[string][]string{"withdrawn": withdrawn}
	err := in.Query(ctx, func(rows *sql.Rows) error {
		var what, id string
		err := rows.Scan(&what, &id)
		ids[what] = append(ids[what], id)
		return err
	}, differences)
	if err != nil {
		return fmt.Errorf("compare with projects: %w", err)
	}
	for _, one := range [][2]string{
		{"new", "listed and not in projects"}, {"changed", "listed otherwise than in projects"},
		{"named", "listed otherwise than in projects, where it stays for its display_name"},
		{"withdrawn", "listed no longer"}, {"own", "in projects and not listed; it stays"},
	} {
		if found := ids[one[0]]; len(found) > 0 {
			in.Note("%s (%d): %s", one[1], len(found), few(found))
		}
	}
	return nil
}

// differences between the list and raw.projects: what, and the id.
const differences = `
	select what, id from (
		select coalesce(listed.id, known.id) as id, case
			when listed.is_withdrawn then null
			when known.id is null then 'new'
			when listed.id is null then 'own'
			when (listed.project_id, listed.type, listed.account_index, listed.account_address, listed.module_ref)
				is not distinct from (known.project_id, known.type, known.account_index, known.account_address, known.module_ref) then null
			when json_exists(known.document, '$.display_name') then 'named'
			else 'changed' end as what
		from raw.listed_projects as listed
		full join (from raw.projects where type in ('account_address', 'module')) as known on known.id = listed.id)
	where what is not null order by all`

// few names some and counts the others.
func few(names []string) string {
	const most = 5
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}
