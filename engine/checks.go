package engine

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/zeebo/xxh3"

	"github.com/ccdexplorer/nightrunner/internal/wording"
)

// checker runs checks for one run.
type checker struct {
	w        *Warehouse
	p        *Project
	run      int64
	versions versions
	known    map[string]knownCheck
	observer Observer
	steps    []Step
	// results are rows for ops.check_results.
	results []string
}

type knownCheck struct {
	inputs uint64
	run    int64
	rows   int64
}

// exampleRows is how many failing rows a report names.
const exampleRows = 10

// Check runs the checks whose inputs changed since they were run last. bad models are not checked. It returns all checks
// that find rows, also those found by an earlier run.
func (w *Warehouse) Check(ctx context.Context, p *Project, run int64, bad func(model string) bool, observer Observer) ([]CheckResult, []Step, error) {
	c := &checker{w: w, p: p, run: run, known: map[string]knownCheck{}, observer: observer}
	var err error
	if c.versions, err = w.versions(ctx); err != nil {
		return nil, nil, err
	}
	if err := c.readKnown(ctx); err != nil {
		return nil, nil, err
	}
	for _, m := range p.Models {
		if len(m.Checks) > 0 && !bad(m.Name) && c.exists(m) {
			c.step(ctx, m, c.checkModel)
		}
	}
	for _, m := range p.Checks {
		if !slices.ContainsFunc(p.leaves(m), bad) && c.exists(m) {
			c.step(ctx, m, c.checkFile)
		}
	}
	if err := c.write(ctx); err != nil {
		return nil, c.steps, fmt.Errorf("write ops.check_results: %w", err)
	}
	if err := c.forgetOthers(ctx); err != nil {
		return nil, c.steps, err
	}
	results, err := failedChecks(ctx, w.conn)
	return results, c.steps, err
}

// exists: with --select or after a failure some models have not been built yet.
func (c *checker) exists(m *Model) bool {
	need := c.p.needs(m)
	if c.p.byName[m.Name] != nil {
		need = append(need, m.Name)
	}
	for _, name := range need {
		if _, built := c.versions[name]; !built {
			return false
		}
	}
	return true
}

func (c *checker) readKnown(ctx context.Context) error {
	err := c.w.each(ctx, func(rows *sql.Rows) error {
		var model, name string
		var k knownCheck
		if err := rows.Scan(&model, &name, &k.inputs, &k.run, &k.rows); err != nil {
			return err
		}
		c.known[model+" "+name] = k
		return nil
	}, "select model, check_name, inputs, run_id, failure_count from ops.check_results")
	if err != nil {
		return fmt.Errorf("read ops.check_results: %w", err)
	}
	return nil
}

func (c *checker) step(ctx context.Context, m *Model, check func(context.Context, *Model, *Step) error) {
	step := Step{Phase: PhaseCheck, Name: m.Name, Status: StatusFresh}
	c.observer.Begin(PhaseCheck, m.Name, len(c.steps)+1, 0)
	start := c.w.now()
	if err := check(ctx, m, &step); err != nil {
		step.Status, step.Message = StatusFailed, c.w.modelProblem(ctx, c.p, m, err).Error()
		if saveErr := c.save(m, Check{Kind: "cannot run", Severity: SeverityError}, 0, 1, []string{step.Message}); saveErr != nil {
			step.Message += "; " + saveErr.Error()
		}
	}
	step.Seconds = c.w.now().Sub(start).Seconds()
	c.steps = append(c.steps, step)
	c.observer.End(step)
}

// checkModel runs the checks of a header with one query over the days that were built since they passed.
func (c *checker) checkModel(ctx context.Context, m *Model, step *Step) error {
	version := c.versions.of(c.p, m)
	var due []Check
	after := int64(0)
	for _, check := range m.Checks {
		known, there := c.known[m.Name+" "+check.Name()]
		inputs := c.inputs(version, check)
		if there && known.inputs == inputs {
			continue
		}
		due = append(due, check)
		if !there || known.rows > 0 {
			after = -1
		} else if after >= 0 {
			after = max(after, known.run)
		}
	}
	if len(due) == 0 {
		return nil
	}
	step.Status = StatusDone
	scope := m.Name
	if days := c.p.builtDays(m, after); days != "" && after >= 0 {
		scope = fmt.Sprintf("(from %s where date in (%s))", m.Name, days)
	}
	counts, err := c.count(ctx, due, m, scope)
	if err != nil {
		return err
	}
	for i, check := range due {
		if err := c.saveFound(ctx, m, check, scope, counts[i], step); err != nil {
			return err
		}
	}
	return nil
}

