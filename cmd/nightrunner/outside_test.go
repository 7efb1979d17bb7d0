package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/ccdexplorer/nightrunner/loaders/node/nodepb"
)

// TestOutside runs testdata/outside/*.txtar: the program against a node and web servers on loopback, which say what the
// recordings of a made-up chain say, or something else.
func TestOutside(t *testing.T) {
	commands := mongoCommands(t)
	maps.Copy(commands, map[string]func(*testscript.TestScript, bool, []string){
		"world": startWorld, "goes": goesWrong, "asked": wasAsked, "exits": exits, "edit": edit,
	})
	testscript.Run(t, testscript.Params{
		Dir:       "testdata/outside",
		Cmds:      commands,
		Condition: func(condition string) (bool, error) { return condition == "mongo" && mongoBuilt(), nil },
		Setup: func(env *testscript.Env) error {
			env.Values[worldKey] = &world{wrong: map[string]string{}, asked: map[string]int{}}
			return nil
		},
	})
}

const worldKey = "world"

// world is what is outside: a node, CCDScan, CoinGecko and exchange-api.
type world struct {
	nodepb.UnimplementedQueriesServer
	dir string

	mutex sync.Mutex
	// wrong is how each of them goes wrong, "" not at all; asked counts requests.
	wrong map[string]string
	asked map[string]int

	totals, parameters, releases map[string]map[string]any
	tokens                       map[string]map[string]map[string]any
	histories, currencies        map[string]json.RawMessage
	charts                       map[string]json.RawMessage
}

// startWorld is the command `world DIR`: servers for the chain in a folder. Variables NODE and WEB are their addresses.
func startWorld(ts *testscript.TestScript, _ bool, args []string) {
	w := ts.Value(worldKey).(*world)
	w.dir = ts.MkAbs(args[0])
	ts.Check(w.read())
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	server := grpc.NewServer()
	nodepb.RegisterQueriesServer(server, w)
	go func() { _ = server.Serve(listener) }()
	web := httptest.NewServer(w)
	ts.Defer(server.Stop)
	ts.Defer(web.Close)
	ts.Setenv("NODE", "grpc://"+listener.Addr().String())
	ts.Setenv("WEB", web.URL)
}

// goesWrong is the command `goes SOURCE HOW`: down, html, empty, slow, behind or well.
func goesWrong(ts *testscript.TestScript, _ bool, args []string) {
	w := ts.Value(worldKey).(*world)
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.wrong[args[0]] = args[1]
}

// wasAsked is the command `asked SOURCE N`: so many requests came since it was last asked for.
func wasAsked(ts *testscript.TestScript, _ bool, args []string) {
	w := ts.Value(worldKey).(*world)
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if got := strconv.Itoa(w.asked[args[0]]); got != args[1] {
		ts.Fatalf("%s was asked %s times, not %s", args[0], got, args[1])
	}
	w.asked[args[0]] = 0
}

// exits is the command `exits CODE PROGRAM ARGS…`.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code, err = exit.ExitCode(), nil
	}
	ts.Check(err)
	if got := strconv.Itoa(code); got != args[0] {
		ts.Fatalf("exit code %s, not %s", got, args[0])
	}
}

// read reads the chain's recordings.
func (w *world) read() error {
	w.totals, w.parameters, w.releases = map[string]map[string]any{}, map[string]map[string]any{}, map[string]map[string]any{}
	w.tokens = map[string]map[string]map[string]any{}
	w.histories, w.currencies, w.charts = map[string]json.RawMessage{}, map[string]json.RawMessage{}, map[string]json.RawMessage{}
	var prices [][2]any
	return errors.Join(
		w.lines("node/tokenomics.jsonl", func(d map[string]any, _ json.RawMessage) {
			w.totals[d["block_hash"].(string)] = d["info"].(map[string]any)
		}),
		w.lines("node/chain_parameters.jsonl", func(d map[string]any, _ json.RawMessage) { w.parameters[d["block_hash"].(string)] = d }),
		w.lines("node/token_info.jsonl", func(d map[string]any, _ json.RawMessage) {
			hash := d["block_hash"].(string)
			if w.tokens[hash] == nil {
				w.tokens[hash] = map[string]map[string]any{}
			}
			w.tokens[hash][d["token"].(string)] = d
		}),
		w.lines("http/ccdscan_release_amounts.jsonl", func(d map[string]any, _ json.RawMessage) { w.releases[d["block_hash"].(string)] = d }),
		w.lines("http/coingecko_histories.jsonl", func(d map[string]any, answer json.RawMessage) {
			date := d["date"].(string)
			w.histories[date] = answer
			day, _ := time.Parse(time.DateOnly, date)
			prices = append(prices, [2]any{day.UnixMilli(), d["answer"].(map[string]any)["market_data"].(map[string]any)["current_price"].(map[string]any)["usd"]})
			w.charts["concordium"], _ = json.Marshal(map[string]any{"prices": prices})
		}),
		w.lines("http/coingecko_market_charts.jsonl", func(d map[string]any, answer json.RawMessage) { w.charts[d["id"].(string)] = answer }),
		w.lines("http/currency_rates.jsonl", func(d map[string]any, answer json.RawMessage) { w.currencies[d["date"].(string)] = answer }),
	)
}

func (w *world) lines(name string, take func(document map[string]any, answer json.RawMessage)) error {
	content, err := os.ReadFile(filepath.Join(w.dir, name))
	if err != nil {
		return err
	}
	for line := range bytes.Lines(content) {
		decoder := json.NewDecoder(bytes.NewReader(line))
		decoder.UseNumber()
		document := map[string]any{}
		var raw struct{ Answer json.RawMessage }
		if err := errors.Join(decoder.Decode(&document), json.Unmarshal(line, &raw)); err != nil {
			return err
		}
		take(document, raw.Answer)
	}
	return nil
}

