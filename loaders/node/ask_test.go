package node

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/internal/fetch"
	"github.com/ccdexplorer/nightrunner/internal/loadtest"
	"github.com/ccdexplorer/nightrunner/loaders/mongo"
	"github.com/ccdexplorer/nightrunner/loaders/node/nodepb"
	"github.com/ccdexplorer/nightrunner/sql"
)

// chain is a node's service: blocks by hash, and what goes wrong.
type chain struct {
	nodepb.UnimplementedQueriesServer
	blocks map[string]block

	mutex sync.Mutex
	// calls are what was asked, one line each, without the hash.
	calls []string
	// fail is asked before each call: an error, or a wait, instead of an answer.
	fail func(ctx context.Context, call string) error
	key  string
}

type block struct {
	totals     *nodepb.TokenomicsInfo
	parameters *nodepb.ChainParameters
	tokens     map[string]*nodepb.TokenInfo
}

func (c *chain) called(ctx context.Context, hash *nodepb.BlockHashInput, what string) (block, error) {
	day := dayOfHash(hash.GetGiven().GetValue())
	c.mutex.Lock()
	c.calls = append(c.calls, strings.TrimSpace(day+" "+what))
	if keys := metadata.ValueFromIncomingContext(ctx, "authorization"); len(keys) > 0 {
		c.key = keys[0]
	}
	fail := c.fail
	c.mutex.Unlock()
	if fail != nil {
		if err := fail(ctx, day+" "+what); err != nil {
			return block{}, err
		}
	}
	found, there := c.blocks[hex.EncodeToString(hash.GetGiven().GetValue())]
	if !there {
		return block{}, status.Error(codes.NotFound, "no such block")
	}
	return found, nil
}

func (c *chain) GetTokenomicsInfo(ctx context.Context, in *nodepb.BlockHashInput) (*nodepb.TokenomicsInfo, error) {
	found, err := c.called(ctx, in, "totals")
	return found.totals, err
}

func (c *chain) GetBlockChainParameters(ctx context.Context, in *nodepb.BlockHashInput) (*nodepb.ChainParameters, error) {
	found, err := c.called(ctx, in, "parameters")
	return found.parameters, err
}

func (c *chain) GetTokenInfo(ctx context.Context, in *nodepb.TokenInfoRequest) (*nodepb.TokenInfo, error) {
	found, err := c.called(ctx, in.GetBlockHash(), in.GetTokenId().GetValue())
	if err != nil {
		return nil, err
	}
	info := found.tokens[in.GetTokenId().GetValue()]
	if info == nil {
		return nil, status.Error(codes.NotFound, "no such token")
	}
	return info, nil
}

// asked are the calls since the last time, sorted into a set.
func (c *chain) asked() map[string]int {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	set := map[string]int{}
	for _, call := range c.calls {
		set[call]++
	}
	c.calls = nil
	return set
}

// hashOf is the hash of the last block of a day of September 2025; dayOfHash is its inverse.
func hashOf(day int) string { return fmt.Sprintf("%064x", day) }

func dayOfHash(hash []byte) string {
	if len(hash) == 0 {
		return "none"
	}
	return fmt.Sprint(hash[len(hash)-1])
}

func amountOf(value uint64) *nodepb.Amount { return &nodepb.Amount{Value: value} }

func rateOf(numerator, denominator uint64) *nodepb.ExchangeRate {
	return &nodepb.ExchangeRate{Value: &nodepb.Ratio{Numerator: numerator, Denominator: denominator}}
}

func token(name string, supply uint64, decimals uint32) *nodepb.TokenInfo {
	return &nodepb.TokenInfo{TokenId: &nodepb.TokenId{Value: name},
		TokenState: &nodepb.TokenState{Decimals: decimals, TotalSupply: &nodepb.TokenAmount{Value: supply, Decimals: decimals}}}
}