// inputs of a check: what it reads and what it says.
func (c *checker) inputs(version uint64, check Check) uint64 {
	return xxh3.HashString(fmt.Sprintf("%d %s %s", version, check.Severity, check.Name()))
}

// count finds how many rows break each check, in one pass over the scope. Unique checks whose key has no date look at all
// days, on their own.
func (c *checker) count(ctx context.Context, checks []Check, m *Model, scope string) ([]int64, error) {
	columns := make([]string, len(checks))
	for i, check := range checks {
		switch {
		case check.Kind != "unique":
			columns[i] = fmt.Sprintf("count(*) filter (where not (%s))", check.Condition)
		case check.wide(m):
			columns[i] = fmt.Sprintf("(select count(*) from (%s))", check.duplicates(m, scope))
		default:
			columns[i] = fmt.Sprintf("count(*) - count(distinct (%s))", check.key())
		}
	}
	counts := make([]int64, len(checks))
	// The first count makes it one row, whatever the others are.
	var rows int64
	into := []any{&rows}
	for i := range counts {
		into = append(into, &counts[i])
	}
	err := c.w.conn.QueryRowContext(ctx, "select count(*), "+strings.Join(columns, ", ")+" from "+scope+" as t").Scan(into...)
	return counts, err
}

// wide: a key without the date is looked for in all days.
func (c Check) wide(m *Model) bool { return m.Daily() && !slices.Contains(c.Columns, "date") }

func (c Check) key() string {
	var list []string
	for _, column := range c.Columns {
		list = append(list, identifier(column))
	}
	return strings.Join(list, ", ")
}

// duplicates are the keys that stand more than once.
func (c Check) duplicates(m *Model, scope string) string {
	if c.wide(m) {
		scope = m.Name
	}
	return fmt.Sprintf("select %[1]s, count(*) as row_count from %[2]s group by %[1]s having count(*) > 1", c.key(), scope)
}

func (c *checker) saveFound(ctx context.Context, m *Model, check Check, scope string, count int64, step *Step) error {
	var examples []string
	if count > 0 {
		query := fmt.Sprintf("select * from %s as t where not (%s)", scope, check.Condition)
		if check.Kind == "unique" {
			query = check.duplicates(m, scope)
		}
		var err error
		if examples, err = c.examples(ctx, query); err != nil {
			return err
		}
		found(step, check, count)
	}
	return c.save(m, check, c.inputs(c.versions.of(c.p, m), check), count, examples)
}

// found puts what a check found into its step.
func found(step *Step, check Check, count int64) {
	step.Rows += count
	if step.Message != "" {
		step.Message += "; "
	}
	step.Message += check.Name() + ": " + wording.Count(count, "row")
	if check.Severity == SeverityError {
		step.Status = StatusFailed
	} else if step.Status != StatusFailed {
		step.Status = StatusWarned
	}
}

func (c *checker) examples(ctx context.Context, query string) ([]string, error) {
	var list []string
	return list, c.w.each(ctx, func(rows *sql.Rows) error {
		var row string
		err := rows.Scan(&row)
		list = append(list, row)
		return err
	}, fmt.Sprintf("select to_json(t)::varchar from (%s) as t limit %d", query, exampleRows))
}

// checkFile runs a query of sql/checks that must return no rows.
func (c *checker) checkFile(ctx context.Context, m *Model, step *Step) error {
	check := Check{Severity: m.Severity, Kind: "query", Text: m.File}
	inputs := c.inputs(c.versions.of(c.p, m), check)
	if known, there := c.known[m.Name+" "+check.Name()]; there && known.inputs == inputs {
		return nil
	}
	step.Status = StatusDone
	var count int64
	var examples []string
	err := c.w.each(ctx, func(rows *sql.Rows) error {
		var row string
		err := rows.Scan(&row, &count)
		examples = append(examples, row)
		return err
	}, fmt.Sprintf("select to_json(t)::varchar, count(*) over () from (%s\n) as t limit %d", m.SQL, exampleRows))
	if err != nil {
		return err
	}
	if count > 0 {
		found(step, check, count)
	}
	return c.save(m, check, inputs, count, examples)
}

