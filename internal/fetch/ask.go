package fetch

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// enough is how many questions in a row may fail before no further ones are asked.
const enough = 3

// ErrEnough marks an answer by which further questions would be answered the same: no failure.
var ErrEnough = errors.New("no further answers")

// A Pair is a question and its answer.
type Pair[Q, A any] struct {
	Question Q
	Answer   A
}

// An Outcome counts questions.
type Outcome struct {
	Asked, Answered, Failed int
	// First is the first failure.
	First error
	// Left are questions that were not asked, or whose answers were not waited for.
	Left int
}

// Err is what there is to say about questions without an answer; nil when all have one, or when only the stop was asked for.
func (o Outcome) Err() error {
	if o.First == nil {
		return nil
	}
	without := o.Failed + o.Left
	if without == 1 {
		return o.First
	}
	return fmt.Errorf("%d of %d questions without an answer: %w", without, o.Answered+without, o.First)
}

// Ask asks questions, in their order and at most parallel at a time, and hands the answers over as they come, several at
// once when they come fast; take is called from the caller's goroutine. A question that fails keeps no other from being
// asked, until several fail in a row or one fails with ErrStop. When take returns ErrStop, what is being asked is waited for
// and nothing more asked. When stop is closed, what is being asked is given up. Any other error of take, or of the context,
// ends all at once.
func Ask[Q, A any](ctx context.Context, parallel int, stop <-chan struct{}, questions []Q, ask func(context.Context, Q) (A, error), take func([]Pair[Q, A]) error) (Outcome, error) {
	asking, cancel := context.WithCancel(ctx)
	defer cancel()
	over := make(chan struct{})
	defer close(over)
	go func() {
		select {
		case <-stop:
			// A paced source may be waiting for a minute before it asks.
			cancel()
		case <-over:
		}
	}()
	// A few answers may wait to be taken: more, and a server that gives nonsense would be asked long after that is known.
	a := &asker[Q, A]{questions: questions, quit: make(chan struct{}), answers: make(chan answered[Q, A], max(1, parallel))}
	var workers sync.WaitGroup
	for range max(1, min(parallel, len(questions))) {
		workers.Go(func() { a.work(asking, ask) })
	}
	go func() { workers.Wait(); close(a.answers) }()
	err := a.collect(take, cancel)
	a.outcome.Left = len(questions) - a.outcome.Answered - a.outcome.Failed
	if err == nil {
		err = ctx.Err()
	}
	return a.outcome, err
}

// answered is what a worker hands over.
type answered[Q, A any] struct {
	Pair[Q, A]
	err error
}

type asker[Q, A any] struct {
	questions []Q
	mutex     sync.Mutex
	next      int
	once      sync.Once
	quit      chan struct{}
	answers   chan answered[Q, A]
	outcome   Outcome
	inARow    int
}

// end lets no further question be asked.
func (a *asker[Q, A]) end() { a.once.Do(func() { close(a.quit) }) }

// work asks until there is nothing more to ask.
func (a *asker[Q, A]) work(ctx context.Context, ask func(context.Context, Q) (A, error)) {
	for {
		select {
		case <-a.quit:
			return
		case <-ctx.Done():
			return
		default:
		}
		a.mutex.Lock()
		place := a.next
		a.next++
		a.mutex.Unlock()
		if place >= len(a.questions) {
			return
		}
		answer, err := ask(ctx, a.questions[place])
		if err != nil && ctx.Err() != nil {
			return
		}
		if errors.Is(err, ErrStop) || errors.Is(err, ErrEnough) {
			// At once, not only when the answer is taken: a limit that is used up bears no further question.
			a.end()
		}
		a.answers <- answered[Q, A]{Pair[Q, A]{a.questions[place], answer}, err}
	}
}

// collect takes answers until the workers are done. It always reads all, so that no worker hangs.
func (a *asker[Q, A]) collect(take func([]Pair[Q, A]) error, cancel func()) error {
	failure := error(nil)
	for first := range a.answers {
		batch := []answered[Q, A]{first}
		for more := true; more && len(batch) < 256; {
			select {
			case one, open := <-a.answers:
				if more = open; open {
					batch = append(batch, one)
				}
			default:
				more = false
			}
		}
		good, hopeless := a.sort(batch)
		if hopeless {
			// What is being asked would fail as well, and each failure takes its time.
			a.end()
			cancel()
		}
		if len(good) == 0 || failure != nil {
			continue
		}
		switch err := take(good); {
		case errors.Is(err, ErrStop):
			a.end()
		case err != nil:
			failure = err
			a.end()
			cancel()
		}
	}
	return failure
}

// sort counts a batch and keeps what has an answer.
func (a *asker[Q, A]) sort(batch []answered[Q, A]) (good []Pair[Q, A], hopeless bool) {
	for _, one := range batch {
		a.outcome.Asked++
		if errors.Is(one.err, ErrEnough) {
			a.outcome.Answered++
			hopeless = true
			continue
		}
		if one.err == nil {
			a.outcome.Answered++
			a.inARow = 0
			good = append(good, one.Pair)
			continue
		}
		a.outcome.Failed++
		a.inARow++
		if a.outcome.First == nil {
			a.outcome.First = one.err
		}
		hopeless = hopeless || a.inARow >= enough || errors.Is(one.err, ErrStop)
	}
	return good, hopeless
}