// newChain has three days in all versions of answers: totals v0 and v1, parameters v0 to v2, tokens from day 21 on.
func newChain() *chain {
	v1 := func(day uint64) *nodepb.TokenomicsInfo {
		return &nodepb.TokenomicsInfo{Tokenomics: &nodepb.TokenomicsInfo_V1_{V1: &nodepb.TokenomicsInfo_V1{
			TotalAmount: amountOf(1<<63 + day), TotalEncryptedAmount: amountOf(9007199254740993), BakingRewardAccount: amountOf(1), FinalizationRewardAccount: amountOf(2),
			GasAccount: amountOf(0), FoundationTransactionRewards: amountOf(4), NextPaydayTime: &nodepb.Timestamp{Value: 5}, TotalStakedCapital: amountOf(6),
			ProtocolVersion: nodepb.ProtocolVersion_PROTOCOL_VERSION_9}}}
	}
	return &chain{blocks: map[string]block{
		hashOf(20): {
			totals: &nodepb.TokenomicsInfo{Tokenomics: &nodepb.TokenomicsInfo_V0_{V0: &nodepb.TokenomicsInfo_V0{
				TotalAmount: amountOf(10), TotalEncryptedAmount: amountOf(9), BakingRewardAccount: amountOf(8), FinalizationRewardAccount: amountOf(7), GasAccount: amountOf(6)}}},
			parameters: &nodepb.ChainParameters{Parameters: &nodepb.ChainParameters_V0{V0: &nodepb.ChainParametersV0{EuroPerEnergy: rateOf(1, 50000), MicroCcdPerEuro: rateOf(500000, 1)}}},
		},
		hashOf(21): {
			totals:     v1(21),
			parameters: &nodepb.ChainParameters{Parameters: &nodepb.ChainParameters_V1{V1: &nodepb.ChainParametersV1{EuroPerEnergy: rateOf(1, 1000000), MicroCcdPerEuro: rateOf(1<<64-1, 1<<63)}}},
			tokens:     map[string]*nodepb.TokenInfo{"EURR": token("EURR", 1<<64-1, 6)},
		},
		hashOf(22): {
			totals:     v1(22),
			parameters: &nodepb.ChainParameters{Parameters: &nodepb.ChainParameters_V3{V3: &nodepb.ChainParametersV3{EuroPerEnergy: rateOf(1, 1000000), MicroCcdPerEuro: rateOf(7, 3)}}},
			// The node writes a token's name as its creator did.
			tokens: map[string]*nodepb.TokenInfo{"EURR": token("EURR", 5, 6), "usdr": token("USDR", 0, 255)},
		},
	}}
}

// serve serves a node on loopback.
func serve(t *testing.T, c nodepb.QueriesServer, options ...grpc.ServerOption) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(options...)
	nodepb.RegisterQueriesServer(server, c)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return listener.Addr().String()
}

// newDesk has three days of a chain and two tokens.
func newDesk(t *testing.T) *loadtest.Desk {
	t.Helper()
	collections, err := mongo.ReadMappings(sql.Files)
	if err != nil {
		t.Fatal(err)
	}
	desk := loadtest.New(t, mongo.Tables(collections)...)
	desk.Exec(`insert into raw.blocks_per_day (date, height_for_first_block, height_for_last_block, hash_for_last_block)
		select date '2025-09-01' + (day - 1)::integer, day * 100, day * 100 + 99, printf('%064x', day) from range(20, 23) as days(day);
		insert into raw.plts_tags (id, position) values ('EURR', 1), ('usdr', 2)`)
	return desk
}

func source(address string) Options {
	return Options{Source: fetch.Source{Address: address, Timeout: 5 * time.Second, Parallel: 4, Wait: time.Millisecond, Agent: "nightrunner/test"}}
}

const (
	factsQuery      = "select concat_ws(' ', day(date), right(block_hash, 2), total_amount_microccd, total_encrypted_amount_microccd, gas_account_microccd, protocol_version) from raw.tokenomics order by date"
	parametersQuery = "select concat_ws(' ', day(date), block_height, micro_ccd_per_euro_numerator || '/' || micro_ccd_per_euro_denominator, euro_per_energy_denominator) from raw.chain_parameters order by date"
	tokensQuery     = "select concat_ws(' ', day(date), token, total_supply, decimals, missing) from raw.token_info order by all"
)

// want compares what is in the tables of facts.
func want(t *testing.T, desk *loadtest.Desk, queries map[string][]string) {
	t.Helper()
	for query, rows := range queries {
		if diff := cmp.Diff(rows, desk.Texts(query)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", query, diff)
		}
	}
}

