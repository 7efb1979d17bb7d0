// Package secret knows which parts of a URI are secret, and takes them out of what people, logs and files get to see. It is
// the one place that does: loaders and exporters give it the text of errors, the engine all that it records, cmd all that
// it logs and sends.
package secret

import (
	"encoding/json"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Mark stands where a secret stood.
const Mark = "…"

// shortest is how long a secret must be to be searched for in other texts: a shorter one would be found in any word. Within
// its own URI it is taken out whatever its length.
const shortest = 4

// Redact is a URI without its password and the values of its secret options, for people. What is no URI, a path, stays as
// it is. It looks at the text alone: URIs with several hosts, or with a password that should have been escaped, are none to
// Go's parser.
func Redact(uri string) string {
	scheme, user, _, rest, is := cut(uri)
	if !is {
		return uri
	}
	if user != "" {
		user += "@"
	}
	place, options, has := strings.Cut(rest, "?")
	if !has {
		return scheme + "://" + user + place
	}
	list := strings.Split(options, "&")
	for i, option := range list {
		if key, _, _ := strings.Cut(option, "="); isSecret(key) {
			list[i] = key + "=xxxxx"
		}
	}
	return scheme + "://" + user + place + "?" + strings.Join(list, "&")
}

// cut takes a URI apart: user is the name for people, password the text behind its colon, or a name alone in a URL of HTTP;
// rest is what follows the @.
func cut(uri string) (scheme, user, password, rest string, is bool) {
	scheme, rest, is = strings.Cut(uri, "://")
	if !is {
		return "", "", "", "", false
	}
	web := scheme == "http" || scheme == "https"
	at := lastAt(rest, web)
	if at < 0 {
		return scheme, "", "", rest, true
	}
	user, password, has := strings.Cut(rest[:at], ":")
	switch {
	case password == "" && web:
		// A token stands there alone; a database has names without a password, too.
		user, password = "xxxxx", user
	case has:
		user += ":xxxxx"
	}
	return scheme, user, password, rest[at+1:], true
}

// lastAt is where the @ behind name and password stands; -1 without them. A URL of the web may have one in its path as well.
func lastAt(rest string, web bool) int {
	if end := strings.IndexAny(rest, "/?#"); web && end >= 0 {
		host := rest[:end]
		at := strings.LastIndex(host, "@")
		_, port, _ := strings.Cut(host, ":")
		if at >= 0 || strings.Trim(port, "0123456789") == "" {
			return at
		}
	}
	before, _, _ := strings.Cut(rest, "?")
	if at := strings.LastIndex(before, "@"); at >= 0 {
		return at
	}
	return strings.LastIndex(rest, "@")
}

// isSecret tells by its name that an option of a URI holds a secret.
func isSecret(key string) bool {
	key = strings.ToLower(key)
	return key == "key" || slices.ContainsFunc([]string{"password", "token", "secret", "apikey", "api_key", "accesskey", "authmechanismproperties"},
		func(word string) bool { return strings.Contains(key, word) })
}

// A Redactor takes known secrets out of texts. The zero value and nil know none.
type Redactor struct {
	// pairs are what is searched for and what stands in its place, one after the other.
	pairs []string
	// all replaces them.
	all *strings.Replacer
}

// New knows the secrets of URIs.
func New(uris ...string) *Redactor {
	r := &Redactor{}
	for _, uri := range uris {
		r.AddURI(uri)
	}
	return r
}

// AddURI adds the secrets of a URI: its password and its secret options. A path has none.
func (r *Redactor) AddURI(uri string) {
	_, _, password, rest, is := cut(uri)
	if !is {
		return
	}
	if hidden := Redact(uri); hidden != uri {
		r.replace(uri, hidden)
	}
	if password != "" {
		r.replace(":"+password+"@", ":"+Mark+"@")
		r.Add(password)
	}
	_, options, _ := strings.Cut(rest, "?")
	for option := range strings.SplitSeq(options, "&") {
		if key, value, _ := strings.Cut(option, "="); isSecret(key) {
			r.Add(value)
		}
	}
}

// AddSendURL adds a URL of a notification service: everything in it but the host may be a key.
func (r *Redactor) AddSendURL(uri string) {
	scheme, rest, is := strings.Cut(uri, "://")
	if !is {
		return
	}
	r.replace(uri, scheme+"://"+Mark)
	r.Add(rest)
	words := func(separator rune) bool { return strings.ContainsRune("/?&=@:,", separator) }
	host := ""
	if parsed, err := url.Parse(uri); err == nil {
		host = parsed.Host
		if password, has := parsed.User.Password(); has {
			r.Add(password)
		}
		if name := parsed.User.Username(); len(name) > 2*shortest {
			r.Add(name)
		}
	}
	// Words of paths and options are ordinary when they are short.
	for _, word := range strings.FieldsFunc(rest, words) {
		if len(word) > 2*shortest && !strings.Contains(host, word) {
			r.Add(word)
		}
	}
}

// Add adds a secret, in all the ways in which it may be written.
func (r *Redactor) Add(text string) {
	if len(text) < shortest {
		return
	}
	quoted := strconv.Quote(text)
	encoded, err := json.Marshal(text)
	if err != nil {
		encoded = []byte(quoted)
	}
	for _, written := range []string{text, url.QueryEscape(text), url.PathEscape(text), quoted[1 : len(quoted)-1], string(encoded[1 : len(encoded)-1])} {
		r.replace(written, Mark)
	}
	if plain, err := url.PathUnescape(text); err == nil && plain != text {
		r.Add(plain)
	}
}

func (r *Redactor) replace(text, by string) {
	for i := 0; i < len(r.pairs); i += 2 {
		if r.pairs[i] == text {
			return
		}
	}
	r.pairs = append(r.pairs, text, by)
	// What contains another secret is replaced first.
	type pair struct{ text, by string }
	var list []pair
	for i := 0; i < len(r.pairs); i += 2 {
		list = append(list, pair{r.pairs[i], r.pairs[i+1]})
	}
	slices.SortStableFunc(list, func(a, b pair) int { return len(b.text) - len(a.text) })
	r.pairs = r.pairs[:0]
	for _, one := range list {
		r.pairs = append(r.pairs, one.text, one.by)
	}
	r.all = strings.NewReplacer(r.pairs...)
}

// Text is a text without the secrets.
func (r *Redactor) Text(text string) string {
	if r == nil || r.all == nil {
		return text
	}
	return r.all.Replace(text)
}

// Writer passes on what is written without the secrets. A secret must not be cut in two by two writes: lines are not.
func (r *Redactor) Writer(w io.Writer) io.Writer {
	if r == nil || r.all == nil {
		return w
	}
	return writer{r, w}
}

type writer struct {
	r *Redactor
	w io.Writer
}

func (w writer) Write(data []byte) (int, error) {
	if _, err := io.WriteString(w.w, w.r.Text(string(data))); err != nil {
		return 0, err
	}
	return len(data), nil
}
