package chain

import (
	"math/big"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.mongodb.org/mongo-driver/v2/bson"
)

func TestHeightsAndDays(t *testing.T) {
	dir := filepath.Join(generate(t, month()), mainnetDump)
	days := map[string]bson.Raw{}
	lastBefore := int64(firstHeight - 1)
	for _, one := range documents(t, dir, "blocks_per_day") {
		date, first, last := text(one, "date"), integer(one, "height_for_first_block"), integer(one, "height_for_last_block")
		days[date] = one
		gap := map[string]int64{"2025-01-17": gapBlocks, "2025-01-19": blocksPerDay}[date]
		if first-lastBefore-1 != gap || last < first {
			t.Errorf("%s is %d to %d after %d", date, first, last, lastBefore)
		}
		if text(one, "hash_for_first_block") != hash(int(first)) || text(one, "hash_for_last_block") != hash(int(last)) {
			t.Errorf("%s has other hashes", date)
		}
		lastBefore = last
	}
	if len(days) != month().Days-1 || days["2025-01-18"] != nil {
		t.Errorf("%d days", len(days))
	}
	seen := map[string]int{}
	for _, one := range documents(t, dir, "transactions") {
		height, date := integer(one, "block_info", "height"), dayOfTransaction(one)
		if text(one, "block_info", "hash") != hash(int(height)) {
			t.Errorf("height %d has another hash", height)
		}
		switch day := days[date]; {
		case day == nil:
			seen["missing"]++
		case height < integer(day, "height_for_first_block"):
			seen["gap"]++
		case height > integer(day, "height_for_last_block"):
			t.Errorf("height %d of %s is beyond its day", height, date)
		case height == integer(day, "height_for_first_block"):
			seen["first"]++
			if one.Lookup("block_info", "slot_time").DateTime() != day.Lookup("slot_time_for_first_block").DateTime() {
				t.Errorf("the first block of %s has two times", date)
			}
		case height == integer(day, "height_for_last_block"):
			seen["last"]++
		}
	}
	if seen["gap"] < 2 || seen["missing"] != month().TransactionsPerDay || seen["first"] < 30 || seen["last"] < 30 {
		t.Errorf("transactions at the edges of days: %v", seen)
	}
}

func TestAFewTransactionsAreLate(t *testing.T) {
	list := documents(t, filepath.Join(generate(t, month()), mainnetDump), "transactions")
	highest, late := int64(0), 0
	type place struct{ height, index int64 }
	places := map[place]bool{}
	for _, one := range list {
		here := place{integer(one, "block_info", "height"), integer(one, "index")}
		if places[here] {
			t.Errorf("two transactions at %+v", here)
		}
		places[here] = true
		if here.height < highest {
			late++
		}
		highest = max(highest, here.height)
	}
	if late < len(list)/200 || late > len(list)/50 {
		t.Errorf("%d of %d are late", late, len(list))
	}
	for here := range places {
		if here.index > 0 && !places[place{here.height, here.index - 1}] {
			t.Errorf("%+v has none before it in its block", here)
		}
	}
}

