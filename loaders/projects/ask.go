package projects

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/zeebo/xxh3"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/internal/jsonlines"
	"github.com/ccdexplorer/nightrunner/internal/secret"
)

// fileName is the file of a recording, and the name of rejects.
const fileName = "projects_list.jsonl"

// An answer is a list as it came, with its revision.
type answer struct {
	revision
	content []byte
	// unchanged: it is the last one, and there is no content.
	unchanged bool
	notes     []string
}

// A line of a recording.
type line struct {
	ETag    string          `json:"etag,omitempty"`
	Commit  string          `json:"commit,omitempty"`
	Fetched string          `json:"fetched_at"`
	Answer  json.RawMessage `json:"answer"`
}

// where is the address as messages name it.
func (l *Loader) where() string { return secret.Redact(l.o.Address) }

// isServer tells a URL from a path.
func (l *Loader) isServer() bool { return strings.Contains(l.o.Address, "://") }

// known is the ETag by which a server is asked whether it has another list: none where it is wanted in any case.
func (l *Loader) known(in *engine.Intake, before revision) string {
	if before.address != l.where() || before.network != l.o.Network || in.Full || l.o.Refresh || l.o.Record != "" {
		return ""
	}
	return before.etag
}

// fetch gets the list from where it is; known is the ETag of the last one.
func (l *Loader) fetch(ctx context.Context, known string) (answer, error) {
	if l.isServer() {
		found, err := l.o.Client(l.o.Bearer()).GetRevision(ctx, l.o.Address, known)
		if err != nil || found.Unchanged {
			return answer{unchanged: true}, err
		}
		return l.answered(found.Body, revision{etag: found.ETag}), nil
	}
	info, err := os.Stat(l.o.Address)
	if err == nil && info.IsDir() {
		return l.replay()
	}
	content, err := os.ReadFile(l.o.Address)
	if err != nil {
		return answer{}, l.missing(err)
	}
	return l.answered(content, revision{}), nil
}

func (l *Loader) missing(err error) error {
	return engine.WithHint(err, "--%s names a URL, a file, or a folder with %s", l.Source(), fileName)
}

// answered is an answer with content.
func (l *Loader) answered(content []byte, r revision) answer {
	r.address, r.network, r.hash = l.where(), l.o.Network, fmt.Sprintf("%x", xxh3.Hash128(content).Bytes())
	return answer{revision: r, content: content}
}

// askCommit asks for the newest commit of a server's list. Without an answer the last known one stays: the list is worth
// more than the name of its commit.
func (l *Loader) askCommit(ctx context.Context, in *engine.Intake, now *answer, before revision) {
	if !l.isServer() || l.o.Commits == "" {
		return
	}
	commit, err := l.newestCommit(ctx)
	if err != nil {
		if ctx.Err() == nil {
			in.Unreadable(secret.Redact(l.o.Commits), err)
		}
		commit = ""
		if before.address == l.where() {
			commit = before.commit
		}
	}
	now.commit = commit
}

func (l *Loader) newestCommit(ctx context.Context) (string, error) {
	body, err := l.o.Client(l.o.Bearer()).Get(ctx, l.o.Commits)
	if err != nil {
		return "", err
	}
	var commits []struct{ SHA string }
	if err := json.Unmarshal(body, &commits); err != nil || len(commits) == 0 || !isCommit(commits[0].SHA) {
		return "", fmt.Errorf("%s is no list of commits like [{\"sha\": …}, …]", shown(body))
	}
	return commits[0].SHA, nil
}

// isCommit: a word of hexadecimal digits.
func isCommit(text string) bool { return text != "" && strings.Trim(text, "0123456789abcdef") == "" }

// record appends an answer to the recording.
func (l *Loader) record(in *engine.Intake, now answer) {
	if l.o.Record == "" || !l.isServer() {
		return
	}
	recorder := jsonlines.NewRecorder(l.o.Record)
	made, err := jsonlines.NewAnswer(nil, "", line{now.etag, now.commit, in.Now().Format(time.RFC3339), jsonlines.Body(now.content)})
	if err == nil {
		err = errors.Join(recorder.Append(fileName, [][]byte{made.Line}), recorder.Close())
	}
	if err != nil {
		// What was asked for is worth more than its recording.
		in.Report().Failure = fmt.Sprintf("record answers: %v", err)
	}
}

// replay reads a recording: its last list counts. Later answers that are none are told.
func (l *Loader) replay() (answer, error) {
	content, err := os.ReadFile(filepath.Join(l.o.Address, fileName))
	if err != nil {
		return answer{}, l.missing(err)
	}
	var last answer
	good, later := false, 0
	for text := range bytes.Lines(content) {
		if text = bytes.TrimSpace(text); len(text) == 0 {
			continue
		}
		one, err := l.lineOf(text)
		if err == nil {
			_, err = readList(one.content, l.o.Network)
		}
		switch {
		case err == nil:
			last, good, later = one, true, 0
		case good:
			later++
		default:
			last = one
		}
	}
	if later > 0 {
		last.notes = append(last.notes, fmt.Sprintf("%s: answers after its last list are none: %d", fileName, later))
	}
	if last.address == "" {
		return answer{}, fmt.Errorf("%s is empty", fileName)
	}
	return last, nil
}

// lineOf reads a line of a recording. What was no JSON stands there as a text.
func (l *Loader) lineOf(text []byte) (answer, error) {
	var one line
	if err := json.Unmarshal(text, &one); err != nil || one.Answer == nil {
		return l.answered(text, revision{}), errors.New("is no line of a recording")
	}
	content := []byte(one.Answer)
	var body string
	if json.Unmarshal(content, &body) == nil {
		content = []byte(body)
	}
	return l.answered(content, revision{etag: one.ETag, commit: one.Commit}), nil
}
