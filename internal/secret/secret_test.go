package secret

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
)

func TestURIsWithoutTheirSecrets(t *testing.T) {
	for uri, want := range map[string]string{
		"snapshots":                           "snapshots",
		"mongodb://host/db?tls=true":          "mongodb://host/db?tls=true",
		"mongodb://u:hunter2@host/":           "mongodb://u:xxxxx@host/",
		"https://host/?apiKey=hunter2&page=1": "https://host/?apiKey=xxxxx&page=1",
		"mongodb://h/?authMechanismProperties=AWS_SESSION_TOKEN:hunter2": "mongodb://h/?authMechanismProperties=xxxxx",
		"mongodb://u:hunter2%@host":                                      "mongodb://u:xxxxx@host",
		"mongodb://u:h/u?n@ter2@a:1,b:2/?tls=true&w=1":                   "mongodb://u:xxxxx@a:1,b:2/?tls=true&w=1",
		"https://hunter2@host/x?key=hunter2&keys=1":                      "https://xxxxx@host/x?key=xxxxx&keys=1",
		"https://cdn.host/npm/@name/api@2025-01-01/usd.json":             "https://cdn.host/npm/@name/api@2025-01-01/usd.json",
		"http://127.0.0.1:80/api@2025-01-01/x":                           "http://127.0.0.1:80/api@2025-01-01/x",
		"https://u:hunter2@host/api@2025?a=x@y":                          "https://u:xxxxx@host/api@2025?a=x@y",
		"https://u:hun/ter2@host/":                                       "https://u:xxxxx@host/",
		"http://hunter2:@host/":                                          "http://xxxxx@host/",
		"mongodb://name@host/a@b?x=y@z":                                  "mongodb://name@host/a@b?x=y@z",
	} {
		if got := Redact(uri); got != want {
			t.Errorf("%s is shown as %s, not %s", uri, got, want)
		}
	}
}

func TestTextsWithoutSecrets(t *testing.T) {
	for _, uri := range []string{"mongodb://u:p%40ss%22%3C-word@host/", "mongodb://u:p@ss\"<-word@host/", "https://host/?token=p%40ss%22%3C-word", "https://p%40ss%22%3C-word@host/"} {
		r := New(uri, "out", "mongodb://other/")
		plain := `p@ss"<-word`
		said := fmt.Sprintf("%s %s %q %s %s %s", uri, plain, plain, url.QueryEscape(plain), url.PathEscape(plain), `p@ss\"\u003c-word`)
		if got := r.Text(said); strings.Contains(got, "word") {
			t.Errorf("%s: %s", uri, got)
		}
		if got := r.Text("host out u mongodb://other/"); got != "host out u mongodb://other/" {
			t.Errorf("%s: %s", uri, got)
		}
	}
}

// A password of few letters is taken out where it is one, and words stay.
func TestShortPasswords(t *testing.T) {
	r := New("mongodb://user:a@host:1/")
	if got := r.Text("cannot dial mongodb://user:a@host:1/ as user:a@host"); got != "cannot dial mongodb://user:xxxxx@host:1/ as user:…@host" {
		t.Error(got)
	}
}

func TestURLsOfServices(t *testing.T) {
	r := &Redactor{}
	r.AddSendURL("slack://hook:WNA3PBYV6-F20DUQND3RQ-Webc4MAvoacrpPakR8phF0zi@webhook?botname=night")
	r.AddSendURL("generic://127.0.0.1:8080/hook/0123456789abcdef?disabletls=yes")
	said := `Post "https://127.0.0.1:8080/hook/0123456789abcdef": refused; slack://hook:WNA3PBYV6-F20DUQND3RQ-Webc4MAvoacrpPakR8phF0zi@webhook?botname=night`
	got := r.Text(said)
	if strings.Contains(got, "0123456789") || strings.Contains(got, "F20DU") || !strings.Contains(got, "127.0.0.1:8080") {
		t.Error(got)
	}
}

func TestWriter(t *testing.T) {
	var out strings.Builder
	fmt.Fprintf(New("mongodb://u:hunter2@h/").Writer(&out), "it is %s\n", "hunter2")
	if out.String() != "it is …\n" {
		t.Error(out.String())
	}
	var none *Redactor
	if none.Text("x") != "x" || none.Writer(&out) != &out {
		t.Error("nothing known, something taken out")
	}
}