func everything() map[string][]string {
	return map[string][]string{
		factsQuery:      {"20 14 10 9 6 0", "21 15 9223372036854775829 9007199254740993 0 8", "22 16 9223372036854775830 9007199254740993 0 8"},
		parametersQuery: {"20 2099 500000/1 50000", "21 2199 18446744073709551615/9223372036854775808 1000000", "22 2299 7/3 1000000"},
		tokensQuery:     {"20 EURR not_found", "20 usdr not_found", "21 EURR 18446744073709551615 6", "21 usdr not_found", "22 EURR 5 6", "22 usdr 0 255"},
	}
}

func TestANodeIsAskedOnceAboutEachDay(t *testing.T) {
	c, desk := newChain(), newDesk(t)
	o := source("grpc://" + serve(t, c))
	o.Key = "secret"
	report := desk.Load(New(o))
	if len(report.Unreadable) > 0 || report.Rejects > 0 || report.Read != 12 || len(report.Notes) > 0 {
		t.Errorf("%+v", report)
	}
	want(t, desk, everything())
	if c.key != "Bearer secret" {
		t.Errorf("the key came as %q", c.key)
	}
	if calls := c.asked(); len(calls) != 12 {
		t.Errorf("asked %v", calls)
	}
	if report := desk.Load(New(o)); report.Read != 0 || report.Changed != 0 || len(c.asked()) != 0 {
		t.Errorf("again: %+v", report)
	}
	// A token that plts_tags has later, and a day that ends with another block now.
	desk.Exec("insert into raw.plts_tags (id, position) values ('late', 3); update raw.blocks_per_day set hash_for_last_block = '" + hashOf(22) + "' where day(date) = 20")
	desk.Load(New(o))
	calls := c.asked()
	if calls["21 late"] != 1 || calls["22 late"] != 2 || calls["22 totals"] < 1 || calls["21 EURR"] != 0 || calls["22 EURR"] != 1 {
		t.Errorf("asked %v", calls)
	}
	desk.Intake = func(in *engine.Intake) { in.From = time.Date(2025, 9, 22, 0, 0, 0, 0, time.UTC) }
	o.Refresh = true
	desk.Load(New(o))
	if calls := c.asked(); len(calls) != 5 || calls["22 totals"] != 1 {
		t.Errorf("refreshed %v", calls)
	}
}

func TestANodeOverTLS(t *testing.T) {
	// The certificate of httptest is for example.com and loopback.
	web := httptest.NewUnstartedServer(nil)
	web.StartTLS()
	defer web.Close()
	roots := x509.NewCertPool()
	roots.AddCert(web.Certificate())
	address := serve(t, newChain(), grpc.Creds(credentials.NewServerTLSFromCert(&web.TLS.Certificates[0])))
	for _, scheme := range []string{"grpcs://", "grpc+tls://"} {
		desk := newDesk(t)
		o := source(scheme + address)
		o.Roots = roots
		if report := desk.Load(New(o)); len(report.Unreadable) > 0 {
			t.Errorf("%+v", report)
		}
		want(t, desk, everything())
	}
	desk := newDesk(t)
	report := desk.Load(New(source("grpcs://" + address)))
	if len(report.Unreadable) != 1 || !strings.Contains(report.Unreadable[0].Error, "certificate") {
		t.Errorf("an unknown authority: %+v", report)
	}
	if report := desk.Load(New(source("grpc://" + address))); len(report.Unreadable) != 1 {
		t.Errorf("plain: %+v", report)
	}
}

func TestANodeBehindAProxy(t *testing.T) {
	address := serve(t, newChain())
	var connected, authorization string
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		connected, authorization = r.Method+" "+r.Host, r.Header.Get("Proxy-Authorization")
		to, err := net.Dial("tcp", address)
		if err != nil {
			t.Error(err)
			return
		}
		from, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		fmt.Fprint(from, "HTTP/1.1 200 OK\r\n\r\n")
		go copyAndClose(from, to)
		go copyAndClose(to, from)
	}))
	defer proxy.Close()
	through, err := url.Parse(strings.Replace(proxy.URL, "http://", "http://user:word@", 1))
	if err != nil {
		t.Fatal(err)
	}
	desk := newDesk(t)
	o := source("grpc://node.example")
	o.Proxy = through
	if report := desk.Load(New(o)); len(report.Unreadable) > 0 {
		t.Errorf("%+v", report)
	}
	want(t, desk, everything())
	if connected != "CONNECT node.example:20000" || authorization != "Basic dXNlcjp3b3Jk" {
		t.Errorf("%s, %s", connected, authorization)
	}
}