func TestEveryKindOccurs(t *testing.T) {
	list := documents(t, filepath.Join(generate(t, month()), mainnetDump), "transactions")
	seen := map[string]int{}
	for _, one := range list {
		kinds := 0
		for _, kind := range []string{"account_transaction", "account_creation", "update", "token_creation"} {
			if has(one, kind) {
				kinds++
			}
		}
		if kinds != 1 {
			t.Errorf("%d kinds in %s", kinds, one)
		}
		seen[text(one, "type", "type")+"/"+text(one, "type", "contents")]++
		seen["additional "+text(one, "type", "additional_data")]++
		note := func(what string, is bool) {
			if is {
				seen[what]++
			}
		}
		note("null contents", one.Lookup("type", "contents").Type == bson.TypeNull && has(one, "type", "contents"))
		note("no type", !has(one, "type"))
		note("project", has(one, "recognized_sender_id"))
		note("gone project", text(one, "recognized_sender_id") == goneProject)
		note("sponsored", has(one, "account_transaction", "sponsor"))
		note("effective time", has(one, "update", "effective_time"))
		if reason, ok := one.Lookup("account_transaction", "effects", "none", "reject_reason").DocumentOK(); ok {
			elements, _ := reason.Elements()
			note("empty reason", len(elements) == 0)
			note("reason", len(elements) == 1 && elements[0].Key() == text(one, "type", "contents"))
			note("amount beyond an int64", text(one, "account_transaction", "effects", "none", "reject_reason", "amount_too_large", "amount") != "")
		} else if effects, ok := one.Lookup("account_transaction", "effects").DocumentOK(); ok && text(one, "type", "type") == "account_transaction" && text(one, "type", "contents") != "" {
			if first := effects.Index(0).Key(); first != text(one, "type", "contents") {
				t.Errorf("the effects of %s are %s", text(one, "type", "contents"), first)
			}
		}
	}
	for _, kind := range []string{
		"account_transfer", "data_registered", "contract_update_issued", "token_update_effect", "transferred_with_schedule", "baker_configured",
		"delegation_configured", "contract_initialized", "module_deployed", "meta_update_effect", "transferred_to_public", "transferred_to_encrypted",
		"encrypted_amount_transferred", "credentials_updated", "credential_keys_updated", "baker_added", "baker_removed", "amount_too_large",
		"out_of_energy", "rejected_receive", "not_a_delegator", "non_existent_token_id",
	} {
		if seen["account_transaction/"+kind] == 0 {
			t.Errorf("no %s", kind)
		}
	}
	for _, kind := range []string{
		"account_creation/normal", "account_creation/initial", "update/micro_ccd_per_euro_update", "update/euro_per_energy_update", "update/protocol_update",
		"token_creation/create_plt", "quantum_item_v2/entanglement_registered", "lock_operation/lock_operation", "additional transfer", "additional mint",
		"additional burn", "null contents", "no type", "account_transaction/", "project", "gone project", "sponsored", "effective time", "empty reason", "reason",
		"amount beyond an int64",
	} {
		if seen[kind] == 0 {
			t.Errorf("no %s", kind)
		}
	}
}

// supplies adds up the events of every token until the end of each day.
func supplies(list []bson.Raw) map[string]map[string]*big.Int {
	slices.SortStableFunc(list, func(a, b bson.Raw) int {
		return int(integer(a, "block_info", "height") - integer(b, "block_info", "height"))
	})
	now, days := map[string]*big.Int{}, map[string]map[string]*big.Int{}
	for _, one := range list {
		if id := text(one, "token_creation", "create_plt", "token_id"); id != "" {
			now[id] = new(big.Int)
		}
		for _, path := range [][]string{{"token_creation", "events"}, {"account_transaction", "effects", "token_update_effect", "events"}, {"account_transaction", "effects", "meta_update_effect", "events"}} {
			array, _ := one.Lookup(path...).ArrayOK()
			events, _ := array.Values()
			for _, event := range events {
				count(now, event.Document())
			}
		}
		day := map[string]*big.Int{}
		for id, supply := range now {
			day[id] = new(big.Int).Set(supply)
		}
		days[dayOfTransaction(one)] = day
	}
	return days
}

func count(now map[string]*big.Int, event bson.Raw) {
	for kind, sign := range map[string]int64{"mint_event": 1, "burn_event": -1} {
		inside, ok := event.Lookup(kind).DocumentOK()
		if !ok {
			continue
		}
		id := text(event, "token_id")
		if id == "" {
			id = text(inside, "token_id")
		}
		amount, _ := new(big.Int).SetString(text(inside, "amount", "value"), 10)
		now[id].Add(now[id], amount.Mul(amount, big.NewInt(sign)))
	}
}

func TestTokenSupplies(t *testing.T) {
	dir := generate(t, month())
	want := map[string]string{}
	for date, day := range supplies(documents(t, filepath.Join(dir, mainnetDump), "transactions")) {
		for id, supply := range day {
			if date != "2025-01-18" {
				want[date+" "+id] = supply.String()
			}
		}
	}
	got := map[string]string{}
	tokens, decimals := map[string]bool{}, map[string]int{}
	for _, one := range lines[struct {
		Date, Token, Value string
		Decimals           int
	}](t, filepath.Join(dir, "node/token_info.jsonl")) {
		got[one.Date+" "+one.Token] = one.Value
		tokens[one.Token], decimals[one.Token] = true, one.Decimals
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("supplies (-transactions +node):\n%s", diff)
	}
	for _, one := range documents(t, filepath.Join(dir, mainnetDump), "plts_tags") {
		id := text(one, "_id")
		if !tokens[id] || decimals[id] != int(integer(one, "decimals")) {
			t.Errorf("plts_tags has %s with %d decimals", id, integer(one, "decimals"))
		}
		delete(tokens, id)
	}
	if diff := cmp.Diff(map[string]bool{"NOTAG": true}, tokens); diff != "" {
		t.Errorf("tokens without tags (-want +got):\n%s", diff)
	}
	most := new(big.Int)
	for _, value := range got {
		number, _ := new(big.Int).SetString(value, 10)
		if number.Cmp(most) > 0 {
			most = number
		}
	}
	if most.BitLen() != 64 {
		t.Errorf("no supply passes 2^63: the largest is %s", most)
	}
}