// count counts a request and says how the source goes wrong.
func (w *world) count(source string) string {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.asked[source]++
	return w.wrong[source]
}

func whole(value any) uint64 {
	number, _ := strconv.ParseUint(fmt.Sprint(value), 10, 64)
	return number
}

func microCCD(value any) *nodepb.Amount { return &nodepb.Amount{Value: whole(value)} }

func (w *world) node(ctx context.Context, hash *nodepb.BlockHashInput) (string, error) {
	text := hex.EncodeToString(hash.GetGiven().GetValue())
	switch how := w.count("node"); {
	case how == "down":
		return "", status.Error(codes.Unavailable, "the node is being updated")
	case how == "slow":
		<-ctx.Done()
		return "", ctx.Err()
	case how == "behind", w.parameters[text] == nil:
		return "", status.Error(codes.NotFound, "block not found")
	}
	return text, nil
}

func (w *world) GetTokenomicsInfo(ctx context.Context, in *nodepb.BlockHashInput) (*nodepb.TokenomicsInfo, error) {
	hash, err := w.node(ctx, in)
	if err != nil {
		return nil, err
	}
	info := w.totals[hash]
	return &nodepb.TokenomicsInfo{Tokenomics: &nodepb.TokenomicsInfo_V1_{V1: &nodepb.TokenomicsInfo_V1{
		TotalAmount: microCCD(info["total_amount"]), TotalEncryptedAmount: microCCD(info["total_encrypted_amount"]), BakingRewardAccount: microCCD(info["baking_reward_account"]),
		FinalizationRewardAccount: microCCD(info["finalization_reward_account"]), GasAccount: microCCD(info["gas_account"]),
		ProtocolVersion: nodepb.ProtocolVersion(whole(info["protocol_version"]))}}}, nil
}

func exchangeRate(value any) *nodepb.ExchangeRate {
	ratio := value.(map[string]any)
	return &nodepb.ExchangeRate{Value: &nodepb.Ratio{Numerator: whole(ratio["numerator"]), Denominator: whole(ratio["denominator"])}}
}

func (w *world) GetBlockChainParameters(ctx context.Context, in *nodepb.BlockHashInput) (*nodepb.ChainParameters, error) {
	hash, err := w.node(ctx, in)
	if err != nil {
		return nil, err
	}
	return &nodepb.ChainParameters{Parameters: &nodepb.ChainParameters_V2{V2: &nodepb.ChainParametersV2{
		EuroPerEnergy: exchangeRate(w.parameters[hash]["euro_per_energy"]), MicroCcdPerEuro: exchangeRate(w.parameters[hash]["micro_ccd_per_euro"])}}}, nil
}

func (w *world) GetTokenInfo(ctx context.Context, in *nodepb.TokenInfoRequest) (*nodepb.TokenInfo, error) {
	hash, err := w.node(ctx, in.GetBlockHash())
	if err != nil {
		return nil, err
	}
	found := w.tokens[hash][in.GetTokenId().GetValue()]
	if found == nil {
		return nil, status.Error(codes.NotFound, "token not found")
	}
	return &nodepb.TokenInfo{TokenId: in.GetTokenId(), TokenState: &nodepb.TokenState{
		TotalSupply: &nodepb.TokenAmount{Value: whole(found["value"]), Decimals: uint32(whole(found["decimals"]))}}}, nil
}

// ServeHTTP serves CCDScan at /graphql, CoinGecko at /coingecko, exchange-api at /pages/DATE and /cdn@DATE, projects.json of
// the chain's folder at /projects and a commit at /commits.
func (w *world) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	source, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	source, version, _ := strings.Cut(source, "@")
	switch w.count(source) {
	case "down":
		out.WriteHeader(http.StatusServiceUnavailable)
		return
	case "html":
		_, _ = io.WriteString(out, "<!doctype html><title>Just a moment…</title>")
		return
	case "empty":
		return
	case "slow":
		<-r.Context().Done()
		return
	}
	var answer []byte
	switch source {
	case "graphql":
		var question struct{ Variables struct{ Hash string } }
		_ = json.NewDecoder(r.Body).Decode(&question)
		answer, _ = json.Marshal(map[string]any{"data": map[string]any{"blockByBlockHash": w.releases[question.Variables.Hash]["result"]}})
	case "coingecko":
		id := strings.Split(rest, "/")[1]
		answer = w.charts[id]
		if day, err := time.Parse("02-01-2006", r.URL.Query().Get("date")); err == nil {
			answer = w.histories[day.Format(time.DateOnly)]
		}
	case "pages":
		answer = w.currencies[strings.Split(rest, "/")[0]]
	case "cdn":
		answer = w.currencies[version]
	case "projects":
		answer, _ = os.ReadFile(filepath.Join(w.dir, "projects.json"))
		etag := fmt.Sprintf("%q", fmt.Sprint(crc32.ChecksumIEEE(answer)))
		out.Header().Set("ETag", etag)
		if r.Header.Get("If-None-Match") == etag {
			out.WriteHeader(http.StatusNotModified)
			return
		}
	case "commits":
		answer = []byte(`[{"sha": "0f3c"}]`)
	}
	if answer == nil {
		out.WriteHeader(http.StatusNotFound)
		return
	}
	_, _ = out.Write(answer)
}
