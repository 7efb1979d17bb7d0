package mongo

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/ccdexplorer/nightrunner/internal/mongotest"
)

// A gate passes on what clients and a server say to each other, until so many commands of some name have been passed: then it
// breaks every connection, before or after the server has got that command, and takes none any more.
type gate struct {
	listener net.Listener
	server   string
	command  string
	left     atomic.Int64
	after    bool
	// meets is called with every such command instead, before it is passed on. It returns an answer to give in the server's
	// place, and whether to break the connection.
	meets func(command bson.Raw) (answer bson.D, breaks bool)

	lock  sync.Mutex
	conns []net.Conn
}

func newGate(t *testing.T, server, command string, passed int64, after bool) *gate {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // a test's own
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{listener: listener, server: strings.Trim(strings.TrimPrefix(server, "mongodb://"), "/"), command: command, after: after}
	g.left.Store(passed)
	t.Cleanup(g.close)
	go g.accept()
	return g
}

func (g *gate) uri() string {
	return "mongodb://" + g.listener.Addr().String() + "/?serverSelectionTimeoutMS=100&heartbeatFrequencyMS=500"
}

func (g *gate) accept() {
	for {
		client, err := g.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", g.server) //nolint:noctx // a test's own
		if err != nil {
			_ = client.Close()
			continue
		}
		g.lock.Lock()
		g.conns = append(g.conns, client, server)
		g.lock.Unlock()
		go func() { _, _ = io.Copy(client, server); _ = client.Close() }()
		go g.pass(client, server)
	}
}

func (g *gate) pass(client, server net.Conn) {
	for {
		head := [16]byte{}
		if _, err := io.ReadFull(client, head[:]); err != nil {
			_ = server.Close()
			return
		}
		message := append(head[:], make([]byte, binary.LittleEndian.Uint32(head[:])-16)...)
		if _, err := io.ReadFull(client, message[16:]); err != nil {
			return
		}
		if g.meets != nil {
			if !g.meet(client, server, message) {
				return
			}
			continue
		}
		last := g.isCommand(message) && g.left.Add(-1) < 0
		if last && !g.after {
			g.close()
			return
		}
		if _, err := server.Write(message); err != nil {
			return
		}
		if last {
			// The server does it, nobody hears of it.
			time.Sleep(50 * time.Millisecond)
			g.close()
			return
		}
	}
}

func (g *gate) isCommand(message []byte) bool {
	const opMessage = 2013
	if binary.LittleEndian.Uint32(message[12:]) != opMessage {
		return false
	}
	first, err := bson.Raw(message[21:]).IndexErr(0)
	return err == nil && first.Key() == g.command
}

// meet reports whether the connection goes on.
func (g *gate) meet(client, server net.Conn, message []byte) bool {
	if g.isCommand(message) {
		answer, breaks := g.meets(message[21:])
		if breaks {
			_, _ = client.Close(), server.Close()
			return false
		}
		if answer != nil {
			_, err := client.Write(reply(message, answer))
			return err == nil
		}
	}
	_, err := server.Write(message)
	return err == nil
}

// reply is a message that answers another.
func reply(to []byte, answer bson.D) []byte {
	body, err := bson.Marshal(answer)
	if err != nil {
		panic(err)
	}
	message := make([]byte, 21, 21+len(body))
	binary.LittleEndian.PutUint32(message, uint32(21+len(body)))
	copy(message[8:12], to[4:8])
	binary.LittleEndian.PutUint32(message[12:], 2013)
	return append(message, body...)
}

// met is a desk whose commands of some name are met.
func (d *desk) met(command string, meets func(command bson.Raw) (answer bson.D, breaks bool)) *desk {
	g := newGate(d.t, d.uri, command, 0, false)
	g.meets = meets
	through := *d
	// After a broken connection the driver waits half a second until it looks for the server again.
	through.uri = strings.Replace(g.uri(), "TimeoutMS=100", "TimeoutMS=5000", 1)
	return &through
}

func (g *gate) close() {
	_ = g.listener.Close()
	g.lock.Lock()
	defer g.lock.Unlock()
	for _, one := range g.conns {
		_ = one.Close()
	}
}

