package fetch

import (
	"net/http"
	"net/url"
	"time"
)

// A Source is how an outside source is asked: what flags say of it.
type Source struct {
	// Address is a server's URL, or a folder of recorded answers.
	Address string
	// Timeout bounds one try of a request, Pace is the least time between two tries, Parallel how many are under way.
	Timeout, Pace time.Duration
	Parallel      int
	// Wait before the second try; 0 is a second.
	Wait time.Duration
	// Proxy for all requests; nil takes that of the environment.
	Proxy *url.URL
	// Key is a secret that goes with each request; "" for none.
	Key string
	// Agent names this program to servers.
	Agent string
	// Record is a folder to record answers in; "" for none.
	Record string
	// Refresh asks again what is known.
	Refresh bool
}

// Client asks the source over HTTP; header holds what names the key there.
func (s Source) Client(header http.Header) *Client {
	return New(Options{Timeout: s.Timeout, Pace: s.Pace, Proxy: s.Proxy, Header: header, Agent: s.Agent, Wait: s.Wait})
}

// Bearer is the usual header for a key; empty without one.
func (s Source) Bearer() http.Header {
	header := http.Header{}
	if s.Key != "" {
		header.Set("Authorization", "Bearer "+s.Key)
	}
	return header
}
