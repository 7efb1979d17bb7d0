// Package notify tells people how a night went, through the services that shoutrrr knows. A message that cannot be sent is
// an error for the log; it never changes how the run ends.
package notify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"slices"
	"strings"
	"time"

	"github.com/nicholas-fedor/shoutrrr"
	"github.com/nicholas-fedor/shoutrrr/pkg/router"
	"github.com/nicholas-fedor/shoutrrr/pkg/types"

	"github.com/ccdexplorer/nightrunner/internal/nights"
	"github.com/ccdexplorer/nightrunner/internal/progress"
)

// What a message can be about.
const (
	Failure  = "failure"  // the run failed, or a part of it
	Late     = "late"     // a day was not there in time
	Recovery = "recovery" // the run before failed, this one did not
	Done     = "done"     // nothing of these: sent with Always
	Always   = "always"   // every run
)

// Kinds are the words that say when to send.
func Kinds() []string { return []string{Failure, Recovery, Late, Always} }

// A Message is short: a phone shows it.
type Message struct{ Kind, Title, Body string }

// Compose says how a night went.
func Compose(o *nights.Outcome) Message {
	m := Message{Kind: kindOf(o)}
	words := map[string]string{Failure: "failed", Late: "done, data is late", Recovery: "recovered", Done: "done"}
	m.Title = fmt.Sprintf("nightrunner %s on %s", words[m.Kind], o.Host)
	if o.Stopped() {
		m.Title = fmt.Sprintf("nightrunner stopped on %s", o.Host)
	}
	var lines []string
	if problems := o.Problems(); len(problems) > 0 {
		lines = append(lines, short(problems[0], problemRunes))
		if len(problems) > 1 {
			lines = append(lines, fmt.Sprintf("and %d more errors", len(problems)-1))
		}
	}
	if late := o.Late(); late != "" {
		lines = append(lines, "late: "+short(late, problemRunes))
	}
	if held := o.HeldBack(); len(held) > 0 {
		lines = append(lines, "held back: "+some(held))
	}
	if m.Kind == Recovery {
		lines = append(lines, fmt.Sprintf("run %d of %s had ended with exit code %d", o.Facts.Previous.Run, o.Facts.Previous.Started.Format("2006-01-02 15:04 UTC"), o.Facts.Previous.ExitCode))
	}
	m.Body = strings.Join(append(lines, whence(o)), "\n")
	return m
}

// kindOf a night: what is worse counts.
func kindOf(o *nights.Outcome) string {
	switch {
	case o.Stopped():
		return Done
	case len(o.Problems()) > 0:
		return Failure
	case o.Late() != "":
		return Late
	case o.ExitCode != 0:
		return Failure
	case o.Facts != nil && o.Facts.Previous != nil && o.Facts.Previous.ExitCode != 0:
		return Recovery
	}
	return Done
}

// problemRunes is how much of an error a phone shows.
const problemRunes = 300

// whence is where the message comes from: run, warehouse, time, exit code.
func whence(o *nights.Outcome) string {
	run := o.Command
	if o.Report != nil && o.Report.Run > 0 {
		run = fmt.Sprintf("run %d", o.Report.Run)
	}
	return fmt.Sprintf("%s, exit code %d, %s from %s, warehouse %s", run, o.ExitCode, progress.Duration(o.Seconds), o.Started.UTC().Format("2006-01-02 15:04:05 UTC"), o.Warehouse)
}

func short(text string, runes int) string {
	text = strings.Join(strings.Fields(text), " ")
	if list := []rune(text); len(list) > runes {
		return string(list[:runes]) + "…"
	}
	return text
}

func some(names []string) string {
	const few = 3
	if len(names) <= few+1 {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:few], ", "), len(names)-few)
}

// A Notifier sends messages of some kinds to some services.
type Notifier struct {
	services *router.ServiceRouter
	kinds    []string
	count    int
}

// New reads the URLs of services (shoutrrr's) and the kinds of messages that they get; no kinds are all but Always.
func New(urls, kinds []string) (*Notifier, error) {
	if len(kinds) == 0 {
		kinds = []string{Failure, Recovery, Late}
	}
	for _, kind := range kinds {
		if !slices.Contains(Kinds(), kind) {
			return nil, fmt.Errorf("%q is none of %s", kind, strings.Join(Kinds(), ", "))
		}
	}
	// What a service logs may hold its key.
	services, err := shoutrrr.NewSender(log.New(io.Discard, "", 0), urls...)
	if err != nil {
		return nil, err
	}
	services.Timeout = sendTimeout
	return &Notifier{services: services, kinds: kinds, count: len(urls)}, nil
}

// sendTimeout bounds the sending to one service: the run is over, and waits for it.
const sendTimeout = 20 * time.Second

// Wants says whether a kind of message is sent.
func (n *Notifier) Wants(kind string) bool {
	return n.count > 0 && (slices.Contains(n.kinds, Always) || slices.Contains(n.kinds, kind))
}

// Send sends to all services at once. The error holds those of each that failed.
func (n *Notifier) Send(ctx context.Context, m Message) error {
	params := types.Params{}
	params.SetTitle(m.Title)
	failed := n.services.SendAsync(m.Body, &params)
	var errs []error
	for range n.count {
		select {
		case err := <-failed:
			errs = append(errs, err)
		case <-ctx.Done():
			return errors.Join(append(errs, ctx.Err())...)
		}
	}
	return errors.Join(errs...)
}
