package ccdscan

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/internal/fetch"
	"github.com/ccdexplorer/nightrunner/internal/loadtest"
	"github.com/ccdexplorer/nightrunner/loaders/mongo"
	"github.com/ccdexplorer/nightrunner/sql"
)

// scan answers GraphQL questions about blocks, by hash.
type scan struct {
	mutex   sync.Mutex
	answers map[string]string
	asked   []string
	key     string
}

func (s *scan) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	var question struct {
		Query     string
		Variables struct{ Hash string }
	}
	body, _ := io.ReadAll(r.Body)
	if err := json.Unmarshal(body, &question); err != nil || !strings.Contains(question.Query, "blockByBlockHash(blockHash: $hash)") {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	s.asked, s.key = append(s.asked, question.Variables.Hash), r.Header.Get("Authorization")
	answer, there := s.answers[question.Variables.Hash]
	if !there {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	_, _ = io.WriteString(w, answer)
}

func block(hash string, height int, total, released string) string {
	return fmt.Sprintf(`{"data": {"blockByBlockHash": {"blockHeight": %d, "blockHash": %q, "balanceStatistics": {"totalAmount": %s, "totalAmountReleased": %s}}}}`, height, hash, total, released)
}

// newDesk has as many days of a chain as there are hashes, from 2025-09-20 on.
func newDesk(t *testing.T, hashes ...string) *loadtest.Desk {
	t.Helper()
	collections, err := mongo.ReadMappings(sql.Files)
	if err != nil {
		t.Fatal(err)
	}
	desk := loadtest.New(t, mongo.Tables(collections)...)
	for i, hash := range hashes {
		desk.Exec(fmt.Sprintf("insert into raw.blocks_per_day (date, height_for_first_block, height_for_last_block, hash_for_last_block) values (date '2025-09-20' + %d, %d, %d, '%s')", i, 100*i, 100*i+99, hash))
	}
	return desk
}

func source(address string) fetch.Source {
	return fetch.Source{Address: address, Parallel: 2, Wait: time.Millisecond, Timeout: 5 * time.Second}
}

const rowsQuery = "select concat_ws(' ', day(date), block_hash, block_height, total_amount_microccd, total_amount_released_microccd) from raw.ccdscan_release_amounts order by date"

func TestOnlyMissingDaysAreAsked(t *testing.T) {
	s := &scan{answers: map[string]string{"aa": block("aa", 99, "9223372036854775807", "9007199254740993"), "bb": block("bb", 199, "7", "null")}}
	server := httptest.NewServer(s)
	defer server.Close()
	desk := newDesk(t, "aa", "bb", "cc")
	o := source(server.URL + "/graphql")
	o.Key = "word"
	report := desk.Load(New(o))
	if len(report.Unreadable) != 1 || report.Unreadable[0].File != server.URL+"/graphql" || !strings.Contains(report.Unreadable[0].Error, "answers 500") || report.Read != 2 {
		t.Errorf("%+v", report)
	}
	if s.key != "Bearer word" {
		t.Errorf("the key came as %q", s.key)
	}
	want := []string{"20 aa 99 9223372036854775807 9007199254740993", "21 bb 199 7"}
	if diff := cmp.Diff(want, desk.Texts(rowsQuery)); diff != "" {
		t.Error(diff)
	}
	// The third day comes later; the second one ends with another block.
	s.asked, s.answers["cc"], s.answers["dd"] = nil, block("cc", 299, "8", "8"), block("dd", 198, "7", "6")
	desk.Exec("update raw.blocks_per_day set hash_for_last_block = 'dd' where date = date '2025-09-21'")
	if report := desk.Load(New(source(server.URL))); len(report.Unreadable) != 0 || report.Read != 2 {
		t.Errorf("%+v", report)
	}
	want = []string{want[0], "21 dd 198 7 6", "22 cc 299 8 8"}
	if diff := cmp.Diff(want, desk.Texts(rowsQuery)); diff != "" {
		t.Error(diff)
	}
	if report := desk.Load(New(source(server.URL))); report.Read != 0 || len(s.asked) != 2 {
		t.Errorf("asked %q: %+v", s.asked, report)
	}
}

// TestNoAnswerIsAskedForAgain: for some days after a day, CCDScan may be behind; then it will not have one.
func TestNoAnswerIsAskedForAgain(t *testing.T) {
	s := &scan{answers: map[string]string{"old": `{"data": {"blockByBlockHash": null}}`, "new": `{"data": {"blockByBlockHash": null}}`}}
	server := httptest.NewServer(s)
	defer server.Close()
	desk := newDesk(t, "old", "new")
	desk.Exec("update raw.blocks_per_day set date = current_date - 3 where hash_for_last_block = 'new'")
	if report := desk.Load(New(source(server.URL))); report.Read != 2 || report.Rejects != 0 || len(report.Unreadable) != 0 {
		t.Errorf("%+v", report)
	}
	s.asked, s.answers["new"] = nil, block("new", 5, "5", "4")
	desk.Load(New(source(server.URL)))
	if diff := cmp.Diff([]string{"new"}, s.asked); diff != "" {
		t.Error(diff)
	}
	if rows := desk.Texts("select block_hash from raw.ccdscan_release_amounts where block_height = 5"); len(rows) != 1 || rows[0] != "new" {
		t.Errorf("%q", rows)
	}
}

func TestWhatServersSayInsteadOfAnAnswer(t *testing.T) {
	for body, want := range map[string]string{
		"<!doctype html><p>Sign in": `result.blockHash stands in "<!doctype html><p>Sign in", not in an object`,
		"":                          `result.blockHash stands in "", not in an object`,
		"null":                      `result.blockHash stands in "null", not in an object`,
		"[]":                        "result.blockHash stands in [], not in an object",
		`{"errors": [{"message": "no"}], "data": {"blockByBlockHash": null}}`: "result.blockHeight is missing, not a whole number from 0 to 9223372036854775807",
		`{"data": {}}`:             "result.blockHeight is missing, not a whole number from 0 to 9223372036854775807",
		block("bb", 5, "5", "4"):   `result.blockHash is "bb", not the block that was asked about`,
		block("aa", 5, "1e3", "4"): "result.balanceStatistics.totalAmount is 1e3, not a whole number from 0 to 9223372036854775807",
		block("aa", 5, "-5", "4"):  "result.balanceStatistics.totalAmount is -5, not a whole number from 0 to 9223372036854775807",
	} {
		server := httptest.NewServer(&scan{answers: map[string]string{"aa": body}})
		desk := newDesk(t, "aa")
		report := desk.Load(New(source(server.URL)))
		server.Close()
		if len(report.Unreadable) != 1 || report.Unreadable[0].Error != "an answer is not what it should be: 2025-09-20: "+want+"; the bodies are in raw.rejects" {
			t.Errorf("%s: %+v", body, report)
		}
		if diff := cmp.Diff([]string{"2025-09-20 " + want}, desk.Texts("select concat_ws(' ', date, field, reason) from raw.rejects")); diff != "" {
			t.Errorf("%s: %s", body, diff)
		}
		if rows := desk.Texts(rowsQuery); len(rows) != 0 {
			t.Errorf("%s: %q", body, rows)
		}
	}
}

// TestAServerThatGivesNonsenseIsLeft: after a few answers that are none, no more are asked for.
func TestAServerThatGivesNonsenseIsLeft(t *testing.T) {
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		_, _ = io.WriteString(w, "<html>")
	}))
	defer server.Close()
	var hashes []string
	for i := range 300 {
		hashes = append(hashes, fmt.Sprint(i))
	}
	desk := newDesk(t, hashes...)
	o := source(server.URL)
	o.Parallel = 1
	report := desk.Load(New(o))
	if asked > 50 || !strings.Contains(report.Unreadable[0].Error, "more questions were not asked") {
		t.Errorf("asked %d times: %+v", asked, report)
	}
}