func copyAndClose(to, from net.Conn) {
	var buffer [4096]byte
	for {
		n, err := from.Read(buffer[:])
		if n > 0 {
			_, err = to.Write(buffer[:n])
		}
		if err != nil {
			to.Close()
			from.Close()
			return
		}
	}
}

// TestANodeThatIsBehind: the last day waits, the others are there, and nothing is wrong.
func TestANodeThatIsBehind(t *testing.T) {
	c, desk := newChain(), newDesk(t)
	last := c.blocks[hashOf(22)]
	delete(c.blocks, hashOf(22))
	loader := New(source("grpc://" + serve(t, c)))
	report := desk.Load(loader)
	if diff := cmp.Diff([]string{"the node does not have the last block of 2025-09-22 yet: what it feeds waits"}, report.Notes); diff != "" || len(report.Unreadable) > 0 {
		t.Errorf("%s%+v", diff, report)
	}
	if calls := c.asked(); calls["22 totals"] != 1 || calls["22 EURR"] != 0 {
		t.Errorf("asked %v", calls)
	}
	known := everything()
	want(t, desk, map[string][]string{factsQuery: known[factsQuery][:2], parametersQuery: known[parametersQuery][:2],
		tokensQuery: append(known[tokensQuery][:4:4], "22 EURR unanswered", "22 usdr unanswered")})
	c.blocks[hashOf(22)] = last
	desk.Load(loader)
	want(t, desk, known)
}

// TestWhatFailsIsAskedAgain: first within the load, then by the next one.
func TestWhatFailsIsAskedAgain(t *testing.T) {
	c, desk := newChain(), newDesk(t)
	seen := map[string]int{}
	c.fail = func(_ context.Context, call string) error {
		c.mutex.Lock()
		defer c.mutex.Unlock()
		seen[call]++
		switch {
		case call == "20 totals" && seen[call] < 3:
			return status.Error(codes.Unavailable, "too busy")
		case call == "21 parameters":
			return status.Error(codes.Internal, "broken")
		case call == "22 EURR":
			return status.Error(codes.Internal, "broken, too")
		}
		return nil
	}
	loader := New(source("grpc://" + serve(t, c)))
	report := desk.Load(loader)
	if len(report.Unreadable) != 1 || !strings.HasPrefix(report.Unreadable[0].Error, "2 days without all facts: ") || !strings.Contains(report.Unreadable[0].Error, "broken") {
		t.Errorf("%+v", report)
	}
	known := everything()
	want(t, desk, map[string][]string{factsQuery: known[factsQuery], parametersQuery: {known[parametersQuery][0], known[parametersQuery][2]},
		tokensQuery: {"20 EURR not_found", "20 usdr not_found", "21 EURR 18446744073709551615 6", "21 usdr not_found", "22 EURR unanswered", "22 usdr 0 255"}})
	c.fail = nil
	c.asked()
	desk.Load(loader)
	if calls := c.asked(); len(calls) != 3 || calls["21 parameters"] != 1 || calls["22 EURR"] != 1 || calls["22 totals"] != 1 {
		t.Errorf("asked %v", calls)
	}
	want(t, desk, known)
}

func TestASlowNode(t *testing.T) {
	c, desk := newChain(), newDesk(t)
	c.fail = func(ctx context.Context, _ string) error {
		<-ctx.Done()
		return ctx.Err()
	}
	o := source("grpc://" + serve(t, c))
	o.Timeout = 20 * time.Millisecond
	report := desk.Load(New(o))
	if len(report.Unreadable) != 1 || !strings.HasPrefix(report.Unreadable[0].Error, "3 of 3 questions without an answer: no answer within 20ms") {
		t.Errorf("%+v", report)
	}
	want(t, desk, map[string][]string{factsQuery: nil, tokensQuery: {"20 EURR unanswered", "20 usdr unanswered", "21 EURR unanswered", "21 usdr unanswered", "22 EURR unanswered", "22 usdr unanswered"}})
}

