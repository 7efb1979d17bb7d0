package fetch

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// script answers each request with the next step; the last one is repeated. It counts requests.
type script struct {
	steps []http.HandlerFunc
	asked atomic.Int32
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n := int(s.asked.Add(1))
	s.steps[min(n, len(s.steps))-1](w, r)
}

func says(status int, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// hangUp breaks off within a body.
func hangUp(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "100")
	_, _ = io.WriteString(w, "half")
	connection, _, _ := w.(http.Hijacker).Hijack()
	connection.Close()
}

// hang answers when the client has gone.
func hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

func serve(t *testing.T, steps ...http.HandlerFunc) (*script, string) {
	t.Helper()
	s := &script{steps: steps}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return s, server.URL
}

func TestTries(t *testing.T) {
	for _, c := range []struct {
		name  string
		steps []http.HandlerFunc
		asked int32
		body  string
		fails string
	}{
		{"an answer", []http.HandlerFunc{says(200, "good")}, 1, "good", ""},
		{"an overloaded server", []http.HandlerFunc{says(503, ""), says(500, ""), says(200, "good")}, 3, "good", ""},
		{"a limit that is used up for a moment", []http.HandlerFunc{says(429, "", "Retry-After", "0"), says(200, "good")}, 2, "good", ""},
		{"a body that breaks off", []http.HandlerFunc{hangUp, says(200, "good")}, 2, "good", ""},
		{"a server that hangs", []http.HandlerFunc{hang, says(200, "good")}, 2, "good", ""},
		{"a server that hangs for good", []http.HandlerFunc{hang}, 4, "", "no answer within 500ms"},
		{"a server that stays overloaded", []http.HandlerFunc{says(503, "<p>come\nback</p>")}, 4, "", "answers 503 Service Unavailable: <p>come back</p>"},
		{"a limit that stays used up", []http.HandlerFunc{says(429, "", "Retry-After", "0")}, 4, "", "answers 429 Too Many Requests, to be asked again after 0 seconds"},
		{"a wait that is too long", []http.HandlerFunc{says(429, "", "Retry-After", "3600")}, 1, "", "answers 429 Too Many Requests, to be asked again after 3600 seconds"},
		{"nothing there", []http.HandlerFunc{says(404, "nothing")}, 1, "", "answers 404 Not Found: nothing"},
		{"too large", []http.HandlerFunc{says(200, strings.Repeat("x", 1001))}, 1, "", "the answer is too large: more than 1000 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s, address := serve(t, c.steps...)
			// Long enough for a machine under load, short for those that wait for nothing.
			timeout := 10 * time.Second
			if strings.Contains(c.name, "hangs") {
				timeout = 500 * time.Millisecond
			}
			client := New(Options{Timeout: timeout, Wait: time.Millisecond, MaxWait: time.Second, MaxBody: 1000, Agent: "test"})
			body, err := client.Get(t.Context(), address)
			if string(body) != c.body || (err == nil) != (c.fails == "") || err != nil && !strings.Contains(err.Error(), c.fails) {
				t.Errorf("%q, %v", body, err)
			}
			if n := s.asked.Load(); n != c.asked {
				t.Errorf("asked %d times, not %d", n, c.asked)
			}
		})
	}
}

func TestWhatARequestSays(t *testing.T) {
	var got *http.Request
	var sent []byte
	_, address := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		got = r
		sent, _ = io.ReadAll(r.Body)
	})
	client := New(Options{Header: http.Header{"X-Key": {"secret"}}, Agent: "nightrunner/1"})
	if _, err := client.PostJSON(t.Context(), address+"/graphql", []byte(`{"query":"q"}`)); err != nil {
		t.Fatal(err)
	}
	if got.Header.Get("X-Key") != "secret" || got.Header.Get("User-Agent") != "nightrunner/1" || got.Header.Get("Content-Type") != "application/json" ||
		got.Method != http.MethodPost || string(sent) != `{"query":"q"}` {
		t.Errorf("%v %v %s", got.Method, got.Header, sent)
	}
}

