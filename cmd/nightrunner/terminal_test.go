package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/hinshun/vt10x"
)

// A terminal is a program on a pseudo terminal, and what its screen shows.
type terminal struct {
	t       *testing.T
	file    *os.File
	screen  vt10x.Terminal
	changed chan struct{}
	run     *exec.Cmd
	ended   chan struct{}
}

// patience is how long something may take that goes wrong otherwise.
const patience = time.Minute

// onTerminal starts the program with a home of its own.
func onTerminal(t *testing.T, home string, columns, rows int, env []string, args ...string) *terminal {
	t.Helper()
	run := exec.Command(program(t), args...)
	run.Env = append(append(os.Environ(), "TERM=xterm-256color", "HOME="+home, "XDG_STATE_HOME=", "PAGER=cat", "NO_COLOR="), env...)
	run.Dir = home
	file, err := pty.StartWithSize(run, &pty.Winsize{Rows: uint16(rows), Cols: uint16(columns)})
	if err != nil {
		t.Fatal(err)
	}
	term := &terminal{t: t, file: file, screen: vt10x.New(vt10x.WithSize(columns, rows)), changed: make(chan struct{}, 1), run: run, ended: make(chan struct{})}
	go term.read()
	go func() {
		defer close(term.ended)
		_ = run.Wait()
	}()
	t.Cleanup(func() {
		_ = run.Process.Kill()
		<-term.ended
		_ = file.Close()
	})
	return term
}

func (term *terminal) read() {
	buffer := make([]byte, 4096)
	for {
		n, err := term.file.Read(buffer)
		_, _ = term.screen.Write(buffer[:n])
		select {
		case term.changed <- struct{}{}:
		default:
		}
		if err != nil {
			close(term.changed)
			return
		}
	}
}

// text of the screen, without the blanks behind it.
func (term *terminal) text() string {
	var lines []string
	for line := range strings.SplitSeq(term.screen.String(), "\n") {
		lines = append(lines, strings.TrimRight(line, " "))
	}
	return strings.TrimRight(strings.Join(lines, "\n"), "\n")
}

func (term *terminal) keys(keys string) {
	term.t.Helper()
	if _, err := io.WriteString(term.file, keys); err != nil {
		term.t.Fatal(err)
	}
}

// until waits for a screen that fits, and returns it. The end of the program is waited for with nil.
func (term *terminal) until(what string, fits func(screen string) bool) string {
	term.t.Helper()
	deadline := time.After(patience)
	for {
		screen := term.text()
		if fits(screen) {
			return screen
		}
		select {
		case _, open := <-term.changed:
			if !open && !fits(term.text()) {
				term.t.Fatalf("it ended before %s; the screen:\n%s", what, term.text())
			}
		case <-deadline:
			term.t.Fatalf("no %s; the screen:\n%s", what, screen)
		}
	}
}

// shows waits for all of these texts on the screen, below each other. Keys that control something are pressed at a prompt:
// before it the editor does not read them yet.
func (term *terminal) shows(texts ...string) string {
	term.t.Helper()
	return term.until(fmt.Sprintf("%q", texts), func(screen string) bool {
		for _, one := range texts {
			_, after, found := strings.Cut(screen, one)
			if !found {
				return false
			}
			screen = after
		}
		return true
	})
}

// code waits for the end of the program.
func (term *terminal) code() int {
	term.t.Helper()
	select {
	case <-term.ended:
	case <-time.After(patience):
		term.t.Fatalf("it does not end; the screen:\n%s", term.text())
	}
	return term.run.ProcessState.ExitCode()
}

func startShell(t *testing.T, home string, env ...string) *terminal {
	t.Helper()
	term := onTerminal(t, home, 80, 24, env, "shell", "--warehouse", emptyWarehouse(t))
	term.shows("read-only", ".help lists commands", "nightrunner>")
	return term
}