// TestARecordingIsAsTheServer: rejects included; days that were bounded are neither asked about nor recorded.
func TestARecordingIsAsTheServer(t *testing.T) {
	server := httptest.NewServer(&scan{answers: map[string]string{"aa": block("aa", 99, "10", "9"), "bb": "<html>", "cc": `{"data": {"blockByBlockHash": null}}`, "dd": block("dd", 1, "1", "1")}})
	defer server.Close()
	asked, read := newDesk(t, "aa", "bb", "cc", "dd"), newDesk(t)
	asked.Intake = func(in *engine.Intake) { in.To = time.Date(2025, 9, 22, 0, 0, 0, 0, time.UTC) }
	o := source(server.URL)
	o.Record = filepath.Join(t.TempDir(), "http")
	asked.Load(New(o))
	if report := read.Load(New(source(o.Record))); len(report.TooManyRejects) != 0 {
		t.Errorf("%+v", report)
	}
	for _, query := range []string{rowsQuery, "select concat_ws(' ', file, date, field, reason) from raw.rejects"} {
		if diff := cmp.Diff(asked.Texts(query), read.Texts(query)); diff != "" {
			t.Errorf("%s (-asked +read):\n%s", query, diff)
		}
	}
	if rows := read.Texts(rowsQuery); len(rows) != 2 {
		t.Errorf("%q", rows)
	}
}

// TestNonsenseOnSomeDaysEndsNotEveryLoad: after three rejects in a row no more is asked; the next load begins with the others.
func TestNonsenseOnSomeDaysEndsNotEveryLoad(t *testing.T) {
	s := &scan{answers: map[string]string{"aa": block("aa", 99, "9", "8"), "bb": "<html>", "cc": "<html>", "dd": "<html>"}}
	server := httptest.NewServer(s)
	defer server.Close()
	desk := newDesk(t, append([]string{"aa"}, slices.Repeat([]string{"bb", "cc", "dd"}, 20)...)...)
	o := source(server.URL)
	o.Parallel = 1
	for range 30 {
		desk.Load(New(o))
	}
	if diff := cmp.Diff([]string{"20 aa 99 9 8"}, desk.Texts(rowsQuery)); diff != "" {
		t.Error(diff)
	}
}
