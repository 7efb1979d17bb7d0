package node

import (
	"bufio"
	"context"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"
)

// throughProxy dials by way of an HTTP proxy's CONNECT.
func throughProxy(proxy *url.URL) func(context.Context, string) (net.Conn, error) {
	return func(ctx context.Context, address string) (net.Conn, error) {
		var dialer net.Dialer
		connection, err := dialer.DialContext(ctx, "tcp", proxyHost(proxy))
		if err != nil {
			return nil, fmt.Errorf("proxy %s: %w", proxy.Redacted(), err)
		}
		tunnel, err := connect(ctx, connection, proxy, address)
		if err != nil {
			_ = connection.Close()
			return nil, fmt.Errorf("proxy %s: %w", proxy.Redacted(), err)
		}
		return tunnel, nil
	}
}

func proxyHost(proxy *url.URL) string {
	if proxy.Port() != "" {
		return proxy.Host
	}
	return net.JoinHostPort(proxy.Hostname(), "80")
}

func connect(ctx context.Context, connection net.Conn, proxy *url.URL, address string) (net.Conn, error) {
	request := (&http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: address}, Host: address, Header: http.Header{}}).WithContext(ctx)
	if proxy.User != nil {
		password, _ := proxy.User.Password()
		word := base64.StdEncoding.EncodeToString([]byte(proxy.User.Username() + ":" + password))
		request.Header.Set("Proxy-Authorization", "Basic "+word)
	}
	if deadline, there := ctx.Deadline(); there {
		if err := connection.SetDeadline(deadline); err != nil {
			return nil, err
		}
	}
	if err := request.Write(connection); err != nil {
		return nil, err
	}
	reader := bufio.NewReader(connection)
	response, err := http.ReadResponse(reader, request) //nolint:bodyclose // What follows is the tunnel, not a body.
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s", http.MethodConnect, response.Status)
	}
	return tunnel{connection, reader}, connection.SetDeadline(time.Time{})
}

// tunnel is a connection of which the reader may hold the first bytes already: the node speaks first.
type tunnel struct {
	net.Conn
	reader *bufio.Reader
}

func (t tunnel) Read(into []byte) (int, error) { return t.reader.Read(into) }
