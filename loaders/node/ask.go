package node

import (
	"context"
	"database/sql"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/internal/fetch"
	"github.com/ccdexplorer/nightrunner/internal/jsonlines"
	"github.com/ccdexplorer/nightrunner/internal/secret"
	"github.com/ccdexplorer/nightrunner/loaders/node/nodepb"
)

// missingFacts are days whose last block the node has not been asked about, oldest first: which of the facts are missing,
// and which tokens. What was asked about another block than the day has now is missing as well.
const missingFacts = `
with days as (
	select date, lower(hash_for_last_block) as block_hash, height_for_last_block as height
	from raw.blocks_per_day where %[1]s
), tokens as (
	select days.date, list(tags.id order by tags.position) as tokens
	from days cross join raw.plts_tags as tags
	where %[2]s or not exists (from raw.token_info as known where known.date = days.date and known.token = tags.id
		and known.missing is distinct from 'unanswered' and coalesce(lower(known.block_hash) = days.block_hash, true))
	group by all
), missing as (
	select days.date, days.block_hash, days.height,
		%[2]s or not exists (from raw.tokenomics as known where known.date = days.date and coalesce(lower(known.block_hash) = days.block_hash, true)) as tokenomics,
		%[2]s or not exists (from raw.chain_parameters as known where known.date = days.date and coalesce(lower(known.block_hash) = days.block_hash, true)) as parameters,
		coalesce(array_to_string(tokens.tokens, chr(10)), '') as tokens
	from days left join tokens on tokens.date = days.date
)
select * from missing where tokenomics or parameters or tokens <> '' order by date`

// question is what the node is asked about a day.
type question struct {
	day                    time.Time
	hash                   sql.NullString
	height                 int64
	tokenomics, parameters bool
	tokens                 []string
}

// blockHashBytes is how long a hash is.
const blockHashBytes = 32

// asking is one load from a node.
type asking struct {
	client                         *client
	tokenomics, parameters, tokens jsonlines.Table

	mutex sync.Mutex
	// behind are days whose last block the node does not have, nameless those for which no block is known.
	behind, nameless []time.Time
	// partially are days of which some facts could not be asked for, and why the first of them could not.
	partially map[time.Time]bool
	partial   error
}

func (l *Loader) ask(ctx context.Context, in *engine.Intake) error {
	client, err := dial(l.o.Source, l.o.Roots)
	if err != nil {
		return engine.WithHint(err, "--node names a node as grpc://host:20000, with TLS as grpcs://host:20000, or a folder")
	}
	defer func() { _ = client.connection.Close() }()
	questions, err := l.questions(ctx, in)
	if err != nil {
		return err
	}
	if err := openDays(ctx, in); err != nil {
		return err
	}
	a := &asking{client: client, partially: map[time.Time]bool{}, tokenomics: tokenomics(), parameters: chainParameters(), tokens: tokenInfo()}
	err = jsonlines.Ask(ctx, in, l.o.Source, questions, a.answer)
	a.report(in, l.o.Address)
	return err
}

func (l *Loader) questions(ctx context.Context, in *engine.Intake) ([]question, error) {
	var list []question
	err := in.Query(ctx, func(rows *sql.Rows) error {
		var q question
		var tokens string
		err := rows.Scan(&q.day, &q.hash, &q.height, &q.tokenomics, &q.parameters, &tokens)
		if tokens != "" {
			q.tokens = strings.Split(tokens, "\n")
		}
		list = append(list, q)
		return err
	}, fmt.Sprintf(missingFacts, in.Days(), fmt.Sprint(l.o.Refresh)))
	if err != nil {
		return nil, fmt.Errorf("look for missing days: %w", err)
	}
	return list, nil
}

// openDays writes down which days the node has never been asked about: their tokens are not known to be none, even when it
// answers about other days only.
func openDays(ctx context.Context, in *engine.Intake) error {
	return in.Transact(ctx, func() error {
		err := in.Exec(ctx, `create or replace temp table opened as
			select days.date, tags.id as token, 'unanswered' as missing
			from raw.blocks_per_day as days cross join raw.plts_tags as tags
			where days.date not in (select date from raw.token_info union select date from raw.tokenomics union select date from raw.chain_parameters)`)
		if err != nil {
			return err
		}
		var days []time.Time
		err = in.Query(ctx, func(rows *sql.Rows) error {
			var day time.Time
			err := rows.Scan(&day)
			days = append(days, day)
			return err
		}, "select distinct date from temp.opened")
		if err != nil || len(days) == 0 {
			return err
		}
		if err := in.Exec(ctx, "insert into raw.token_info by name from temp.opened; drop table temp.opened"); err != nil {
			return err
		}
		return in.MarkDays(ctx, "raw.token_info", days, func(time.Time) bool { return true })
	})
}

// report tells which days wait, and for what.
func (a *asking) report(in *engine.Intake, address string) {
	if len(a.nameless) > 0 {
		in.Note("blocks_per_day names no last block for %s: the node cannot be asked", sorted(a.nameless))
	}
	if len(a.behind) > 0 {
		in.Note("the node does not have the last block of %s yet: what it feeds waits", sorted(a.behind))
	}
	if a.partial != nil {
		in.Unreadable(secret.Redact(address), fmt.Errorf("%d days without all facts: %w", len(a.partially), a.partial))
	}
}

func sorted(days []time.Time) string {
	slices.SortFunc(days, time.Time.Compare)
	return engine.Ranges(days)
}