// TestInterruptedAtEveryBulk: wherever an export is cut off, the next one brings the server to the same state, and undoing
// both brings it back to the state before.
func TestInterruptedAtEveryBulk(t *testing.T) {
	d := newDesk(t)
	list := append(numbered(8, 10), rows(map[string]float64{"2025-02-01": 1, "2025-02-02": 2})...)
	client := mongotest.Connect(t, d.uri).Database("chain")
	cut := 0
	for _, command := range []string{"update", "insert", "delete"} {
		for _, after := range []bool{false, true} {
			for passed := int64(0); ; passed++ {
				if err := client.Drop(t.Context()); err != nil {
					t.Fatal(err)
				}
				d.put(bson.D{{Key: "_id", Value: "2025-01-03"}, {Key: "theirs", Value: true}})
				d.must(d.export(1, numbered(9, 1)))
				before := d.documents("s")

				g := newGate(t, d.uri, command, passed, after)
				through := &desk{t: t, uri: g.uri(), change: func(o *Options) { o.Retry.Attempts, o.Parallel = 2, 1 }}
				_, err := through.export(2, list, "2025-01-09")
				g.close()
				if err == nil && g.left.Load() >= 0 {
					// It was over before.
					break
				}
				cut++
				d.must(d.export(3, list, "2025-01-09"))
				is(t, "after the next export", len(d.documents("s")), 10)
				again := d.must(d.export(4, list, "2025-01-09"))
				is(t, "nothing is left to do", again.Wrote(), false)
				is(t, "conflicts", len(d.undo(firstKept(t, d, 2)).conflicts), 0)
				is(t, "undone", d.documents("s"), before)
			}
		}
	}
	if cut < 12 {
		t.Errorf("cut off %d times only", cut)
	}
}

// firstKept is the first run from one on of which anything is kept: one that was cut off early may have recorded nothing.
func firstKept(t *testing.T, d *desk, run int64) int64 {
	t.Helper()
	list, err := d.exporter().undo.exports(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	first := int64(1 << 40)
	for _, one := range list {
		if one.Run >= run {
			first = min(first, one.Run)
		}
	}
	return first
}

func TestServerDiesInTheMiddle(t *testing.T) {
	server := mongotest.Start(t)
	d := &desk{t: t, uri: server.URI, change: func(o *Options) { o.Retry.Attempts, o.Retry.Pause = 12, 50*time.Millisecond }}
	list := numbered(28, 1)
	dead := make(chan struct{})
	e := d.exporter()
	go func() {
		defer close(dead)
		for range 200 {
			if count, err := e.collection("chain.s").EstimatedDocumentCount(t.Context()); err == nil && count > 4 {
				break
			}
			time.Sleep(time.Millisecond)
		}
		server.Kill()
		time.Sleep(200 * time.Millisecond)
		server.Restart()
	}()
	done, err := exportTo(t, e, 1, list)
	<-dead
	if err != nil {
		t.Fatal(err)
	}
	is(t, "documents", len(d.documents("s")), 28)
	is(t, "written", done.Written, int64(28))
	is(t, "nothing refused", len(done.Refused), 0)
	d.undo(1)
	is(t, "undone", len(d.documents("s")), 0)
}

func TestAServerThatIsGoneFailsTheExport(t *testing.T) {
	server := mongotest.Start(t)
	d := &desk{t: t, uri: server.URI + "?serverSelectionTimeoutMS=50", change: func(o *Options) { o.Retry.Attempts = 2 }}
	e := d.exporter()
	if _, err := exportTo(t, e, 1, numbered(2, 1)); err != nil {
		t.Fatal(err)
	}
	server.Kill()
	e = d.exporter()
	done, err := exportTo(t, e, 2, numbered(2, 5))
	if err == nil || len(done.Refused) > 0 {
		t.Errorf("%v, %v", done, err)
	}
	// The next statistic does not wait for it once more.
	if _, err := exportTo(t, e, 2, numbered(2, 5)); err == nil || !errors.Is(err, errGivenUp) {
		t.Errorf("got %v", err)
	}
}