// TestParametersAreTheUpdates: the last update whose time (of its block, or when it takes effect if that is later) is not
// after the day's last block is what the node says.
func TestParametersAreTheUpdates(t *testing.T) {
	dir := generate(t, month())
	type update struct {
		at     int64
		height int64
		value  string
	}
	updates := map[string][]update{}
	for _, one := range documents(t, filepath.Join(dir, mainnetDump), "transactions") {
		for _, kind := range []string{"micro_ccd_per_euro", "euro_per_energy"} {
			value, ok := one.Lookup("update", "payload", kind+"_update").DocumentOK()
			if !ok {
				continue
			}
			at := max(one.Lookup("block_info", "slot_time").DateTime(), integer(one, "update", "effective_time")*1000)
			updates[kind] = append(updates[kind], update{at, integer(one, "block_info", "height"), text(value, "numerator") + "/" + text(value, "denominator")})
		}
	}
	for kind, list := range updates {
		slices.SortFunc(list, func(a, b update) int { return int(a.height - b.height) })
		if !slices.IsSortedFunc(list, func(a, b update) int { return int(a.at - b.at) }) {
			t.Errorf("a later %s takes effect earlier", kind)
		}
	}
	inForce := func(kind string, until int64, first string) string {
		for _, one := range updates[kind] {
			if one.at <= until {
				first = one.value
			}
		}
		return first
	}
	days := documents(t, filepath.Join(dir, mainnetDump), "blocks_per_day")
	type number struct{ Numerator, Denominator string }
	list := lines[struct {
		Date          string
		Height        int64  `json:"block_height"`
		MicroPerEuro  number `json:"micro_ccd_per_euro"`
		EuroPerEnergy number `json:"euro_per_energy"`
	}](t, filepath.Join(dir, "node/chain_parameters.jsonl"))
	if len(list) != len(days) {
		t.Fatalf("parameters of %d days, %d days", len(list), len(days))
	}
	waits := 0
	for i, one := range list {
		until := days[i].Lookup("slot_time_for_last_block").DateTime()
		if one.Date != text(days[i], "date") || one.Height != integer(days[i], "height_for_last_block") {
			t.Errorf("parameters of %s at %d", one.Date, one.Height)
		}
		want := inForce("micro_ccd_per_euro", until, "") + " " + inForce("euro_per_energy", until, "1/1000000")
		got := one.MicroPerEuro.Numerator + "/" + one.MicroPerEuro.Denominator + " " + one.EuroPerEnergy.Numerator + "/" + one.EuroPerEnergy.Denominator
		if got != want {
			t.Errorf("%s: the node says %s, the updates %s", one.Date, got, want)
		}
		if inForce("micro_ccd_per_euro", until+int64(time.Hour/time.Millisecond), "") != inForce("micro_ccd_per_euro", until, "") {
			waits++
		}
	}
	if waits < 8 || len(updates["euro_per_energy"]) == 0 {
		t.Errorf("%d updates wait beyond midnight, %d of energy", waits, len(updates["euro_per_energy"]))
	}
}

