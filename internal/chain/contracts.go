package chain

import "strconv"

// A contract of the chain.
type contract struct {
	index   int
	address string // <index,0>
	name    string // without init_
	owner   *account
	amount  uint64
	v0      bool
}

const (
	agentRegistry = 10082
	starWallet    = 9904
	nameService   = 9353
	// firstInitialized is the index of the first contract that a transaction makes.
	firstInitialized = 11_000
)

// contracts are those of the first day, which are called, and how many came since.
type contracts struct {
	list   []*contract
	people *population
	made   int
	out    *file
	e      *encoder
}

// contractNames: contracts of one name have one module.
func contractNames() []string {
	return []string{"cis2_multi", "s7_nft", "gonana_market", "provenance_tag", "euroe_stablecoin", "bictory_store", "trackAndTrace", "cis5_smart_wallet", "STARZ_wallet"}
}

// moduleOf is the module of all contracts of a name.
func moduleOf(contract string) string { return name("module", contract) }

func newContracts(p *population, out *file, e *encoder) *contracts {
	c := &contracts{people: p, out: out, e: e}
	c.add(agentRegistry, "agent_registry")
	c.add(starWallet, "STARZ_wallet")
	c.add(nameService, "BictoryCns")
	c.add(515, "euroe_stablecoin")
	names := contractNames()
	for i := range 24 {
		c.add(538+61*i, names[i%len(names)])
	}
	for i, one := range c.list {
		one.v0 = i%9 == 3
		if i%3 == 1 || i == 12 {
			one.amount = uint64(i) * 37_000_000_000
		}
	}
	return c
}

func (c *contracts) add(index int, name string) {
	owner := c.people.accounts[index%len(c.people.accounts)]
	c.list = append(c.list, &contract{index: index, address: "<" + strconv.Itoa(index) + ",0>", name: name, owner: owner})
}

func (c *contracts) byIndex(index int) *contract {
	for _, one := range c.list {
		if one.index == index {
			return one
		}
	}
	return nil
}

// writeFirst writes the documents of the first day's contracts: one has nothing but its module, an upgraded one has an
// id besides, some are verified.
func (c *contracts) writeFirst(d day) {
	for i, one := range c.list {
		c.e.startWithID(one.address)
		if i == 8 {
			c.e.text("id", one.address)
		}
		if i != 14 {
			one.write(c.e)
		}
		c.e.text("source_module", moduleOf(one.name))
		if i%10 == 8 {
			c.e.document("module_verification")
			c.e.truth("verified", true)
			c.e.text("verification_status", "verified_success")
			c.e.date("verification_timestamp", d.start.UnixMilli()+5)
			c.e.text("explanation", "Source and module match.")
		}
		c.out.write(c.e.finish())
	}
}

// initialize makes and writes a new contract, which nobody calls.
func (c *contracts) initialize(name string, owner *account, amount uint64) *contract {
	index := firstInitialized + c.made
	c.made++
	one := &contract{index: index, address: "<" + strconv.Itoa(index) + ",0>", name: name, owner: owner, amount: amount}
	c.e.startWithID(one.address)
	one.write(c.e)
	c.e.text("source_module", moduleOf(name))
	c.out.write(c.e.finish())
	return one
}

func (one *contract) write(e *encoder) {
	if one.v0 {
		e.document("v0")
		e.text("model", name("state", one.address)[:26])
	} else {
		e.document("v1")
	}
	e.text("owner", one.owner.address)
	e.amount("amount", one.amount)
	e.array("methods")
	e.text(e.next(), one.name+".balanceOf")
	if one.index%2 == 0 {
		e.text(e.next(), one.name+".mint")
	}
	e.end()
	e.text("name", "init_"+one.name)
	e.text("source_module", moduleOf(one.name))
	e.end()
}

// reference writes the contract's address as transactions have it.
func (one *contract) reference(e *encoder, key string) {
	e.document(key)
	e.integer("index", int64(one.index))
	e.integer("subindex", 0)
	e.end()
}
