package mongouri

import (
	"net/url"
	"slices"
	"strings"
)

// Parts are the hosts and the database that a connection string names: net/url reads one host. Hosts are sorted, in lower
// case and without the port that goes without saying, so that two strings that name the same ones have the same parts.
func Parts(uri string) (hosts []string, database string) {
	_, rest, _ := strings.Cut(uri, "://")
	rest, _, _ = strings.Cut(rest, "?")
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		rest = rest[at+1:]
	}
	list, database, _ := strings.Cut(rest, "/")
	for host := range strings.SplitSeq(list, ",") {
		if host = strings.TrimSuffix(strings.ToLower(strings.TrimSpace(host)), ":27017"); host != "" {
			hosts = append(hosts, host)
		}
	}
	slices.Sort(hosts)
	if plain, err := url.PathUnescape(database); err == nil {
		database = plain
	}
	return slices.Compact(hosts), database
}
