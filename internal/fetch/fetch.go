// Package fetch asks servers over HTTP and any source in parallel: what the loaders of outside data share. A request is
// paced, has a deadline, and is tried again when the server is overloaded or gone; Retry-After is respected.
package fetch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/hashicorp/go-retryablehttp"
	"golang.org/x/time/rate"

	"github.com/ccdexplorer/nightrunner/internal/secret"
)

// ErrStop marks what makes further questions useless: a refused key, a limit that is used up.
var ErrStop = errors.New("no further questions")

// Options of a client. Zero values mean what their comments say.
type Options struct {
	// Timeout bounds one try, its body included; 0 is 30 seconds.
	Timeout time.Duration
	// Pace is the least time between two tries; 0 is none.
	Pace time.Duration
	// Tries of a request at most; 0 is 4.
	Tries int
	// Wait before the second try, doubled for each further one; 0 is a second.
	Wait time.Duration
	// MaxWait is the longest wait that a server may ask for by Retry-After; 0 is five minutes.
	MaxWait time.Duration
	// MaxBody is what an answer may have at most, in bytes; 0 is 32 MiB.
	MaxBody int64
	// Proxy for all requests; nil takes HTTP_PROXY, HTTPS_PROXY and NO_PROXY of the environment.
	Proxy *url.URL
	// Header is sent with every request; its values are secrets and stand in no error.
	Header http.Header
	// Agent is the User-Agent.
	Agent string
}

const agentHeader = "User-Agent"

// A Client asks over HTTP. It is safe for concurrent use.
type Client struct {
	http   *retryablehttp.Client
	header http.Header
	// wait is the longest that a server may ask for.
	wait time.Duration
}

// New makes a client.
func New(o Options) *Client {
	set := func(value *time.Duration, standard time.Duration) {
		if *value == 0 {
			*value = standard
		}
	}
	set(&o.Timeout, 30*time.Second)
	set(&o.Wait, time.Second)
	set(&o.MaxWait, 5*time.Minute)
	if o.Tries == 0 {
		o.Tries = 4
	}
	if o.MaxBody == 0 {
		o.MaxBody = 32 << 20
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	if o.Proxy != nil {
		transport.Proxy = http.ProxyURL(o.Proxy)
	}
	c := &Client{header: o.Header.Clone(), wait: o.MaxWait, http: &retryablehttp.Client{
		HTTPClient:   &http.Client{Transport: &tries{inner: transport, limiter: Limiter(o.Pace), timeout: o.Timeout, maxBody: o.MaxBody}},
		RetryWaitMin: o.Wait, RetryWaitMax: 30 * time.Second, RetryMax: o.Tries - 1,
		Backoff: retryablehttp.DefaultBackoff, ErrorHandler: retryablehttp.PassthroughErrorHandler,
	}}
	c.http.CheckRetry = c.again
	c.http.HTTPClient.CheckRedirect = c.follow
	if c.header == nil {
		c.header = http.Header{}
	}
	c.header.Set(agentHeader, o.Agent)
	return c
}

// mostRedirects is where a server that sends us in circles is left.
const mostRedirects = 10

// follow lets a redirect to another host or port, or from TLS to none, go without the secrets of the first: net/http takes
// away some headers only, and only where the host's name is another one.
func (c *Client) follow(request *http.Request, via []*http.Request) error {
	if len(via) >= mostRedirects {
		return fmt.Errorf("stopped after %d redirects", mostRedirects)
	}
	if first := via[0].URL; request.URL.Host != first.Host || first.Scheme == "https" && request.URL.Scheme != "https" {
		for name := range c.header {
			if name != agentHeader {
				request.Header.Del(name)
			}
		}
	}
	return nil
}

// Limiter lets one through per pace, the first at once; a pace of 0 lets all through.
func Limiter(pace time.Duration) *rate.Limiter {
	if pace <= 0 {
		return rate.NewLimiter(rate.Inf, 1)
	}
	return rate.NewLimiter(rate.Every(pace), 1)
}

// Get asks for a URL and returns the body of a 2xx answer, or a *StatusError.
func (c *Client) Get(ctx context.Context, address string) ([]byte, error) {
	return c.do(ctx, http.MethodGet, address, nil)
}

// PostJSON posts a JSON document and returns the body of a 2xx answer, or a *StatusError.
func (c *Client) PostJSON(ctx context.Context, address string, document []byte) ([]byte, error) {
	return c.do(ctx, http.MethodPost, address, document)
}

// A Revision is what stands at a URL now.
type Revision struct {
	Body []byte
	// ETag names it, as the server does; "" where it does not.
	ETag string
	// Unchanged: it is the one that was known; there is no body.
	Unchanged bool
}

// GetRevision asks for a URL unless what stands there is the revision with a known ETag; "" asks in any case.
func (c *Client) GetRevision(ctx context.Context, address, known string) (Revision, error) {
	header := http.Header{}
	if known != "" {
		header.Set("If-None-Match", known)
	}
	answered, body, err := c.send(ctx, http.MethodGet, address, nil, header)
	var status *StatusError
	if known != "" && errors.As(err, &status) && status.Status == http.StatusNotModified {
		return Revision{ETag: known, Unchanged: true}, nil
	}
	if err != nil {
		return Revision{}, err
	}
	return Revision{Body: body, ETag: answered.Get("ETag")}, nil
}

func (c *Client) do(ctx context.Context, method, address string, document []byte) ([]byte, error) {
	header := http.Header{}
	if document != nil {
		header.Set("Content-Type", "application/json")
	}
	_, body, err := c.send(ctx, method, address, document, header)
	return body, err
}

// send asks with further header lines and returns header and body of a 2xx answer, or a *StatusError.
func (c *Client) send(ctx context.Context, method, address string, document []byte, header http.Header) (http.Header, []byte, error) {
	var content any
	if document != nil {
		content = document
	}
	request, err := retryablehttp.NewRequestWithContext(ctx, method, address, content)
	if err != nil {
		return nil, nil, err
	}
	maps.Copy(request.Header, c.header)
	maps.Copy(request.Header, header)
	response, err := c.http.Do(request)
	if err != nil {
		if notReached(err) {
			err = unreachable{err}
		}
		return nil, nil, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, nil, err
	}
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return nil, nil, &StatusError{URL: secret.Redact(address), Status: response.StatusCode, RetryAfter: response.Header.Get("Retry-After"), Body: body}
	}
	return response.Header, body, nil
}

