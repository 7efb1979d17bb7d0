package mongouri

import (
	"slices"
	"testing"
)

func TestParts(t *testing.T) {
	for uri, want := range map[string][]string{
		"mongodb://h":                                    {"", "h"},
		"mongodb://u:p%40@H:27017/chain?w=1":             {"chain", "h"},
		"mongodb://b:27018,a:27017,B:27018/chain":        {"chain", "a", "b:27018"},
		"mongodb://a:1,b/chain?tls=true":                 {"chain", "a:1", "b"},
		"mongodb://[::1]:27017,b:1/?x=/y":                {"", "[::1]", "b:1"},
		"mongodb+srv://u:a/b@cluster.example/my%20chain": {"my chain", "cluster.example"},
	} {
		hosts, database := Parts(uri)
		if got := append([]string{database}, hosts...); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", uri, got, want)
		}
	}
}