func TestANodeThatIsNotThere(t *testing.T) {
	desk := newDesk(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	report := desk.Load(New(source("grpc://" + listener.Addr().String())))
	if len(report.Unreadable) != 1 || report.Unreadable[0].File != "grpc://"+listener.Addr().String() || !strings.Contains(report.Unreadable[0].Error, "connection refused") {
		t.Errorf("%+v", report)
	}
	web := httptest.NewServer(http.NotFoundHandler())
	defer web.Close()
	if report := desk.Load(New(source(strings.Replace(web.URL, "http", "grpc", 1)))); len(report.Unreadable) != 1 {
		t.Errorf("a web server: %+v", report)
	}
}

func TestARefusedKeyEndsTheLoad(t *testing.T) {
	c, desk := newChain(), newDesk(t)
	c.fail = func(context.Context, string) error { return status.Error(codes.Unauthenticated, "who are you") }
	o := source("grpc://" + serve(t, c))
	o.Parallel = 1
	report := desk.Load(New(o))
	if calls := c.asked(); len(calls) != 1 || len(report.Unreadable) != 1 || !strings.Contains(report.Unreadable[0].Error, "Unauthenticated: who are you") {
		t.Errorf("asked %v: %+v", calls, report)
	}
}

// garbler answers each call with bytes that are no message.
type garbler struct{ encoding.CodecV2 }

func (garbler) Marshal(any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer("\x0a\xffgarbage")}, nil
}

func (garbler) Name() string { return "proto" }

func TestGarbageIsARejectWithItsBody(t *testing.T) {
	desk := newDesk(t)
	o := source("grpc://" + serve(t, newChain(), grpc.ForceServerCodecV2(garbler{encoding.GetCodecV2("proto")})))
	o.Parallel = 1
	report := desk.Load(New(o))
	if len(report.Unreadable) != 1 || !strings.Contains(report.Unreadable[0].Error, "answers are not what they should be, the first: ") {
		t.Errorf("%+v", report)
	}
	rejects := desk.Texts("select concat_ws(' ', file, document_id, content) from raw.rejects where file = 'tokenomics.jsonl' and day(date) = 20")
	if len(rejects) != 1 || !strings.Contains(rejects[0], bodyMark+hex.EncodeToString([]byte("\x0a\xffgarbage"))) {
		t.Errorf("%q", rejects)
	}
	want(t, desk, map[string][]string{factsQuery: nil, parametersQuery: nil,
		"select distinct missing from raw.token_info where day(date) = 22": {"unanswered"}})
}

// TestAnswersOfAnotherShape: whole messages that do not say what they should.
func TestAnswersOfAnotherShape(t *testing.T) {
	c, desk := newChain(), newDesk(t)
	c.blocks[hashOf(20)] = block{totals: &nodepb.TokenomicsInfo{}, parameters: &nodepb.ChainParameters{Parameters: &nodepb.ChainParameters_V2{V2: &nodepb.ChainParametersV2{EuroPerEnergy: rateOf(1, 0)}}}}
	c.blocks[hashOf(21)] = block{totals: c.blocks[hashOf(21)].totals, parameters: c.blocks[hashOf(21)].parameters,
		tokens: map[string]*nodepb.TokenInfo{"EURR": {TokenId: &nodepb.TokenId{Value: "EURR"}}, "usdr": token("EURR", 1, 1)}}
	c.blocks[hashOf(22)].tokens["EURR"] = token("EURR", 1, 256)
	report := desk.Load(New(source("grpc://" + serve(t, c))))
	if report.Rejects != 5 || len(report.Unreadable) != 1 {
		t.Errorf("%+v", report)
	}
	known := everything()
	want(t, desk, map[string][]string{factsQuery: known[factsQuery][1:], parametersQuery: known[parametersQuery][1:],
		tokensQuery: {"20 EURR not_found", "20 usdr not_found", "21 EURR unanswered", "21 usdr unanswered", "22 EURR unanswered", "22 usdr 0 255"},
		"select concat_ws(' ', document_id, field, reason) from raw.rejects order by file, document_id": {
			"2025-09-20 micro_ccd_per_euro.numerator is missing, not a whole number from 0 to 18446744073709551615",
			"2025-09-21 EURR value is missing, not a whole number from 0 to 18446744073709551615",
			"2025-09-21 usdr answered_token is \"EURR\", not the token that was asked about",
			"2025-09-22 EURR decimals is 256, not a whole number from 0 to 255",
			"2025-09-20 info.total_amount is missing, not a whole number from 0 to 18446744073709551615",
		}})
}

