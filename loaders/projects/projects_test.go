package projects

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
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

// host serves a list at /projects.json and commits at /commits.
type host struct {
	mutex sync.Mutex
	// list is what stands there, etag its name; status is 200 where 0.
	list, etag, commits string
	status              int
	asked, unchanged    int
	key                 string
}

func (h *host) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	if r.URL.Path == "/commits" {
		_, _ = io.WriteString(w, h.commits)
		return
	}
	h.asked++
	h.key = r.Header.Get("Authorization")
	if h.etag != "" {
		w.Header().Set("ETag", h.etag)
		if r.Header.Get("If-None-Match") == h.etag {
			h.unchanged++
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	if h.status != 0 {
		w.WriteHeader(h.status)
	}
	_, _ = io.WriteString(w, h.list)
}

func (h *host) serve(t *testing.T) string {
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}

func newDesk(t *testing.T) *loadtest.Desk {
	t.Helper()
	collections, err := mongo.ReadMappings(sql.Files)
	if err != nil {
		t.Fatal(err)
	}
	return loadtest.New(t, mongo.Tables(collections)...)
}

func options(address string) Options {
	return Options{Source: fetch.Source{Address: address, Wait: time.Millisecond, Timeout: 5 * time.Second}, Network: "mainnet"}
}

const (
	listed    = "select concat_ws(' ', position, id, type, account_index, account_address, module_ref, case when is_withdrawn then 'withdrawn' end) from raw.listed_projects order by is_withdrawn, position"
	revisions = "select concat_ws(' ', etag, network, commit_id) from raw.project_lists"
	rejects   = "select concat_ws(' ', source, file, document_id, reason, content) from raw.rejects"
)

// project is a member of a list.
func project(name string, indexes []int, modules ...string) string {
	var accounts []string
	for _, index := range indexes {
		accounts = append(accounts, fmt.Sprintf(`{"account_index": %d, "account_address": "3%d"}`, index, index))
	}
	return fmt.Sprintf(`%q: {"display_name": "x", "url": "", "description": "", "mainnet": {"account_addresses": [%s], "modules": [%s]}}`, name, strings.Join(accounts, ", "), strings.Join(modules, ", "))
}

// TestAListIsAskedForOnce: while the server says that it is the same, nothing comes; a new one comes whole, and what it lists
// no longer is withdrawn.
func TestAListIsAskedForOnce(t *testing.T) {
	h := &host{list: "{" + project("a", []int{1, 2}, `"aa"`) + "}", etag: `"one"`}
	address := h.serve(t)
	desk := newDesk(t)
	o := options(address + "/projects.json")
	o.Key = "word"
	if report := desk.Load(New(o)); report.Read != 1 || report.Rows != 3 || len(report.Unreadable) != 0 {
		t.Errorf("%+v", report)
	}
	if h.key != "Bearer word" {
		t.Errorf("the key came as %q", h.key)
	}
	for range 2 {
		if report := desk.Load(New(o)); report.Unchanged != 1 || report.Read != 0 || report.Changed != 0 || len(report.Notes) != 0 {
			t.Errorf("%+v", report)
		}
	}
	if h.asked != 3 || h.unchanged != 2 {
		t.Errorf("asked %d times, %d of them for nothing", h.asked, h.unchanged)
	}
	h.list, h.etag = "{"+project("b", []int{9})+", "+project("a", []int{2}, `"aa"`)+"}", `"two"`
	report := desk.Load(New(o))
	if report.Read != 1 || report.Changed == 0 {
		t.Errorf("%+v", report)
	}
	want := []string{"1 b-address-9 account_address 9 39", "2 a-address-2 account_address 2 32", "3 a-module-aa module aa", "1 a-address-1 account_address 1 31 withdrawn"}
	if diff := cmp.Diff(want, desk.Texts(listed)); diff != "" {
		t.Error(diff)
	}
	// What comes back is listed again. A server without ETags is read each time, and compared.
	h.list, h.etag = "{"+project("a", []int{1})+"}", ""
	desk.Load(New(o))
	if report := desk.Load(New(o)); report.Unchanged != 1 || report.Changed != 0 {
		t.Errorf("%+v", report)
	}
	if got := desk.Texts(listed); len(got) != 4 || got[0] != "1 a-address-1 account_address 1 31" {
		t.Errorf("%q", got)
	}
	h.etag, h.unchanged = `"three"`, 0
	desk.Load(New(o))
	o.Refresh = true
	desk.Load(New(o))
	if h.unchanged != 0 {
		t.Error("--refresh asks whether it changed")
	}
}

// TestDifferencesToProjectsAreTold, once per new list.
func TestDifferencesToProjectsAreTold(t *testing.T) {
	desk := newDesk(t)
	desk.Exec(`insert into raw.projects (id, project_id, type, account_address, account_index, position, document) values
		('a-address-1', 'a', 'account_address', '31', 1, 1, '{}'), ('a-address-2', 'a', 'account_address', '3two', 2, 2, '{}'),
		('a-address-3', 'a', 'account_address', '3three', 3, 3, '{"display_name": "x"}'), ('a-address-4', 'a', 'account_address', '34', 4, 4, '{}'),
		('own-address-7', 'own', 'account_address', '37', 7, 5, '{}'), ('a-address-<1,0>', 'a', 'contract_address', null, null, 6, '{}')`)
	path := filepath.Join(t.TempDir(), "projects.json")
	write := func(list string) {
		if err := os.WriteFile(path, []byte(list), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("{" + project("a", []int{1, 2, 3, 4, 5, 6}, `"aa"`) + "}")
	want := []string{
		"listed and not in projects (3): a-address-5, a-address-6, a-module-aa",
		"listed otherwise than in projects (1): a-address-2",
		"listed otherwise than in projects, where it stays for its display_name (1): a-address-3",
		"in projects and not listed; it stays (1): own-address-7",
	}
	if diff := cmp.Diff(want, desk.Load(New(options(path))).Notes); diff != "" {
		t.Error(diff)
	}
	if report := desk.Load(New(options(path))); len(report.Notes) != 0 || report.Unchanged != 1 {
		t.Errorf("%+v", report)
	}
	write("{" + project("a", []int{1}) + "}")
	want = []string{"listed no longer (6): a-address-2, a-address-3, a-address-4, a-address-5, a-address-6 and 1 more", "in projects and not listed; it stays (1): own-address-7"}
	if diff := cmp.Diff(want, desk.Load(New(options(path))).Notes); diff != "" {
		t.Error(diff)
	}
}

// TestShapesThatOccur: keys that occur twice, lists and networks that are missing.
func TestShapesThatOccur(t *testing.T) {
	desk := newDesk(t)
	path := filepath.Join(t.TempDir(), "projects.json")
	list := `{
		"none": {"display_name": "No network"},
		"empty": {"mainnet": {}, "testnet": null},
		"null": {"mainnet": {"account_addresses": null, "modules": null}},
		"twice": {"mainnet": {"modules": [], "modules": ["aa"], "account_addresses": [{"account_index": "7", "account_address": "37"}]}},
		"twice": {"mainnet": {"modules": ["bb", "aa"], "account_addresses": [{"account_index": 7, "account_address": "3seven"}]}},
		"ü ⭐": {"mainnet": {"modules": ["cc"]}, "testnet": {"modules": ["dd"]}, "logo_url": 5}
	}`
	if err := os.WriteFile(path, []byte(list), 0o600); err != nil {
		t.Fatal(err)
	}
	report := desk.Load(New(options(path)))
	want := []string{path + " says more than once, and all of it counts: twice, twice.modules, twice-address-7 (the later counts)", "listed and not in projects (4): twice-address-7, twice-module-aa, twice-module-bb, ü ⭐-module-cc"}
	if diff := cmp.Diff(want, report.Notes); diff != "" || len(report.Unreadable) != 0 {
		t.Errorf("%+v\n%s", report, diff)
	}
	if diff := cmp.Diff([]string{"1 twice-module-aa module aa", "2 twice-address-7 account_address 7 3seven", "3 twice-module-bb module bb", "4 ü ⭐-module-cc module cc"}, desk.Texts(listed)); diff != "" {
		t.Error(diff)
	}
	other := newDesk(t)
	o := options(path)
	o.Network = "testnet"
	other.Load(New(o))
	if diff := cmp.Diff([]string{"1 ü ⭐-module-dd module dd"}, other.Texts(listed)); diff != "" {
		t.Error(diff)
	}
}

// TestWhatIsNoList is a reject with its body, and what was listed stays; the reject goes when there is a list again.
func TestWhatIsNoList(t *testing.T) {
	h := &host{list: "{" + project("a", []int{1}) + "}", etag: `"good"`}
	address := h.serve(t) + "/projects.json"
	desk := newDesk(t)
	desk.Load(New(options(address)))
	before := desk.Texts(listed)
	for body, want := range map[string]string{
		"<!doctype html>\n<p>Sign in":           `is "<!doctype html> <p>Sign in", not an object`,
		"":                                      "is empty, not an object",
		"null":                                  `is "null", not an object`,
		"[]":                                    `is "[]", not an object`,
		"{}":                                    "lists no project",
		`{"a": `:                                "is no JSON: it breaks off",
		`{"a": {}} {}`:                          "goes on behind its end",
		`{"a": {}}`:                             "lists no account and no module of mainnet, and listed 1 (--prune takes that over)",
		`{"message": "Not Found"}`:              `message: is "\"Not Found\"", not an object`,
		`{"": {}}`:                              `"": is no name of a project`,
		`{"a": {"mainnet": []}}`:                `a.mainnet: is "[]", not an object`,
		`{"a": {"mainnet": {"modules": "aa"}}}`: `a.mainnet.modules: is "\"aa\"", not a list`,
		`{"a": {"mainnet": {"modules": ["aa", 5]}}}`:                                                  `a.mainnet.modules[1]: is "5", not the hash of a module`,
		`{"a": {"mainnet": {"modules": ["a a"]}}}`:                                                    `a.mainnet.modules[0]: is "\"a a\"", not the hash of a module`,
		`{"a": {"mainnet": {"account_addresses": [7]}}}`:                                              `a.mainnet.account_addresses[0]: is "7", not an account`,
		`{"a": {"mainnet": {"account_addresses": [{"account_index": 1.5, "account_address": "3"}]}}}`: `a.mainnet.account_addresses[0]: account_index is "1.5", not a whole number from 0 to 9223372036854775807`,
		`{"a": {"mainnet": {"account_addresses": [{"account_address": "3"}]}}}`:                       "a.mainnet.account_addresses[0]: account_index is empty, not a whole number from 0 to 9223372036854775807",
		`{"a": {"mainnet": {"account_addresses": [{"account_index": 1}]}}}`:                           `a.mainnet.account_addresses[0]: account_address is "", not an address`,
	} {
		h.list, h.etag = body, `"bad"`
		report := desk.Load(New(options(address)))
		if len(report.Unreadable) != 1 || report.Unreadable[0].Error != "the list is not what it should be: "+want+"; what was listed stays; the body is in raw.rejects" {
			t.Errorf("%s: %+v", body, report.Unreadable)
		}
		if diff := cmp.Diff([]string{"projects-list projects_list.jsonl " + address + " " + want + " " + body}, desk.Texts(rejects)); diff != "" {
			t.Errorf("%s: %s", body, diff)
		}
		if diff := cmp.Diff(before, desk.Texts(listed)); diff != "" {
			t.Errorf("%s: %s", body, diff)
		}
	}
	h.etag = `"good"`
	if report := desk.Load(New(options(address))); report.Unchanged != 1 || len(desk.Texts(rejects)) != 0 {
		t.Errorf("%+v, %q", report, desk.Texts(rejects))
	}
	desk.Intake = func(in *engine.Intake) { in.Prune = true }
	h.list, h.etag = `{"a": {}}`, ""
	if report := desk.Load(New(options(address))); len(report.Unreadable) != 0 || desk.Texts(listed)[0] != "1 a-address-1 account_address 1 31 withdrawn" {
		t.Errorf("%+v", report)
	}
}

// TestNobodyThere: it is told, and nothing else happens.
func TestNobodyThere(t *testing.T) {
	h := &host{status: http.StatusNotFound, list: "404: Not Found"}
	address := h.serve(t)
	for place, want := range map[string]string{
		address + "/projects.json":            "answers 404 Not Found: 404: Not Found",
		"http://127.0.0.1:1/projects.json":    "connection refused",
		filepath.Join(t.TempDir(), "no.json"): "no such file",
		t.TempDir():                           "no such file",
	} {
		desk := newDesk(t)
		report, err := desk.LoadContext(t.Context(), New(options(place)))
		if err == nil && len(report.Unreadable) == 1 {
			err = errors.New(report.Unreadable[0].Error)
		}
		if err == nil || !strings.Contains(err.Error(), want) || len(desk.Texts(revisions)) != 0 {
			t.Errorf("%s: %v, %+v", place, err, report)
		}
		if _, _, err := New(options(place)).Probe(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", place, err)
		}
	}
}

// TestAStopEndsWaiting: who stops a run waits for no server.
func TestAStopEndsWaiting(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer server.Close()
	stop := make(chan struct{})
	close(stop)
	desk := newDesk(t)
	desk.Intake = func(in *engine.Intake) { in.Stop = stop }
	o := options(server.URL)
	o.Timeout = time.Hour
	if report := desk.Load(New(o)); len(report.Unreadable) != 0 || report.Read != 0 {
		t.Errorf("%+v", report)
	}
}

// TestCommits: the newest one is remembered, also when the list is the same; without an answer the last one stays.
func TestCommits(t *testing.T) {
	h := &host{list: "{" + project("a", []int{1}) + "}", etag: `"one"`, commits: `[{"sha": "c1", "commit": {}}, {"sha": "c0"}]`}
	address := h.serve(t)
	o := options(address + "/projects.json")
	o.Commits = address + "/commits"
	desk := newDesk(t)
	for _, step := range []struct{ commits, want, fails string }{
		{h.commits, "c1", ""},
		{h.commits, "c1", ""},
		{`[{"sha": "c2"}]`, "c2", ""},
		{"<html>", "c2", `"<html>" is no list of commits`},
		{"[]", "c2", `"[]" is no list of commits`},
		{`[{"sha": "main"}]`, "c2", "is no list of commits"},
	} {
		h.commits = step.commits
		report := desk.Load(New(o))
		if diff := cmp.Diff([]string{`"one" mainnet ` + step.want}, desk.Texts(revisions)); diff != "" {
			t.Errorf("%s: %s", step.commits, diff)
		}
		if failed := len(report.Unreadable) > 0; failed != (step.fails != "") || failed && !strings.Contains(report.Unreadable[0].Error, step.fails) {
			t.Errorf("%s: %+v", step.commits, report.Unreadable)
		}
	}
	if len(desk.Texts(listed)) != 1 {
		t.Errorf("%q", desk.Texts(listed))
	}
	// A list that stands elsewhere has no commit of the one before.
	o.Address = address + "/other.json"
	desk.Load(New(o))
	if diff := cmp.Diff([]string{`"one" mainnet`}, desk.Texts(revisions)); diff != "" {
		t.Error(diff)
	}
}

// TestARecordingIsAsTheServer: what is recorded is asked for in any case; of a recording the last list counts.
func TestARecordingIsAsTheServer(t *testing.T) {
	h := &host{list: "{" + project("a", []int{1}, `"aa"`, `"bb"`) + ", " + project("a", nil) + "}", etag: `"one"`}
	o := options(h.serve(t) + "/projects.json")
	o.Record = filepath.Join(t.TempDir(), "http")
	asked := newDesk(t)
	asked.Load(New(o))
	asked.Load(New(o))
	h.list, h.etag = "<html>\n", ""
	asked.Load(New(o))
	read := newDesk(t)
	report := read.Load(New(options(o.Record)))
	if len(report.Unreadable) != 0 || len(report.Notes) == 0 || report.Notes[0] != "projects_list.jsonl: answers after its last list are none: 1" {
		t.Errorf("%+v", report)
	}
	for _, query := range []string{listed, revisions} {
		if diff := cmp.Diff(asked.Texts(query), read.Texts(query)); diff != "" {
			t.Errorf("%s (-asked +read):\n%s", query, diff)
		}
	}
	if report := read.Load(New(options(o.Record))); report.Unchanged != 1 {
		t.Errorf("%+v", report)
	}
	if err := os.WriteFile(filepath.Join(o.Record, fileName), []byte("{\"fetched_at\": \"\", \"answer\": \"<html>\"}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if report := read.Load(New(options(o.Record))); len(report.Unreadable) != 1 || len(read.Texts(listed)) != 3 {
		t.Errorf("%+v", report)
	}
}

// FuzzList: whatever stands there, it is a list or none.
func FuzzList(f *testing.F) {
	f.Add([]byte("{" + project("a", []int{1}, `"aa"`) + "," + project("a", []int{1}) + "}"))
	f.Add([]byte(`{"a": {"mainnet": {"account_addresses": [{"account_index": "1", "account_address": "3"}], "modules": null}}}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		read, err := readList(content, "mainnet")
		if err != nil {
			return
		}
		for i, one := range read.entries {
			if read.place[one.id] != i || one.project == "" || one.address == "" {
				t.Fatalf("%+v", one)
			}
		}
	})
}
