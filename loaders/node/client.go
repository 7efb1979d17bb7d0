package node

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/retry"
	"golang.org/x/time/rate"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/proto" // The codec that the node's answers come in.
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/ccdexplorer/nightrunner/internal/fetch"
	"github.com/ccdexplorer/nightrunner/internal/secret"
	"github.com/ccdexplorer/nightrunner/loaders/node/nodepb"
)

// defaultPort is a node's.
const defaultPort = "20000"

// tries of a call at most.
const tries = 4

// client asks a node. It is safe for concurrent use.
type client struct {
	connection *grpc.ClientConn
	queries    nodepb.QueriesClient
	timeout    time.Duration
}

// Check says whether an address is one of a node: grpc://host:port, or grpcs:// and grpc+tls:// with TLS.
func Check(address string) error {
	_, _, err := target(address)
	return err
}

func target(address string) (host string, secure bool, err error) {
	parsed, err := url.Parse(address)
	if err != nil {
		return "", false, err
	}
	switch parsed.Scheme {
	case "grpc":
	case "grpcs", "grpc+tls":
		secure = true
	default:
		return "", false, fmt.Errorf("a node's address begins with grpc:// or grpcs://, not with %s://", parsed.Scheme)
	}
	if parsed.Hostname() == "" {
		return "", false, fmt.Errorf("%s names no host", secret.Redact(address))
	}
	host = parsed.Host
	if parsed.Port() == "" {
		host = strings.TrimSuffix(host, ":") + ":" + defaultPort
	}
	return host, secure, nil
}

func dial(source fetch.Source, roots *x509.CertPool) (*client, error) {
	host, secure, err := target(source.Address)
	if err != nil {
		return nil, err
	}
	transport := insecure.NewCredentials()
	if secure {
		transport = credentials.NewTLS(&tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12})
	}
	wait, timeout := cmp.Or(source.Wait, time.Second), cmp.Or(source.Timeout, 10*time.Second)
	options := []grpc.DialOption{
		grpc.WithTransportCredentials(transport), grpc.WithUserAgent(source.Agent),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(bodyCodec{encoding.GetCodecV2("proto")})),
		grpc.WithChainUnaryInterceptor(
			retry.UnaryClientInterceptor(retry.WithMax(tries), retry.WithPerRetryTimeout(timeout),
				retry.WithBackoff(retry.BackoffExponentialWithJitter(wait, 0.2)), retry.WithCodes(codes.Unavailable, codes.ResourceExhausted, codes.Aborted)),
			pace(fetch.Limiter(source.Pace)), withKey(source.Key),
		),
	}
	name := "dns:///" + host
	if source.Proxy != nil {
		// The proxy looks the name up.
		name = "passthrough:///" + host
		options = append(options, grpc.WithContextDialer(throughProxy(source.Proxy)))
	}
	connection, err := grpc.NewClient(name, options...)
	if err != nil {
		return nil, err
	}
	return &client{connection, nodepb.NewQueriesClient(connection), timeout}, nil
}

func pace(limiter *rate.Limiter) grpc.UnaryClientInterceptor {
	return func(ctx context.Context, method string, request, reply any, connection *grpc.ClientConn, invoke grpc.UnaryInvoker, options ...grpc.CallOption) error {
		if err := limiter.Wait(ctx); err != nil {
			return err
		}
		return invoke(ctx, method, request, reply, connection, options...)
	}
}

func withKey(key string) grpc.UnaryClientInterceptor {
	return func(ctx context.Context, method string, request, reply any, connection *grpc.ClientConn, invoke grpc.UnaryInvoker, options ...grpc.CallOption) error {
		if key != "" {
			ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+key)
		}
		return invoke(ctx, method, request, reply, connection, options...)
	}
}

// bodyCodec keeps what cannot be decoded in the error, for raw.rejects.
type bodyCodec struct{ encoding.CodecV2 }

// bodyMark stands before the body in an error.
const bodyMark = "body in hex: "

func (c bodyCodec) Unmarshal(data mem.BufferSlice, into any) error {
	err := c.CodecV2.Unmarshal(data, into)
	if err != nil {
		return fmt.Errorf("%w; %s%s", err, bodyMark, hex.EncodeToString(data.Materialize()))
	}
	return nil
}

// garbage is the error of an answer that is no such message, with its body.
func garbage(err error) (text string, is bool) {
	if status.Code(err) != codes.Internal || !strings.Contains(status.Convert(err).Message(), bodyMark) {
		return "", false
	}
	return status.Convert(err).Message(), true
}

func blockOf(hash []byte) *nodepb.BlockHashInput {
	return &nodepb.BlockHashInput{BlockHashInput: &nodepb.BlockHashInput_Given{Given: &nodepb.BlockHash{Value: hash}}}
}