func TestImpactsFollowFromTransactions(t *testing.T) {
	dir := filepath.Join(generate(t, month()), mainnetDump)
	transactions := map[string]bson.Raw{}
	for _, one := range documents(t, dir, "transactions") {
		transactions[text(one, "_id")] = one
	}
	seen, senders := map[string]int{}, map[string]bool{}
	for _, one := range documents(t, dir, "impacted_addresses") {
		address, id := text(one, "impacted_address"), text(one, "impacted_address_canonical")
		if len(address) == accountLength && id != address[:29] || len(address) != accountLength && id != address {
			t.Errorf("%s is canonically %s", address, id)
		}
		switch {
		case strings.HasPrefix(address, "<"):
			seen["contract"]++
		case len(id) == 29:
			seen["account"]++
		case len(id) == 64:
			seen["key"]++
		default:
			seen["other"]++
		}
		if text(one, "effect_type") == "Account Reward" {
			seen["reward"]++
			continue
		}
		tx := transactions[text(one, "tx_hash")]
		if tx == nil || integer(one, "block_height") != integer(tx, "block_info", "height") || has(one, "effect_type") && text(one, "effect_type") != text(tx, "type", "contents") {
			t.Fatalf("not of its transaction: %s", one)
		}
		if !has(one, "date") {
			seen["no date"]++
		} else if text(one, "date") != dayOfTransaction(tx) {
			t.Errorf("another date than its transaction: %s", one)
		}
		if fee := integer(one, "balance_movement", "transaction_fee"); fee > 0 {
			senders[text(tx, "_id")] = true
			if fee != integer(tx, "account_transaction", "cost") || id != text(tx, "account_transaction", "sender")[:29] {
				t.Errorf("another fee or sender than its transaction: %s", one)
			}
		}
		if has(one, "event_type") {
			seen["event"]++
		}
	}
	for id, tx := range transactions {
		if integer(tx, "account_transaction", "cost") > 0 && !senders[id] {
			t.Errorf("the sender of %s is not impacted", id)
		}
	}
	for _, kind := range []string{"contract", "account", "key", "other", "reward", "no date", "event"} {
		if seen[kind] == 0 {
			t.Errorf("no %s", kind)
		}
	}
}

// TestTransfersAreImpacts: the amounts of transfers are what the addresses gave and got.
func TestTransfersAreImpacts(t *testing.T) {
	dir := filepath.Join(generate(t, month()), mainnetDump)
	var sent, out, in big.Int
	for _, one := range documents(t, dir, "transactions") {
		sent.Add(&sent, big.NewInt(integer(one, "account_transaction", "effects", "account_transfer", "amount")))
	}
	for _, one := range documents(t, dir, "impacted_addresses") {
		if text(one, "effect_type") != "account_transfer" {
			continue
		}
		for key, sum := range map[string]*big.Int{"transfer_out": &out, "transfer_in": &in} {
			array, _ := one.Lookup("balance_movement", key).ArrayOK()
			moves, _ := array.Values()
			for _, move := range moves {
				sum.Add(sum, big.NewInt(integer(move.Document(), "amount")))
			}
		}
	}
	if sent.Sign() == 0 || sent.Cmp(&out) != 0 || sent.Cmp(&in) != 0 {
		t.Errorf("transfers of %s, %s given, %s got", &sent, &out, &in)
	}
}

func TestLoggedEventsAreInTransactions(t *testing.T) {
	dir := filepath.Join(generate(t, month()), mainnetDump)
	transactions := map[string]bson.Raw{}
	logged := 0
	for _, one := range documents(t, dir, "transactions") {
		transactions[text(one, "_id")] = one
		walkDocument(one, func(path string, _ bson.RawValue) {
			if strings.HasSuffix(path, "ed.events[]") && strings.Contains(path, "contract_update_issued") {
				logged++
			}
		})
	}
	kinds, agents := map[string]int{}, 0
	list := documents(t, dir, "tokens_logged_events_v2")
	for _, one := range list {
		tx := transactions[text(one, "tx_info", "tx_hash")]
		effect, event := strconv.Itoa(int(integer(one, "event_info", "effect_index"))), strconv.Itoa(int(integer(one, "event_info", "event_index")))
		how := "updated"
		if strings.Contains(text(one, "_id"), "-interrupted-") {
			how = "interrupted"
		}
		raw := text(tx, "account_transaction", "effects", "contract_update_issued", "effects", effect, how, "events", event)
		index := integer(tx, "account_transaction", "effects", "contract_update_issued", "effects", effect, how, "address", "index")
		if raw == "" || raw != text(one, "event_info", "logged_event") || text(one, "event_info", "contract") != "<"+strconv.Itoa(int(index))+",0>" {
			t.Fatalf("not of its transaction: %s", one)
		}
		if integer(one, "tx_info", "tx_index") != integer(tx, "index") || integer(one, "tx_info", "block_height") != integer(tx, "block_info", "height") {
			t.Errorf("another place than its transaction: %s", one)
		}
		kind := text(one, "event_info", "event_type")
		kinds[kind]++
		if kind == tokenMinted && text(one, "event_info", "contract") == "<10082,0>" {
			agents++
		}
	}
	if len(list) != logged {
		t.Errorf("%d events in transactions, %d documents", logged, len(list))
	}
	for _, kind := range []string{"", tokenMinted, tokenSent, agentRegistered, walletNonce, walletDeposit, walletTransfer} {
		if kinds[kind] == 0 {
			t.Errorf("no event of kind %q", kind)
		}
	}
	if agents == 0 {
		t.Error("no agent was minted")
	}
}