// save keeps a result until all are written.
func (c *checker) save(m *Model, check Check, inputs uint64, count int64, examples []string) error {
	encoded, err := json.Marshal(examples)
	if err != nil {
		return err
	}
	status := "passed"
	if count > 0 {
		status = "failed"
	}
	c.results = append(c.results, fmt.Sprintf("(%s, %s, %s, %s, %d, %s, %d::ubigint, %d)",
		quote(check.Name()), quote(m.Name), quote(check.Severity), quote(status), count, quote(string(encoded)), inputs, c.run))
	return nil
}

// write replaces the results of the checks that were run.
func (c *checker) write(ctx context.Context) error {
	if len(c.results) == 0 {
		return nil
	}
	return c.w.transact(ctx, func() error {
		return c.w.exec(ctx, fmt.Sprintf(`create or replace temp table found_results as from ops.check_results limit 0;
			insert into temp.found_results values %s;
			delete from ops.check_results where (model, check_name) in (select (model, check_name) from temp.found_results)
				or model in (select model from temp.found_results) and check_name like 'cannot run%%';
			insert into ops.check_results from temp.found_results`, strings.Join(c.results, ", ")))
	})
}

// forgetOthers drops results of checks that no file holds any more.
func (c *checker) forgetOthers(ctx context.Context) error {
	valid, files := map[string]bool{}, map[string]bool{}
	for _, m := range slices.Concat(c.p.Models, c.p.Checks) {
		files[m.Name] = true
	}
	for _, m := range c.p.Models {
		for _, check := range m.Checks {
			valid[m.Name+" "+check.Name()] = true
		}
	}
	for _, m := range c.p.Checks {
		valid[m.Name+" query "+m.File] = true
	}
	for key := range c.known {
		model, name, _ := strings.Cut(key, " ")
		if valid[key] || strings.HasPrefix(name, "cannot run") && files[model] {
			continue
		}
		if err := c.w.exec(ctx, "delete from ops.check_results where model = ? and check_name = ?", model, name); err != nil {
			return err
		}
	}
	return nil
}

func failedChecks(ctx context.Context, db queryer) ([]CheckResult, error) {
	var results []CheckResult
	err := eachRow(ctx, db, func(rows *sql.Rows) error {
		var r CheckResult
		var examples string
		if err := rows.Scan(&r.Model, &r.Check, &r.Severity, &r.Rows, &examples); err != nil {
			return err
		}
		results = append(results, r)
		return json.Unmarshal([]byte(examples), &results[len(results)-1].Examples)
	}, "select model, check_name, severity, failure_count, examples from ops.check_results where failure_count > 0 order by severity, model, check_name")
	if err != nil {
		return nil, fmt.Errorf("read ops.check_results: %w", err)
	}
	return results, nil
}

// blockedStatistics are the models whose export failed checks with severity error stop, each with the check's name. A check
// on a step in between stops all statistics that follow from it; a file in sql/checks those it reads, or when it reads
// none, those that follow from what it reads.
func (p *Project) blockedStatistics(results []CheckResult) map[string]string {
	blocked := map[string]string{}
	for _, r := range results {
		if r.Severity != SeverityError {
			continue
		}
		for _, name := range p.stoppedBy(r.Model) {
			blocked[name] = fmt.Sprintf("check %q found %s", r.Check, wording.Count(r.Rows, "row"))
		}
	}
	return blocked
}

func (p *Project) stoppedBy(model string) []string {
	if p.byName[model] != nil {
		return p.exportedFrom(model)
	}
	var direct, all []string
	for _, check := range p.Checks {
		if check.Name != model {
			continue
		}
		for _, name := range check.Reads {
			if read := p.byName[name]; read != nil && read.Export != "" {
				direct = append(direct, name)
			}
			all = append(all, p.exportedFrom(name)...)
		}
	}
	if len(direct) > 0 {
		return direct
	}
	return all
}

// exportedFrom is the model itself when it is exported, else the exported models that follow from it.
func (p *Project) exportedFrom(name string) []string {
	if m := p.byName[name]; m != nil && m.Export != "" {
		return []string{name}
	}
	follow := map[string]bool{}
	p.downstream(name, follow)
	var list []string
	for other := range follow {
		if p.byName[other].Export != "" {
			list = append(list, other)
		}
	}
	slices.Sort(list)
	return list
}
