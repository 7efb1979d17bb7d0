package jsonlines

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/internal/fetch"
	"github.com/ccdexplorer/nightrunner/internal/secret"
)

// Ask asks a server questions and lands the answers as they come. What could not be asked, and answers that are rejects,
// are told as unreadable: the days that they feed wait. The returned error is the warehouse's or the context's.
func Ask[Q any](ctx context.Context, in *engine.Intake, source fetch.Source, questions []Q, ask func(context.Context, Q) ([]Answer, error)) error {
	var recorder *Recorder
	if source.Record != "" {
		recorder = NewRecorder(source.Record)
	}
	landing := NewLanding(in, recorder)
	done := int64(0)
	outcome, err := fetch.Ask(ctx, source.Parallel, in.Stop, questions, ask, func(pairs []fetch.Pair[Q, []Answer]) error {
		var answers []Answer
		for _, pair := range pairs {
			answers = append(answers, pair.Answer...)
		}
		if err := landing.Land(ctx, answers); err != nil {
			return err
		}
		done += int64(len(pairs))
		in.Progress(done, int64(len(questions)))
		if landing.Hopeless() {
			return fetch.ErrStop
		}
		return nil
	})
	if err := recorder.Close(); err != nil {
		in.Report().Failure = fmt.Sprintf("record answers: %v", err)
	}
	where := secret.Redact(source.Address)
	if unanswered := outcome.Err(); unanswered != nil {
		in.Unreadable(where, unanswered)
	}
	if landing.Bad > 0 {
		in.Unreadable(where, landing.rejected(outcome.Left))
	}
	return err
}

// RejectedLast puts questions behind the others whose last answer was a reject, so that they do not end every load before
// anything else is asked; name is what their answers name as asked.
func RejectedLast[Q any](ctx context.Context, in *engine.Intake, file string, questions []Q, name func(Q) string) ([]Q, error) {
	rejected := map[string]bool{}
	err := in.Query(ctx, func(rows *sql.Rows) error {
		var asked string
		err := rows.Scan(&asked)
		rejected[asked] = true
		return err
	}, "select distinct document_id from raw.rejects where document_id is not null and file = $1", file)
	if err != nil {
		return nil, fmt.Errorf("look for rejects: %w", err)
	}
	var good, bad []Q
	for _, question := range questions {
		if rejected[name(question)] {
			bad = append(bad, question)
		} else {
			good = append(good, question)
		}
	}
	return append(good, bad...), nil
}

// rejected says how many answers were rejects.
func (l *Landing) rejected(left int) error {
	text := "an answer is not what it should be"
	if l.Bad > 1 {
		text = fmt.Sprintf("%d answers are not what they should be, the first", l.Bad)
	}
	text += ": " + l.First
	switch {
	case !l.Hopeless() || left == 0:
	case left == 1:
		text += "; 1 more question was not asked"
	default:
		text += fmt.Sprintf("; %d more questions were not asked", left)
	}
	return errors.New(text + "; the bodies are in raw.rejects")
}