func TestAccountsAreThoseOfTheSnapshots(t *testing.T) {
	dir := generate(t, month())
	accounts := map[string]string{} // by canonical address
	for _, one := range documents(t, filepath.Join(dir, mainnetDump), "stable_address_info") {
		accounts[text(one, "_id")] = text(one, "account_address")
	}
	created, aliases := 0, 0
	for _, one := range documents(t, filepath.Join(dir, mainnetDump), "transactions") {
		if sender := text(one, "account_transaction", "sender"); sender != "" {
			if accounts[sender[:29]] == "" {
				t.Errorf("%s is not known", sender)
			}
			if accounts[sender[:29]] != sender {
				aliases++
				if has(one, "recognized_sender_id") {
					t.Errorf("an alias was recognized: %s", sender)
				}
			}
		}
		if address := text(one, "account_creation", "address"); address != "" {
			created++
			if accounts[address[:29]] != address {
				t.Errorf("%s was created and is not known", address)
			}
		}
	}
	if want := len(accounts) - month().Accounts; created != want || created == 0 || aliases == 0 {
		t.Errorf("%d accounts created, %d are new, %d senders are aliases", created, want, aliases)
	}
	labelled := map[string]int{}
	for _, one := range documents(t, filepath.Join(dir, utilitiesDump), "labeled_accounts") {
		labelled[text(one, "label_group")]++
		if address := text(one, "_id"); len(address) == accountLength && has(one, "account_index") && accounts[address[:29]] != address {
			t.Errorf("%s is labelled and not known", address)
		}
	}
	if labelled["exchanges"] < 5 || labelled["PLT-Governance"] != 7 {
		t.Errorf("labels: %v", labelled)
	}
}

func TestReleasesAndRates(t *testing.T) {
	dir := generate(t, month())
	without, partial := 0, 0
	for _, one := range lines[release](t, filepath.Join(dir, "http/ccdscan_release_amounts.jsonl")) {
		switch {
		case one.Result == nil:
			without++
		case one.Result.Statistics.Released == nil:
			partial++
		case *one.Result.Statistics.Released > one.Result.Statistics.Total || one.Result.Hash != one.Hash || hash(one.Result.Height) != one.Hash:
			t.Errorf("%+v", one)
		}
	}
	if without == 0 || partial == 0 {
		t.Errorf("%d days without an answer, %d without a released amount", without, partial)
	}
	types := map[bson.Type]int{}
	for _, one := range documents(t, filepath.Join(dir, utilitiesDump), "exchange_rates_historical") {
		types[one.Lookup("rate").Type]++
		if text(one, "_id") != "USD/"+text(one, "token")+"-"+text(one, "date") || has(one, "timestamp") != (text(one, "source") == coinGecko) {
			t.Errorf("%s", one)
		}
	}
	if types[bson.TypeInt32] != 1 || types[bson.TypeDouble] != 8*month().Days-2 {
		t.Errorf("rates by type: %v", types)
	}
}

// TestWhatIsScheduledIsLocked: parts that wait for their day are never more than what the snapshots lock.
func TestWhatIsScheduledIsLocked(t *testing.T) {
	for _, o := range []Options{{Days: 200, Accounts: 10, TransactionsPerDay: 20}, {Days: 40, Accounts: 300, TransactionsPerDay: 400}, {Days: 2, Accounts: 10, TransactionsPerDay: 3000}} {
		o.Only = []string{"transactions"}
		dir, waiting := filepath.Join(generate(t, o), mainnetDump), int64(0)
		for _, one := range documents(t, dir, "transactions") {
			parts, is := one.Lookup("account_transaction", "effects", "transferred_with_schedule", "amount").ArrayOK()
			if !is {
				continue
			}
			values, err := parts.Values()
			if err != nil {
				t.Fatal(err)
			}
			for _, part := range values {
				due, err := time.Parse(time.RFC3339, text(part.Document(), "timestamp"))
				if err != nil {
					t.Fatal(err)
				}
				// Those that are due after the last day all wait on it.
				if due.After(time.Date(2025, 1, 1+o.Days, 0, 0, 0, 0, time.UTC)) {
					waiting += integer(part.Document(), "amount")
				}
			}
		}
		if waiting == 0 || waiting > lockedForSchedules {
			t.Errorf("%+v: %d microCCD wait, %d are locked", o, waiting, int64(lockedForSchedules))
		}
	}
}