func TestShellOnATerminal(t *testing.T) {
	home := t.TempDir()
	term := startShell(t, home)
	term.keys("select 40 + 2 as answer,\r'x' as letter;\r")
	term.shows("answer", "42 │ x", "(1 row, ", "nightrunner>")
	term.keys("select * from numb\t limit 1;\r")
	term.shows("from numbers", "(1 row, ", "nightrunner>")
	term.keys("\x03")
	term.shows("(1 row, ", ".quit or Ctrl-D leaves", "nightrunner>")
	term.keys("select an unfinished")
	term.shows("an unfinished")
	term.keys("\x03")
	term.shows("an unfinished", "nightrunner>")
	term.keys("select 7 as seven;\r")
	term.shows("seven", "7 │", "nightrunner>")
	term.keys(".mode csv\rselect 8 as eight;\r")
	term.shows("eight\n8", "nightrunner>")
	term.keys("\x04")
	if code := term.code(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// TestErrorsStayWhole: at the bottom of the screen the editor would overwrite the line above.
func TestErrorsStayWhole(t *testing.T) {
	term := startShell(t, t.TempDir())
	term.keys("select * from numbers where i < 20;\r")
	term.shows("(20 rows, ")
	term.keys("select nope from numbers;\r")
	term.shows("LINE 1: select nope", "^", "nightrunner>")
	term.keys("select i\r, nu\t")
	term.shows("LINE 1: select nope", "^", "nightrunner> select i", ", nu")
	term.keys("\x03")
	term.shows(", nu", "nightrunner>")
	term.keys(".exit 3\r")
	if code := term.code(); code != 3 {
		t.Errorf("exit code %d", code)
	}
}

// TestCtrlCStopsAQuery and keeps the shell. Before it, the time that went by is shown.
func TestCtrlCStopsAQuery(t *testing.T) {
	term := startShell(t, t.TempDir())
	term.keys("select count(*) from range(1000000000) as a, range(1000000000) as b;\r")
	term.shows("Ctrl-C stops it")
	term.keys("\x03")
	screen := term.shows("error: interrupted", "nightrunner>")
	if strings.Contains(screen, "Ctrl-C stops it") {
		t.Errorf("the progress stays:\n%s", screen)
	}
	term.keys("select 7 as seven;\r")
	term.shows("seven", "7 │")
}

func TestPager(t *testing.T) {
	// The first pager that is there is taken: a variable of one's own, then everybody's.
	term := startShell(t, t.TempDir(), "PAGER=cat", "NIGHTRUNNER_PAGER=sed s/^/paged/")
	term.keys("select i as short from numbers where i < 3;\r")
	if screen := term.shows("(3 rows, ", "nightrunner>"); strings.Contains(screen, "paged") {
		t.Errorf("a short result is paged:\n%s", screen)
	}
	term.keys("from numbers;\r")
	term.shows("paged│", "(100 rows, ", "nightrunner>")
	term.keys(".pager off\rfrom numbers;\r")
	term.until("rows that are not paged", func(screen string) bool {
		return strings.Contains(screen, "(100 rows, ") && !strings.Contains(screen, "paged") && strings.HasSuffix(screen, "nightrunner>")
	})
	term.keys(".pager on\r.maxrows 0\r.mode csv\rfrom range(1000000);\r")
	term.shows("paged999999", "(1,000,000 rows, ")
}

// TestLeavingThePager ends the statement without an error.
func TestLeavingThePager(t *testing.T) {
	term := startShell(t, t.TempDir(), "NIGHTRUNNER_PAGER=head -3")
	term.keys(".mode csv\rfrom range(10000000);\r")
	if screen := term.shows("range\n0\n1", " rows, "); strings.Contains(screen, "error") {
		t.Errorf("got\n%s", screen)
	}
}

// TestHistory is kept for its owner, each line once, and not what starts with a blank.
func TestHistory(t *testing.T) {
	home := t.TempDir()
	term := startShell(t, home)
	term.keys("select 1 as one;\rselect 2 as two;\rselect 1 as one;\r select 3 as secret;\r")
	term.shows("secret", "(1 row, ", "nightrunner>")
	term.keys(".quit\r")
	if code := term.code(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	path := filepath.Join(home, ".local", "state", "nightrunner", "history")
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, %v", info.Mode(), err)
	}
	again := startShell(t, home)
	// .quit, one, two.
	again.keys("\x1b[A\x1b[A\x1b[A")
	again.shows("nightrunner> select 2 as two;")
	again.keys("\r")
	again.shows("two", "2 │", "(1 row, ")
	content, err := os.ReadFile(path)
	if err != nil || strings.Contains(string(content), "secret") {
		t.Errorf("history: %s, %v", content, err)
	}
}

// TestColours are left out for who wants none, and the editor for a terminal that knows none.
func TestColours(t *testing.T) {
	for _, env := range []string{"NO_COLOR=1", "TERM=dumb"} {
		term := onTerminal(t, t.TempDir(), 80, 24, []string{env}, "shell", "--warehouse", emptyWarehouse(t))
		term.shows("nightrunner>")
		term.keys("select null as nothing,\r1 as one;\r")
		term.shows("nothing", "NULL │", "(1 row, ", "nightrunner>")
		term.screen.Lock()
		for y := range 24 {
			for x := range 80 {
				if cell := term.screen.Cell(x, y); cell.FG != vt10x.DefaultFG {
					t.Errorf("%s: column %d of row %d is coloured", env, x, y)
				}
			}
		}
		term.screen.Unlock()
		term.keys("\x04")
		if code := term.code(); code != 0 {
			t.Errorf("%s: exit code %d", env, code)
		}
	}
}

// TestShellReadsSnapshots, says how old they are, and tells of a newer one, which .open reads. A run writes meanwhile.
func TestShellReadsSnapshots(t *testing.T) {
	home := t.TempDir()
	night := func(facts string) {
		t.Helper()
		folder := filepath.Join(home, "node")
		if err := os.MkdirAll(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, "tokenomics.jsonl"), []byte(facts), 0o600); err != nil {
			t.Fatal(err)
		}
		run := exec.Command(program(t), "run", "--node", "node", "--warehouse", "nightrunner.duckdb")
		run.Dir = home
		if output, err := run.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, output)
		}
	}
	night("")
	term := onTerminal(t, home, 100, 24, nil, "shell")
	term.shows("snapshot of run 1, ", " old, read-only", "nightrunner>")
	night(`{"date": "2025-01-01", "block_hash": "4f5022db8d313326cd1cfd5bd71146b51d4c2634edb538838d8f5e75f625b860", "version": "v1", "info": {"total_amount": "2331818006310504", "total_encrypted_amount": 4000000000000, "baking_reward_account": 999999, "finalization_reward_account": 250001, "gas_account": 0, "protocol_version": 6}}`)
	term.keys("select max(run_id) as last from ops.runs;\r")
	term.shows("last", "1 │", "run 2 has published a newer snapshot: .open reads it", "nightrunner>")
	term.keys(".open\r")
	term.shows("snapshot of run 2, ", "nightrunner>")
	term.keys("select max(run_id) as last from ops.runs;\r")
	term.shows("snapshot of run 2, ", "last", "2 │", "nightrunner>")
	term.keys(".runs\r")
	term.shows("started (UTC)", "2  ", "1  ", "nightrunner>")
	term.keys(".open 1\r")
	term.shows("snapshot of run 1, ", "nightrunner>")
}