// answer asks about a day. The node is asked for the block's totals first: they tell whether it has the block. An error
// means that nothing is known; when only some calls fail, the others count.
func (a *asking) answer(ctx context.Context, q question) ([]jsonlines.Answer, error) {
	hash, _ := hex.DecodeString(q.hash.String)
	if len(hash) != blockHashBytes {
		a.note(&a.nameless, q.day)
		return nil, nil
	}
	answers, err := a.block(ctx, q, hash)
	if status.Code(err) == codes.NotFound {
		a.note(&a.behind, q.day)
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	tokens, err := a.askTokens(ctx, q, hash)
	if err != nil {
		a.missed(q.day, err)
	}
	return append(answers, tokens...), ctx.Err()
}

// missed notes a fact of a day that could not be asked for; the others count.
func (a *asking) missed(day time.Time, err error) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.partially[day] = true
	if a.partial == nil {
		a.partial = a.plain(err)
	}
}

func (a *asking) note(list *[]time.Time, day time.Time) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	*list = append(*list, day)
}

// block asks for the facts about a block; NOT_FOUND says that the node does not have it.
func (a *asking) block(ctx context.Context, q question, hash []byte) ([]jsonlines.Answer, error) {
	var answers []jsonlines.Answer
	head := line{Date: q.day.Format(time.DateOnly), Hash: q.hash.String}
	// Without the totals, a token that is not found might be a block that is not.
	if q.tokenomics || !q.parameters {
		info, err := a.client.queries.GetTokenomicsInfo(ctx, blockOf(hash))
		made, err := a.made(&a.tokenomics, head.Date, err, func(body any) any { return tokenomicsLine(head, info, body) })
		if err != nil {
			return nil, err
		}
		if q.tokenomics {
			answers = append(answers, made)
		}
	}
	if q.parameters {
		parameters, err := a.client.queries.GetBlockChainParameters(ctx, blockOf(hash))
		made, err := a.made(&a.parameters, head.Date, err, func(body any) any { return parametersLine(head, q.height, parameters, body) })
		switch {
		case err != nil && len(answers) > 0:
			a.missed(q.day, err)
		case err != nil:
			return nil, err
		default:
			answers = append(answers, made)
		}
	}
	return answers, nil
}

// made makes an answer of a call: of its reply, or of what cannot be decoded.
func (a *asking) made(table *jsonlines.Table, asked string, err error, document func(body any) any) (jsonlines.Answer, error) {
	var body any
	if err != nil {
		text, is := garbage(err)
		if !is {
			return jsonlines.Answer{}, a.plain(err)
		}
		body = text
	}
	return jsonlines.NewAnswer(table, asked, document(body))
}

// askTokens asks for the tokens of a day. One that is not answered about has a line that says so: then the day's tokens
// are known not to be known.
func (a *asking) askTokens(ctx context.Context, q question, hash []byte) ([]jsonlines.Answer, error) {
	var answers []jsonlines.Answer
	var first error
	for _, token := range q.tokens {
		head := tokenLine{Date: q.day.Format(time.DateOnly), Token: token, Hash: q.hash.String}
		info, err := a.client.queries.GetTokenInfo(ctx, &nodepb.TokenInfoRequest{BlockHash: blockOf(hash), TokenId: &nodepb.TokenId{Value: token}})
		made, err := a.tokenAnswers(head, info, err)
		if err != nil && first == nil {
			first = fmt.Errorf("token %s of %s: %w", token, head.Date, err)
		}
		answers = append(answers, made...)
	}
	return answers, first
}

func (a *asking) tokenAnswers(head tokenLine, info *nodepb.TokenInfo, err error) ([]jsonlines.Answer, error) {
	asked := head.Date + " " + head.Token
	open := head
	open.Missing = unanswered
	lines := []any{open}
	switch text, is := garbage(err); {
	case is:
		head.Answer = text
		lines, err = append(lines, head), nil
	case status.Code(err) == codes.NotFound:
		head.Missing = notFound
		lines, err = []any{head}, nil
	case err == nil && usable(head.Token, info):
		lines = []any{head.with(info)}
	case err == nil:
		lines = append(lines, head.with(info))
	}
	var answers []jsonlines.Answer
	for _, one := range lines {
		made, err := jsonlines.NewAnswer(&a.tokens, asked, one)
		if err != nil {
			return nil, err
		}
		answers = append(answers, made)
	}
	return answers, err
}

// plain is a call's error without the library's prefix.
func (a *asking) plain(err error) error {
	known, is := status.FromError(err)
	switch {
	case is && known.Code() == codes.DeadlineExceeded:
		return &callError{status.Newf(known.Code(), "no answer within %s", a.client.timeout)}
	case is && known.Code() != codes.NotFound:
		return &callError{known}
	}
	return err
}

// callError is a call that failed; a refused key makes further ones useless.
type callError struct{ status *status.Status }

func (e *callError) Error() string {
	if e.status.Code() == codes.DeadlineExceeded {
		return e.status.Message()
	}
	return fmt.Sprintf("%s: %s", e.status.Code(), e.status.Message())
}

func (e *callError) GRPCStatus() *status.Status { return e.status }

func (e *callError) Is(target error) bool {
	refused := e.status.Code() == codes.Unauthenticated || e.status.Code() == codes.PermissionDenied
	return refused && target == fetch.ErrStop
}
