package chain

import (
	"crypto/sha256"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
)

// facts collect what is written at the end: small collections and the node's totals.
type facts struct {
	blocks, rates, tokenomics []byte
	rate                      float64
}

// hash of a block: made from its height.
func hash(height int) string {
	return fmt.Sprintf("%x", sha256.Sum256(fmt.Append(nil, "block ", height)))
}

func (f *facts) add(g *generator, day int) {
	date := g.day.Format(time.DateOnly)
	first := firstHeight + day*blocksPerDay
	last := first + blocksPerDay - 1
	f.blocks = append(f.blocks, document(func(d []byte) []byte {
		d = bsoncore.AppendStringElement(d, "_id", date)
		d = bsoncore.AppendStringElement(d, "date", date)
		d = bsoncore.AppendInt32Element(d, "height_for_first_block", int32(first))
		d = bsoncore.AppendInt32Element(d, "height_for_last_block", int32(last))
		d = bsoncore.AppendDateTimeElement(d, "slot_time_for_first_block", g.day.UnixMilli()+750)
		d = bsoncore.AppendDateTimeElement(d, "slot_time_for_last_block", g.day.UnixMilli()+dayNanos/1e6-1250)
		d = bsoncore.AppendStringElement(d, "hash_for_first_block", hash(first))
		return bsoncore.AppendStringElement(d, "hash_for_last_block", hash(last))
	})...)
	f.addRates(g, day, date)
	encrypted, rewards := int64(4_000_000)*microPerCCD-int64(day)*1234567, [3]int64{999_999, 250_001, int64(day) * 1017}
	total := g.supply + encrypted + rewards[0] + rewards[1] + rewards[2]
	f.tokenomics = fmt.Appendf(f.tokenomics, `{"date": "%s", "block_hash": "%s", "version": "v1", "info": {"total_amount": "%d", "total_encrypted_amount": %d, `+
		`"baking_reward_account": %d, "finalization_reward_account": %d, "gas_account": %d, "protocol_version": %d}}`+"\n",
		date, hash(last), total, encrypted, rewards[0], rewards[1], rewards[2], 6+min(day/25, 2))
}

func (f *facts) addRates(g *generator, day int, date string) {
	random := rand.New(rand.NewPCG(g.o.Seed+1, uint64(day)))
	if day == 0 {
		f.rate = 0.008
	}
	f.rate *= math.Exp(0.03 * random.NormFloat64())
	if day != dayWithoutRate {
		f.rates = append(f.rates, document(func(d []byte) []byte {
			d = bsoncore.AppendStringElement(d, "_id", "USD/CCD-"+date)
			d = bsoncore.AppendStringElement(d, "token", "CCD")
			d = bsoncore.AppendInt64Element(d, "timestamp", g.day.UnixMilli())
			d = bsoncore.AppendStringElement(d, "date", date)
			d = bsoncore.AppendDoubleElement(d, "rate", f.rate)
			return bsoncore.AppendStringElement(d, "source", "CoinGecko")
		})...)
	}
	f.rates = append(f.rates, document(func(d []byte) []byte {
		d = bsoncore.AppendStringElement(d, "_id", "USD/EUR-"+date)
		d = bsoncore.AppendStringElement(d, "token", "EUR")
		d = bsoncore.AppendStringElement(d, "date", date)
		d = bsoncore.AppendDoubleElement(d, "rate", 1.1+0.01*random.NormFloat64())
		return bsoncore.AppendStringElement(d, "source", "exchange-api")
	})...)
}

func document(fields func([]byte) []byte) []byte {
	start, d := bsoncore.AppendDocumentStart(nil)
	d, err := bsoncore.AppendDocumentEnd(fields(d), start)
	if err != nil {
		// The start is the one above.
		panic(err)
	}
	return d
}

// labels of accounts by index: exchanges with one and with several accounts, and others.
func labels() []struct {
	index        int
	group, label string
} {
	return []struct {
		index        int
		group, label string
	}{
		{20, "exchanges", "Bitfinex 1"}, {21, "exchanges", "Bitfinex 2"}, {22, "exchanges", "AscendEX cold"}, {23, "exchanges", "Gate.io 1"},
		{0, "foundation", "Foundation treasury"}, {1, "genesis", "Genesis 1"},
	}
}

func (f *facts) write(g *generator) error {
	var known, labelled []byte
	for i, a := range g.accounts {
		if i%997 == 500 {
			continue // a few accounts are unknown to stable_address_info
		}
		known = append(known, document(func(d []byte) []byte {
			d = bsoncore.AppendStringElement(d, "_id", a.address[:29])
			d = bsoncore.AppendStringElement(d, "account_address", a.address)
			d = bsoncore.AppendInt32Element(d, "account_index", int32(a.index))
			d = bsoncore.AppendInt32Element(d, "account_threshold", 1)
			return bsoncore.AppendInt32Element(d, "credential_count", 1)
		})...)
	}
	for _, l := range labels() {
		if l.index >= len(g.accounts) {
			continue
		}
		labelled = append(labelled, document(func(d []byte) []byte {
			d = bsoncore.AppendStringElement(d, "_id", g.accounts[l.index].address)
			d = bsoncore.AppendInt32Element(d, "account_index", int32(l.index))
			d = bsoncore.AppendStringElement(d, "label_group", l.group)
			return bsoncore.AppendStringElement(d, "label", l.label)
		})...)
	}
	for name, content := range map[string][]byte{
		"concordium_mainnet/blocks_per_day": f.blocks, "concordium_mainnet/stable_address_info": known,
		"concordium_utilities/labeled_accounts": labelled, "concordium_utilities/exchange_rates_historical": f.rates,
	} {
		if err := writeCollection(filepath.Join(g.o.Dir, "dump", name), content); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(g.o.Dir, "node", "tokenomics.jsonl"), f.tokenomics, 0o644)
}

// writeCollection writes a collection as mongodump does.
func writeCollection(path string, content []byte) error {
	metadata := fmt.Sprintf(`{"options":{},"indexes":[{"v":{"$numberInt":"2"},"key":{"_id":{"$numberInt":"1"}},"name":"_id_"}],"uuid":"%.32x","collectionName":"%s","type":"collection"}`+"\n",
		sha256.Sum256([]byte(filepath.Base(path))), filepath.Base(path))
	if err := os.WriteFile(path+".metadata.json", []byte(metadata), 0o644); err != nil {
		return err
	}
	return os.WriteFile(path+".bson", content, 0o644)
}
