package lineage

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/ccdexplorer/nightrunner/engine"
)

func read(t *testing.T, files map[string]string) *engine.Catalog {
	t.Helper()
	folder := fstest.MapFS{}
	for name, text := range files {
		folder[name] = &fstest.MapFile{Data: []byte(text)}
	}
	c, err := engine.ReadCatalog(t.Context(), folder, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Refused) > 0 {
		t.Fatal(c.Refused)
	}
	return c
}

func TestColumns(t *testing.T) {
	for name, c := range map[string]struct{ sql, want string }{
		"names, aliases, expressions": {"select date, account_id as id, coalesce(b.total_microccd, 0) + locked_microccd as sum, 1 as one, count(*) as n from raw.balance_changes as b group by all",
			"date=raw.balance_changes.date id=raw.balance_changes.account_id sum=raw.balance_changes.locked_microccd,raw.balance_changes.total_microccd one= n="},
		"through CTEs and stars": {"with a1 as (select date, address from raw.balance_changes join raw.accounts using (account_id)), a2 as (select * exclude (date), address as again from a1), final as (select * from a2) select * from final",
			"address=raw.accounts.address again=raw.accounts.address"},
		"star over USING": {"select * from (select account_id, date from raw.balance_changes) join (select account_id, address from raw.accounts) using (account_id)",
			"account_id=raw.balance_changes.account_id date=raw.balance_changes.date address=raw.accounts.address"},
		"star with replace": {"select * replace (account_id + 1 as address) from raw.accounts", "account_id=raw.accounts.account_id address=raw.accounts.account_id"},
		"a union by places, its first side untouched": {"with one as (select date, file from raw.snapshots), two as (select * from one union all select date, address from raw.accounts, raw.tokenomics) select two.file, one.file as first from two, one",
			"file=raw.accounts.address,raw.snapshots.file first=raw.snapshots.file"},
		"a union by names": {"with one as (select date, 1 as extra from raw.snapshots), two as (select * from one union all by name select address as extra, account_id as DATE, file as last from raw.accounts, raw.snapshots) select * from two",
			"date=raw.accounts.account_id,raw.snapshots.date extra=raw.accounts.address last=raw.snapshots.file"},
		"a union by places with names twice": {"select date, date from raw.snapshots union all select account_id, address from raw.accounts",
			"date=raw.accounts.account_id,raw.snapshots.date date_1=raw.accounts.address,raw.snapshots.date"},
		"semi joins are conditions":   {"select address from raw.accounts semi join raw.balance_changes using (account_id)", "address=raw.accounts.address"},
		"windows":                     {"select sum(total_microccd) over so_far as sum_so_far from raw.balance_changes window so_far as (partition by account_id order by date)", "sum_so_far=raw.balance_changes.account_id,raw.balance_changes.date,raw.balance_changes.total_microccd"},
		"subqueries, correlated":      {"select (select max(date) from raw.balance_changes as changes where changes.account_id = accounts.account_id) as last from raw.accounts as accounts", "last=raw.balance_changes.date"},
		"a lambda's parameter":        {"select list_filter([account_id], lambda date: date > 1) as list from raw.accounts", "list=raw.accounts.account_id"},
		"a recursive CTE":             {"with recursive chain as (select account_id, 0 as depth from raw.accounts union all select account_id, depth + 1 from chain where depth < 3) select account_id, depth from chain", "account_id=raw.accounts.account_id depth="},
		"functions make rows":         {"select range + account_id as number from raw.accounts, range(3)", "number=range().range,raw.accounts.account_id"},
		"an alias of the same SELECT": {"select account_id + 1 as next, next * 2 as twice from raw.accounts", "next=raw.accounts.account_id twice=raw.accounts.account_id"},
		"fields of structs":           {"with s as (select {'a': account_id, 'b': address} as pair from raw.accounts) select s.pair.a as id, pair.b as name from s", "id=raw.accounts.account_id,raw.accounts.address name=raw.accounts.account_id,raw.accounts.address"},
		"columns named behind a CTE":  {"with c(first, second) as (select account_id, address from raw.accounts) select second from c", "second=raw.accounts.address"},
		"what cannot be told":         {"select columns('a.*') from raw.accounts", "account_id=? columns(…) cannot be followed address=? columns(…) cannot be followed"},
	} {
		t.Run(name, func(t *testing.T) {
			catalog := read(t, map[string]string{"mid/a.sql": c.sql})
			var got []string
			for _, column := range Columns(catalog, "mid.a") {
				var list []string
				for _, source := range column.Sources {
					list = append(list, source.String())
				}
				text := column.Name + "=" + strings.Join(list, ",")
				if column.Unknown != "" {
					text += "? " + column.Unknown
				}
				got = append(got, text)
			}
			if diff := cmp.Diff(c.want, strings.Join(got, " ")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// chain is a raw table, a view, a state model that reads itself, a statistic and a check.
func chain(t *testing.T) *engine.Catalog {
	return read(t, map[string]string{
		"stg/accounts.sql": "select account_id as id, address from raw.accounts",
		"mid/sums.sql":     "-- materialize: state\n-- grain: day\n-- columns: date date, total hugeint\n\nselect date, sum(total_microccd) as total from raw.balance_changes group by all union all select date, total from mid.sums",
		"stat/daily.sql":   "-- export: statistics_daily\n\nselect date::varchar as _id, total, (select count(id) from stg.accounts) as accounts from mid.sums",
		"checks/rises.sql": "select total from stat.daily where total < 0",
	})
}

func TestTrees(t *testing.T) {
	c := chain(t)
	g := New(c.Project)
	want := `mid.sums
reads
└── raw.balance_changes
is read by
└── stat.daily → statistics_daily
    └── checks.rises
`
	if diff := cmp.Diff(want, g.Text("mid.sums")); diff != "" {
		t.Error(diff)
	}
	for column, want := range map[Source]string{
		{"stat.daily", "total"}: `stat.daily.total
made of
└── mid.sums.total
    └── raw.balance_changes.total_microccd
part of
└── checks.rises.total
`,
		{"raw.balance_changes", "total_microccd"}: `raw.balance_changes.total_microccd
part of
└── mid.sums.total
    └── stat.daily.total
        └── checks.rises.total
`,
	} {
		if diff := cmp.Diff(want, ColumnText(c, column.Relation, column.Column)); diff != "" {
			t.Error(diff)
		}
	}
}

func TestDiagrams(t *testing.T) {
	c := chain(t)
	g := New(c.Project)
	want := `flowchart LR
    raw__accounts[("raw.accounts")]
    stat__daily["stat.daily → statistics_daily"]
    stg__accounts["stg.accounts"]
    checks__rises["checks.rises"]
    raw__accounts --> stg__accounts
    stat__daily --> checks__rises
    stg__accounts --> stat__daily
`
	got := g.Mermaid(g.Edges("stg.accounts"))
	if diff := cmp.Diff(sortedLines(want), sortedLines(got)); diff != "" {
		t.Error(diff)
	}
	dot := g.DOT(g.Edges(""))
	for _, line := range []string{`"raw.balance_changes" -> "mid.sums";`, `"raw.accounts" [label="raw.accounts" shape=cylinder];`} {
		if !strings.Contains(dot, line) {
			t.Errorf("no %s in %s", line, dot)
		}
	}
	if edges := EdgesAround(c, "mid.sums", "total"); len(edges) != 4 || edges[0].To.Relation != "checks.rises" {
		t.Error(edges)
	}
	edges := ColumnEdges(c, "stat.daily", "total")
	if text := ColumnMermaid(edges); !strings.Contains(text, "    mid__sums__total --> stat__daily__total\n") || !strings.Contains(text, "subgraph mid__sums[\"mid.sums\"]") {
		t.Error(text)
	}
	if text := ColumnDOT(edges); !strings.Contains(text, `    "mid.sums.total" -> "stat.daily.total";`) {
		t.Error(text)
	}
}

func sortedLines(text string) []string { return slices.Sorted(strings.SplitSeq(text, "\n")) }

func TestFind(t *testing.T) {
	g := New(chain(t).Project)
	for name, want := range map[string]string{"daily": "stat.daily", "mid.sums": "mid.sums", "raw.accounts": "raw.accounts", "rises": "checks.rises"} {
		if got, err := g.Find(name); got != want || err != nil {
			t.Errorf("%s: got %s, %v", name, got, err)
		}
	}
	for name, want := range map[string]string{
		"accounts": "name one of raw.accounts, stg.accounts",
		"dayly":    "nearest: stat.daily; nightrunner models lists all",
		"sum":      "there is mid.sums; nightrunner models lists all",
	} {
		if _, err := g.Find(name); engine.HintOf(err) != want {
			t.Errorf("%s: hint %q, want %q", name, engine.HintOf(err), want)
		}
	}
}
