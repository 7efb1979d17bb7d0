package mongotest

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

const (
	// binary is where `make testserver` puts the server, from the module's root.
	binary = "bin/mongotest-server"
	// startLimit is how long a server may take until it takes connections.
	startLimit = 30 * time.Second
	// disconnectLimit is how long a client may take to leave.
	disconnectLimit = time.Second
)

// A Server is one process with one data folder, for one test. Kill and Restart may be called from any goroutine that ends
// before the test does.
type Server struct {
	// URI stays the same after Restart.
	URI string

	t       testing.TB
	program string
	dir     string
	lock    sync.Mutex // for what follows
	process *exec.Cmd  // nil while none runs
	stdin   io.Closer
	stderr  *bytes.Buffer // of the last process; to be read when that has ended
}

// Start starts a server with an empty data folder and stops it at the test's end. It skips the test when the server's
// program has not been built.
func Start(t testing.TB) *Server {
	t.Helper()
	s := &Server{t: t, program: findBinary(t), dir: t.TempDir()}
	t.Cleanup(s.stop)
	uri, err := s.start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.URI = uri
	return s
}

// Kill ends the process as a crash would (SIGKILL): connections break at once, what was acknowledged stays.
func (s *Server) Kill() {
	s.t.Helper()
	s.lock.Lock()
	defer s.lock.Unlock()
	s.kill()
}

// Restart starts the process again on the same port with the same data, and kills it before if it runs.
func (s *Server) Restart() {
	s.t.Helper()
	s.lock.Lock()
	defer s.lock.Unlock()
	s.kill()
	if _, err := s.start(strings.Trim(strings.TrimPrefix(s.URI, "mongodb://"), "/")); err != nil {
		s.t.Error(err)
	}
}

// start returns the URI when the server takes connections.
func (s *Server) start(address string) (string, error) {
	// Not the test's context: what cleans up after the test may need the server still.
	process := exec.CommandContext(context.Background(), s.program, "--dir", s.dir, "--listen", address)
	s.stderr = &bytes.Buffer{}
	process.Stderr = s.stderr
	// It stays open as long as this process lives: the server ends with it, however the test ends.
	stdin, err := process.StdinPipe()
	if err != nil {
		return "", err
	}
	stdout, err := process.StdoutPipe()
	if err != nil {
		return "", err
	}
	if err := process.Start(); err != nil {
		return "", fmt.Errorf("start the MongoDB server: %w", err)
	}
	s.process, s.stdin = process, stdin
	uri := firstLine(stdout)
	if uri == "" {
		s.kill()
		return "", fmt.Errorf("the MongoDB server did not come up on %s within %v; its stderr:\n%s", address, startLimit, s.stderr)
	}
	return uri, nil
}

// kill leaves stderr complete. The exit status is that of the signal.
func (s *Server) kill() {
	if s.process == nil {
		return
	}
	_ = s.process.Process.Kill() // fails only when it has ended already
	_ = s.stdin.Close()
	_ = s.process.Wait()
	s.process = nil
}

// stop ends the process without a goodbye: nobody needs the data any more.
func (s *Server) stop() {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.kill()
	if s.t.Failed() && s.stderr != nil && s.stderr.Len() > 0 {
		s.t.Logf("stderr of the MongoDB server:\n%s", s.stderr)
	}
}

// firstLine is empty when the process ends or takes too long.
func firstLine(stdout io.Reader) string {
	lines := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(stdout).ReadString('\n')
		lines <- strings.TrimSpace(line)
	}()
	select {
	case line := <-lines:
		return line
	case <-time.After(startLimit):
		return ""
	}
}

// findBinary looks in the module's root, which is above the package folder that tests run in.
func findBinary(t testing.TB) string {
	t.Helper()
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(root, filepath.FromSlash(binary))
	if _, err := os.Stat(program); errors.Is(err, fs.ErrNotExist) {
		t.Skipf("needs the MongoDB server %s: `make test` builds it (or `make testserver` alone)", binary)
	} else if err != nil {
		t.Fatal(err)
	}
	return program
}

func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("no go.mod above the working directory: run tests with `go test` in the checkout")
		}
		dir = parent
	}
}

// Connect returns a client that is disconnected at the test's end. It connects when it is used.
func Connect(t testing.TB, uri string) *mongo.Client {
	t.Helper()
	client, err := mongo.Connect(options.Client().ApplyURI(uri))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// It says goodbye, for which a dead server has no ear.
		ctx, cancel := context.WithTimeout(context.Background(), disconnectLimit)
		defer cancel()
		_ = client.Disconnect(ctx)
	})
	return client
}
