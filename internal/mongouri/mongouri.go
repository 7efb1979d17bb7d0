// Package mongouri connects to MongoDB servers and keeps the secrets of connection strings out of what people read. What
// the driver says may hold the password as it stands in the URI: every error of it goes through WithoutSecret.
package mongouri

import (
	"fmt"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/ccdexplorer/nightrunner/engine"
	"github.com/ccdexplorer/nightrunner/internal/secret"
)

// Timeout bounds the wait for a server that is not there, unless the URI says otherwise.
const Timeout = 10 * time.Second

// Is tells a connection string from a path.
func Is(uri string) bool {
	return strings.HasPrefix(uri, "mongodb://") || strings.HasPrefix(uri, "mongodb+srv://")
}

// Redact is a URI without its password and other secrets, for people. A path stays as it is.
func Redact(uri string) string { return secret.Redact(uri) }

// Connect makes a client, which connects when it is used. TLS, authentication, read preference and concern, write concern
// and compressors come from the URI. flag is the one that the URI was given with, for the hint of an error.
func Connect(uri, flag string) (*mongo.Client, error) {
	settings := options.Client().SetAppName("nightrunner").SetServerSelectionTimeout(Timeout).ApplyURI(uri)
	if err := settings.Validate(); err != nil {
		return nil, engine.WithHint(fmt.Errorf("%s: %s", Redact(uri), WithoutSecret(err, uri)), "--%s mongodb://HOST:PORT/?options", flag)
	}
	client, err := mongo.Connect(settings)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %s", Redact(uri), WithoutSecret(err, uri))
	}
	return client, nil
}

// WithoutSecret is an error's text without the secrets of the URI, however they are written.
func WithoutSecret(err error, uri string) string { return secret.New(uri).Text(plain(err)) }