// unreachable is an error after which no further question is worth asking: nobody is there.
type unreachable struct{ error }

func (u unreachable) Unwrap() error        { return u.error }
func (u unreachable) Is(target error) bool { return target == ErrStop }

// notReached reports whether a request did not come as far as the server.
func notReached(err error) bool {
	var network *net.OpError
	return errors.As(err, &network) && (network.Op == "dial" || network.Op == "proxyconnect")
}

// again decides whether a request is tried once more: not when the server asks for more patience than there is.
func (c *Client) again(ctx context.Context, response *http.Response, err error) (bool, error) {
	if err != nil && errors.Is(err, errTooLarge) {
		return false, err
	}
	if err == nil && response.Header.Get("Retry-After") != "" && retryablehttp.DefaultBackoff(0, 0, 0, response) > c.wait {
		return false, nil
	}
	return retryablehttp.DefaultRetryPolicy(ctx, response, err)
}

// A StatusError is an answer with a status that is no success.
type StatusError struct {
	// URL is without secrets.
	URL        string
	Status     int
	RetryAfter string
	Body       []byte
}

func (e *StatusError) Error() string {
	text := fmt.Sprintf("%s answers %d %s", e.URL, e.Status, http.StatusText(e.Status))
	if e.RetryAfter != "" {
		text += ", to be asked again after " + e.RetryAfter
		if !strings.Contains(e.RetryAfter, " ") {
			text += " seconds"
		}
	}
	if snippet := strings.Join(strings.Fields(string(e.Body)), " "); snippet != "" {
		text += fmt.Sprintf(": %.120s", strings.ToValidUTF8(snippet, "\ufffd"))
	}
	return text
}

// Is says that a refused key, and a limit that stayed used up over all tries, make further questions useless.
func (e *StatusError) Is(target error) bool {
	switch e.Status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests:
		return target == ErrStop
	}
	return false
}

// errTooLarge is an answer that is larger than allowed.
var errTooLarge = errors.New("the answer is too large")

// tries makes one try of a request: paced, within its time, its body read whole, so that a body which breaks off is tried
// again as well.
type tries struct {
	inner   http.RoundTripper
	limiter *rate.Limiter
	timeout time.Duration
	maxBody int64
}

func (t *tries) RoundTrip(request *http.Request) (*http.Response, error) {
	reserved := time.Now()
	turn := t.limiter.ReserveN(reserved, 1)
	if err := sleep(request.Context(), turn.Delay()); err != nil {
		turn.Cancel()
		return nil, err
	}
	// A request's own context, when it ends, ends all tries; this one's end does not.
	ctx, cancel := context.WithTimeoutCause(request.Context(), t.timeout, fmt.Errorf("no answer within %s", t.timeout))
	defer cancel()
	response, err := t.inner.RoundTrip(request.WithContext(ctx))
	if err != nil {
		if notReached(err) {
			// The server has not seen it: the next try need not wait for its turn.
			turn.CancelAt(reserved)
		}
		return nil, cause(ctx, err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, t.maxBody+1))
	if err != nil {
		return nil, cause(ctx, err)
	}
	if int64(len(body)) > t.maxBody {
		return nil, fmt.Errorf("%w: more than %d bytes", errTooLarge, t.maxBody)
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	return response, nil
}

func sleep(ctx context.Context, wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// cause says in words that the time of a try was up.
func cause(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return context.Cause(ctx)
	}
	return err
}
