package chain

import "math"

// A token is a protocol-level token. Amounts are in its smallest unit.
type token struct {
	id, title string
	decimals  int
	// born is the day of its creation, governor the account that mints and burns.
	born     int
	governor *account
	initial  uint64
	// tracks is the currency, "" a null; untracked tokens have no such field. Curated ones have a price and more.
	tracks              string
	untracked, curated  bool
	allowList, denyList bool
	// listed tokens are in plts_tags.
	listed bool
	alive  bool
	supply uint64
}

// tokens and their supply: what was created and minted without what was burned.
type tokens struct {
	list       []*token
	tags, book *file
	e          *encoder
}

func newTokens(p *population, tags, book *file, e *encoder) *tokens {
	t := &tokens{tags: tags, book: book, e: e, list: []*token{
		{id: "EURR", title: "EURR Stable €", decimals: 6, born: 1, initial: 1_000_000_000_000, tracks: "EUR", curated: true, allowList: true, denyList: true, listed: true},
		{id: "USDR", title: "USDR token", decimals: 6, born: 2, tracks: "USD", curated: true, allowList: true, listed: true},
		{id: "GBPX", title: "GBPX token", decimals: 2, born: 4, initial: 500_000, tracks: "GBP", listed: true},
		{id: "BIGN18", title: "BIGN18 token", decimals: 18, born: 6, initial: 12_345_678_901_234_567_890, listed: true},
		{id: "JPYc", title: "JPYc token", initial: 12_345_678, born: 8, tracks: "JPY", listed: true},
		{id: "NOTAG", title: "NOTAG token", decimals: 6, born: 9, initial: 4_261_694_852},
		{id: "goldX", title: "goldX token", decimals: 4, born: 11, initial: 9_230_918_445, untracked: true, listed: true},
	}}
	for i, one := range t.list {
		one.governor = p.accounts[2+i]
	}
	return t
}

func (t *tokens) born(d day) []*token {
	var list []*token
	for _, one := range t.list {
		if one.born == d.number {
			list = append(list, one)
		}
	}
	return list
}

// living is the nth of the tokens that are there, counted round; nil when there is none.
func (t *tokens) living(n int) *token {
	alive := 0
	for _, one := range t.list {
		if one.alive {
			alive++
		}
	}
	if alive == 0 {
		return nil
	}
	// Tokens are born in the order of the list.
	return t.list[n%alive]
}

// mint returns how much was minted: never more than an amount can hold.
func (one *token) mint(amount uint64) uint64 {
	amount = min(amount, math.MaxUint64-one.supply)
	one.supply += amount
	return amount
}

// burn returns how much was burned.
func (one *token) burn(amount uint64) uint64 {
	amount = min(amount, one.supply)
	one.supply -= amount
	return amount
}

// unit is one whole token.
func (one *token) unit() uint64 {
	unit := uint64(1)
	for range one.decimals {
		unit *= 10
	}
	return unit
}

// parameters writes how a token was created.
func (one *token) parameters(e *encoder) {
	e.document("initialization_parameters")
	e.text("name", one.title)
	e.document("metadata")
	e.text("url", "https://meta.example.org/"+one.id+".json")
	e.text("checksumSha256", name("metadata", one.id))
	e.end()
	account := func(key string) {
		e.document(key)
		e.text("account", one.governor.address)
		e.end()
	}
	account("governance_account")
	e.truth("allow_list", one.allowList)
	e.truth("deny_list", one.denyList)
	e.truth("mintable", true)
	e.truth("burnable", true)
	if one.initial > 0 {
		one.amount(e, "initial_supply", one.initial)
	}
	e.end()
}

func (one *token) amount(e *encoder, key string, value uint64) {
	e.document(key)
	e.number("value", value)
	e.integer("decimals", int64(one.decimals))
	e.end()
}

// enter writes a new token into plts_tags, and its governor among the labelled accounts.
func (t *tokens) enter(one *token) {
	one.alive = true
	label{index: one.governor.index, address: one.governor.address, group: "PLT-Governance", meaning: "GA-" + one.id}.write(t.book, t.e)
	if !one.listed {
		return
	}
	t.e.startWithID(one.id)
	t.e.text("token_id", one.id)
	t.e.text("token_module", name("token module"))
	t.e.integer("decimals", int64(one.decimals))
	one.parameters(t.e)
	if one.curated {
		one.curate(t.e)
	}
	switch {
	case one.untracked:
	case one.tracks == "":
		t.e.null("stablecoin_tracks")
	default:
		t.e.text("stablecoin_tracks", one.tracks)
	}
	t.tags.write(t.e.finish())
}

func (one *token) curate(e *encoder) {
	picture := "https://meta.example.org/" + one.id + ".png"
	e.document("token_metadata")
	e.text("name", one.id)
	e.text("symbol", one.id)
	e.integer("decimals", int64(one.decimals))
	e.text("description", "Régulé – 100% réservé")
	e.text("thumbnail", picture)
	e.text("display", picture)
	e.end()
	e.text("display_name", one.id+" (StablR)")
	e.text("get_price_from", one.id)
	e.text("logo_url", "/static/logos/"+one.id+".png")
}

// writeInfo writes the supply of each token at the day's last block.
func (t *tokens) writeInfo(out *file, d day) error {
	type info struct {
		Date     string `json:"date"`
		Token    string `json:"token"`
		Value    string `json:"value"`
		Decimals int    `json:"decimals"`
		Hash     string `json:"block_hash"`
	}
	for _, one := range t.list {
		if !one.alive {
			continue
		}
		if err := out.line(info{d.date, one.id, digits(one.supply), one.decimals, hash(d.last)}); err != nil {
			return err
		}
	}
	return nil
}