func TestAProxyIsUsed(t *testing.T) {
	var asked string
	_, proxy := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.String()
		_, _ = io.WriteString(w, "by proxy")
	})
	parsed, err := url.Parse(proxy)
	if err != nil {
		t.Fatal(err)
	}
	body, err := New(Options{Proxy: parsed}).Get(t.Context(), "http://rates.example/today")
	if err != nil || string(body) != "by proxy" || asked != "http://rates.example/today" {
		t.Errorf("%q, %v, asked for %q", body, err, asked)
	}
}

// TestSecretsStandInNoError: neither a key nor a password of the URL.
func TestSecretsStandInNoError(t *testing.T) {
	_, address := serve(t, says(401, ""))
	_, err := New(Options{Header: http.Header{"X-Key": {"hidden"}}}).Get(t.Context(), strings.Replace(address, "http://", "http://user:hidden@", 1))
	if err == nil || strings.Contains(err.Error(), "hidden") || !errors.Is(err, ErrStop) {
		t.Errorf("%v", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	// Nor is a server that is not there waited for, whatever the pace.
	_, err = New(Options{Wait: time.Millisecond, Pace: time.Hour}).Get(t.Context(), "http://user:hidden@"+listener.Addr().String())
	if err == nil || strings.Contains(err.Error(), "hidden") || !errors.Is(err, ErrStop) {
		t.Errorf("%v", err)
	}
}

// TestAnAnswerIsNoReasonToStop: an error about one question says nothing of the next one, whatever the pace.
func TestAnAnswerIsNoReasonToStop(t *testing.T) {
	for _, pace := range []time.Duration{0, time.Minute} {
		_, address := serve(t, says(500, ""))
		_, err := New(Options{Tries: 1, Pace: pace}).Get(t.Context(), address)
		if err == nil || errors.Is(err, ErrStop) || !errors.As(err, new(*StatusError)) {
			t.Errorf("pace %s: %v", pace, err)
		}
	}
}

// TestKeysStayWithTheirServer: a redirect to another host or port does not get them.
func TestKeysStayWithTheirServer(t *testing.T) {
	var got []string
	look := func(r *http.Request) {
		got = append(got, r.Header.Get("X-Key")+r.Header.Get("Authorization"))
	}
	_, other := serve(t, func(_ http.ResponseWriter, r *http.Request) { look(r) })
	_, address := serve(t, func(w http.ResponseWriter, r *http.Request) {
		look(r)
		switch r.URL.Path {
		case "/away":
			http.Redirect(w, r, other, http.StatusFound)
		case "/near":
			http.Redirect(w, r, "/here", http.StatusFound)
		}
	})
	client := New(Options{Header: http.Header{"X-Key": {"hidden"}, "Authorization": {"Bearer word"}}})
	for _, path := range []string{"/away", "/near"} {
		if _, err := client.Get(t.Context(), address+path); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"hiddenBearer word", "", "hiddenBearer word", "hiddenBearer word"}, got); diff != "" {
		t.Error(diff)
	}
}

// TestRequestsArePaced: also the tries of one request.
func TestRequestsArePaced(t *testing.T) {
	var times []time.Time
	_, address := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		times = append(times, time.Now())
		if len(times) == 2 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	const pace = 40 * time.Millisecond
	client := New(Options{Pace: pace, Wait: time.Millisecond, Timeout: 10 * time.Second})
	for range 2 {
		if _, err := client.Get(t.Context(), address); err != nil {
			t.Fatal(err)
		}
	}
	// A machine under load makes gaps between arrivals shorter than those between departures; all of them together are long.
	if len(times) != 3 || times[2].Sub(times[0]) < pace {
		t.Errorf("asked at %v", times)
	}
}

// numbers asks for squares; what fail says fails.
func numbers(t *testing.T, parallel int, fail func(int) error, take func([]Pair[int, int]) error) (Outcome, map[int]int) {
	t.Helper()
	got := map[int]int{}
	questions := make([]int, 100)
	for i := range questions {
		questions[i] = i
	}
	outcome, err := Ask(t.Context(), parallel, nil, questions, func(_ context.Context, n int) (int, error) { return n * n, fail(n) },
		func(pairs []Pair[int, int]) error {
			for _, pair := range pairs {
				got[pair.Question] = pair.Answer
			}
			return take(pairs)
		})
	if err != nil {
		t.Fatal(err)
	}
	return outcome, got
}

func none(int) error               { return nil }
func taken([]Pair[int, int]) error { return nil }

func TestAllQuestionsAreAsked(t *testing.T) {
	for _, parallel := range []int{0, 1, 7, 500} {
		outcome, got := numbers(t, parallel, none, taken)
		if len(got) != 100 || got[9] != 81 || outcome != (Outcome{Asked: 100, Answered: 100}) || outcome.Err() != nil {
			t.Errorf("%d at a time: %+v, %d", parallel, outcome, len(got))
		}
	}
}

func TestFailures(t *testing.T) {
	broken := errors.New("broken")
	outcome, got := numbers(t, 1, func(n int) error {
		if n%3 == 2 {
			return broken
		}
		return nil
	}, taken)
	if outcome.Failed != 33 || len(got) != 67 || outcome.Left != 0 || outcome.Err().Error() != "33 of 100 questions without an answer: broken" {
		t.Errorf("some fail: %+v", outcome)
	}
	outcome, got = numbers(t, 1, func(n int) error {
		if n >= 50 {
			return broken
		}
		return nil
	}, taken)
	if len(got) != 50 || outcome.Failed < 3 || outcome.Left == 0 || !errors.Is(outcome.Err(), broken) {
		t.Errorf("all fail from one on: %+v", outcome)
	}
	outcome, _ = numbers(t, 1, func(n int) error {
		if n == 50 {
			return errors.Join(broken, ErrStop)
		}
		return nil
	}, taken)
	if outcome.Answered < 50 || outcome.Failed != 1 || outcome.Left == 0 {
		t.Errorf("a key is refused: %+v", outcome)
	}
	outcome, _ = numbers(t, 1, func(n int) error {
		if n == 50 {
			return ErrEnough
		}
		return nil
	}, taken)
	if outcome.Failed != 0 || outcome.Err() != nil || outcome.Left == 0 {
		t.Errorf("enough: %+v", outcome)
	}
}

func TestWhoTakesMayStop(t *testing.T) {
	outcome, _ := numbers(t, 1, none, func([]Pair[int, int]) error { return ErrStop })
	if outcome.Answered == 0 || outcome.Err() != nil {
		t.Errorf("%+v", outcome)
	}
	broken := errors.New("broken")
	_, err := Ask(t.Context(), 2, nil, []int{1, 2, 3}, func(context.Context, int) (int, error) { return 0, nil }, func([]Pair[int, int]) error { return broken })
	if !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
}

// TestStop: a question that waits is given up, and nothing is wrong.
func TestStop(t *testing.T) {
	stop := make(chan struct{})
	outcome, err := Ask(t.Context(), 2, stop, []int{1, 2, 3}, func(ctx context.Context, n int) (int, error) {
		if n == 1 {
			return 1, nil
		}
		<-ctx.Done()
		return 0, ctx.Err()
	}, func([]Pair[int, int]) error { close(stop); return nil })
	if err != nil || outcome.Err() != nil || outcome.Answered != 1 || outcome.Left != 2 {
		t.Errorf("%+v, %v", outcome, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err = Ask(ctx, 2, nil, []int{1}, func(ctx context.Context, _ int) (int, error) { cancel(); return 0, ctx.Err() }, taken)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}