// TestARecordedNodeIsAsTheNode: what a folder that was recorded brings is what the node brought, rejects included.
func TestARecordedNodeIsAsTheNode(t *testing.T) {
	c, asked, read := newChain(), newDesk(t), newDesk(t)
	c.blocks[hashOf(22)].tokens["EURR"] = token("EURR", 1, 256)
	dir := filepath.Join(t.TempDir(), "node")
	o := source("grpc://" + serve(t, c))
	o.Record = dir
	asked.Load(New(o))
	if report := read.Load(New(source(dir))); len(report.TooManyRejects) != 0 || report.Rejects != 1 {
		t.Errorf("%+v", report)
	}
	same := func() {
		t.Helper()
		for _, query := range []string{factsQuery, parametersQuery, tokensQuery, "select concat_ws(' ', file, date, field, reason) from raw.rejects order by all",
			"select concat_ws(' ', table_name, date, version) from ops.source_days where table_name in ('raw.tokenomics', 'raw.chain_parameters', 'raw.token_info') order by all"} {
			if diff := cmp.Diff(asked.Texts(query), read.Texts(query)); diff != "" {
				t.Errorf("%s (-asked +read):\n%s", query, diff)
			}
		}
	}
	same()
	c.blocks[hashOf(22)].tokens["EURR"] = token("EURR", 1, 25)
	asked.Load(New(o))
	read.Load(New(source(dir)))
	same()
	if rows := read.Texts("select reason from raw.rejects"); len(rows) != 0 {
		t.Errorf("%q", rows)
	}
}

func TestAddresses(t *testing.T) {
	for address, want := range map[string]string{
		"grpc://host":             "host:20000 false",
		"grpc://host:1":           "host:1 false",
		"grpcs://host":            "host:20000 true",
		"grpc+tls://[::1]:5":      "[::1]:5 true",
		"http://host":             "a node's address begins with grpc:// or grpcs://, not with http://",
		"grpc://":                 "grpc:// names no host",
		"grpc://user:pass@:20000": "grpc://user:xxxxx@:20000 names no host",
	} {
		host, secure, err := target(address)
		got := fmt.Sprint(host, " ", secure)
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
	}
}

// TestBlocksWithoutAHash: the node cannot be asked about them.
func TestBlocksWithoutAHash(t *testing.T) {
	desk := newDesk(t)
	desk.Exec("update raw.blocks_per_day set hash_for_last_block = null where day(date) = 20; update raw.blocks_per_day set hash_for_last_block = 'xy' where day(date) = 21")
	report := desk.Load(New(source("grpc://" + serve(t, newChain()))))
	if diff := cmp.Diff([]string{"blocks_per_day names no last block for 2025-09-20 … 2025-09-21: the node cannot be asked"}, report.Notes); diff != "" {
		t.Error(diff)
	}
	var buffer bytes.Buffer
	for _, row := range desk.Texts(factsQuery) {
		buffer.WriteString(row[:2])
	}
	if buffer.String() != "22" {
		t.Errorf("facts of days %s", buffer.String())
	}
}

func TestProbe(t *testing.T) {
	c := newChain()
	c.blocks[""] = c.blocks[hashOf(22)]
	o := source("grpc://" + serve(t, c))
	if what, _, err := New(o).Probe(t.Context()); what != "a node, PROTOCOL_VERSION_9" || err != nil {
		t.Errorf("%q, %v", what, err)
	}
	c.fail = func(context.Context, string) error { return status.Error(codes.Unauthenticated, "who are you") }
	if _, _, err := New(o).Probe(t.Context()); err == nil || err.Error() != "Unauthenticated: who are you" {
		t.Errorf("%v", err)
	}
	dir := t.TempDir()
	if _, _, err := New(source(dir)).Probe(t.Context()); err == nil || err.Error() != dir+" has no such file" {
		t.Errorf("%v", err)
	}
}
