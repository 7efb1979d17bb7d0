package rates

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ccdexplorer/nightrunner/internal/fetch"
	"github.com/ccdexplorer/nightrunner/internal/loadtest"
	"github.com/ccdexplorer/nightrunner/loaders/mongo"
	"github.com/ccdexplorer/nightrunner/sql"
)

// A service answers by path and query; what it does not know is not found. An answer that is a number is a status.
type service struct {
	mutex   sync.Mutex
	answers map[string]string
	asked   []string
	header  http.Header
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.asked, s.header = append(s.asked, r.URL.RequestURI()), r.Header
	answer, there := s.answers[r.URL.RequestURI()]
	var status int
	if !there {
		status = http.StatusNotFound
	}
	if _, err := fmt.Sscanf(answer, "status %d", &status); err == nil {
		answer = ""
	}
	if status != 0 {
		w.WriteHeader(status)
	}
	_, _ = io.WriteString(w, answer)
}

// requests since the last call.
func (s *service) requests() []string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	asked := s.asked
	s.asked = nil
	return asked
}

func serve(t *testing.T, answers map[string]string) (*service, string) {
	t.Helper()
	s := &service{answers: answers}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return s, server.URL
}

// newDesk has the days 20 to 23 of September 2025, CCD and ETH at CoinGecko, a token that follows the pound, and some rates.
func newDesk(t *testing.T) *loadtest.Desk {
	t.Helper()
	collections, err := mongo.ReadMappings(sql.Files)
	if err != nil {
		t.Fatal(err)
	}
	desk := loadtest.New(t, mongo.Tables(collections)...)
	desk.Exec(`insert into raw.blocks_per_day (date, height_for_first_block, height_for_last_block) select date '2025-09-20' + day::integer, day * 100, day * 100 + 99 from range(4) as days(day);
		insert into raw.token_api_translations (id, service, token, translation) values ('1', 'coingecko', 'CCD', 'concordium'), ('2', 'coingecko', 'ETH', 'ethereum'), ('3', 'elsewhere', 'XXX', 'xxx');
		insert into raw.plts_tags (id, position, stablecoin_tracks) values ('GBPX', 1, 'GBP'), ('FUTR', 2, null);
		insert into raw.exchange_rates_historical (id, token, date, rate, source) values
			('USD/CCD-2025-09-20', 'CCD', date '2025-09-20', 0.01, 'CoinGecko'), ('USD/EUR-2025-09-20', 'EUR', date '2025-09-20', 1.25, 'exchange-api'),
			('USD/GBP-2025-09-20', 'GBP', date '2025-09-20', 0, 'exchange-api')`)
	return desk
}

func options(address string) Options {
	return Options{Source: fetch.Source{Address: address, Parallel: 2, Wait: time.Millisecond, Timeout: 5 * time.Second}, MaxJump: 10}
}

// at is the time of a day of September 2025, milliseconds since 1970.
func at(day, hour int) int64 { return time.Date(2025, 9, day, hour, 0, 0, 0, time.UTC).UnixMilli() }

func chart(pairs ...string) string { return `{"prices": [` + strings.Join(pairs, ", ") + "]}" }

func pair(day, hour int, price string) string { return fmt.Sprintf("[%d, %s]", at(day, hour), price) }

func history(usd, eur, volume string) string {
	return fmt.Sprintf(`{"id": "concordium", "market_data": {"current_price": {"usd": %s, "eur": %s}, "total_volume": {"usd": %s, "eur": 0}}}`, usd, eur, volume)
}

const (
	ccdChart = "/coins/concordium/market_chart?vs_currency=usd&days=364&interval=daily&precision=full"
	ethChart = "/coins/ethereum/market_chart?vs_currency=usd&days=364&interval=daily&precision=full"
)

func historyOf(day int) string {
	return fmt.Sprintf("/coins/concordium/history?date=%02d-09-2025&localization=false", day)
}

const (
	ratesQuery   = "select concat_ws(' ', day(date), token, source, coalesce(rate::varchar, 'none'), timestamp_ms, case when overrides then 'overrides' end) from raw.fetched_rates where fetched_at is not null order by token, source, date"
	volumesQuery = "select concat_ws(' ', day(date), price_usd, price_eur, volume_usd, volume_eur) from raw.ccd_volumes where fetched_at is not null order by date"
	rejectsQuery = "select concat_ws(' ', document_id, field, reason) from raw.rejects order by all"
)

func same(t *testing.T, desk *loadtest.Desk, query string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, desk.Texts(query)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", query, diff)
	}
}

func asked(t *testing.T, s *service, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, s.requests()); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}
