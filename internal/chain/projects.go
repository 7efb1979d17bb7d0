package chain

import (
	"strconv"
	"time"
)

// firstProject is the account of the first project; the others' are near it, among those that are busy.
const firstProject = 24

// A project's accounts, modules and contracts. Accounts beyond the population are not there.
type project struct {
	id, display, note string
	accounts          []int
	// since is the day from which transactions were recognized when they came in.
	since     int
	modules   []string
	contracts []int
}

// projects know which project sent a transaction.
type projects struct {
	list       []project
	people     *population
	recognized map[int]recognition // by account
}

// recognition of an account: the project, from a day on.
type recognition struct {
	project string
	since   int
}

// goneProject is one that transactions were recognized for and that is no longer in the collection.
const goneProject = "legacy-dapp"

func projectList() []project {
	return []project{
		{id: "5tars", display: "5TARS ⭐", accounts: []int{firstProject, firstProject + 7}, modules: []string{"STARZ_wallet"}, contracts: []int{9904}},
		{id: "gonana", accounts: []int{firstProject + 1}, modules: []string{"gonana_market"}},
		{id: "provenance", accounts: []int{firstProject + 2}, since: 3, modules: []string{"provenance_tag"}},
		{id: "aesirx", display: "AesirX", accounts: []int{firstProject + 3, firstProject + 4}},
		{id: "panenkafc", accounts: []int{firstProject + 5}},
		{id: "concordium-foundation", accounts: []int{0}},
		// Shares an account with the first project: of two, the later document counts.
		{id: "tacans", note: "stale extra field", accounts: []int{firstProject + 6, firstProject + 7}, modules: []string{"s7_nft"}, contracts: []int{515}},
	}
}

func newProjects(p *population) *projects {
	list := &projects{list: projectList(), people: p, recognized: map[int]recognition{}}
	for _, one := range list.list {
		for _, index := range one.accounts {
			list.recognized[index] = recognition{one.id, one.since}
		}
	}
	list.recognized[firstProject+8] = recognition{project: goneProject}
	return list
}

// of is the project that an account was recognized as on a day, or "". Aliases never are.
func (l *projects) of(address string, a *account, d day) string {
	one, ok := l.recognized[a.index]
	if !ok || d.number < one.since || address != a.address {
		return ""
	}
	return one.project
}

func (l *projects) write(out *file, e *encoder, c *contracts) {
	for _, one := range l.list {
		for _, index := range one.accounts {
			if index < len(l.people.accounts) {
				one.start(e, "address", strconv.Itoa(index), "account_address")
				e.integer("account_index", int64(index))
				e.text("account_address", l.people.accounts[index].address)
				one.finish(out, e)
			}
		}
		for _, index := range one.contracts {
			address := c.byIndex(index).address
			one.start(e, "address", address, "contract_address")
			e.integer("contract_index", int64(index))
			e.text("contract_address", address)
			one.finish(out, e)
		}
		for _, module := range one.modules {
			one.start(e, "module", moduleOf(module), "module")
			e.text("module_ref", moduleOf(module))
			out.write(e.finish())
		}
	}
}

func (one project) start(e *encoder, what, id, kind string) {
	e.startWithID(one.id + "-" + what + "-" + id)
	e.text("project_id", one.id)
	e.text("type", kind)
}

func (one project) finish(out *file, e *encoder) {
	if one.display != "" {
		e.text("display_name", one.display)
	}
	if one.note != "" {
		e.text("note", one.note)
	}
	out.write(e.finish())
}

// record writes projects.json as it was asked for in the night after the first day: what the collection has as well.
func (l *projects) record(out *file, d day) error {
	list := map[string]any{}
	for _, one := range l.list {
		accounts, modules := []any{}, []string{}
		for _, index := range one.accounts {
			if index < len(l.people.accounts) {
				accounts = append(accounts, map[string]any{"account_index": index, "account_address": l.people.accounts[index].address})
			}
		}
		for _, name := range one.modules {
			modules = append(modules, moduleOf(name))
		}
		list[one.id] = map[string]any{"display_name": one.display, "url": "", "description": "", "mainnet": map[string]any{"account_addresses": accounts, "modules": modules}}
	}
	return out.line(recorded{Fetched: d.start.Add(26 * time.Hour).Format(time.RFC3339), Answer: list})
}
