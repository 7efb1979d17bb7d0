package balances

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"sync"
)

// blobs reads from one `git cat-file --batch`, which is started when it is needed and again after it failed. Several
// parsers share it.
type blobs struct {
	start func() *exec.Cmd

	mu      sync.Mutex
	command *exec.Cmd
	ask     io.WriteCloser
	answers *bufio.Reader
	said    bytes.Buffer
}

// read gives the content of a blob.
func (b *blobs) read(id string) ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.command == nil {
		if err := b.run(); err != nil {
			return nil, err
		}
	}
	content, err := b.answer(id)
	if errors.Is(err, errMissing) {
		return nil, err
	}
	if err != nil {
		// It died of a damaged object, or is out of step: the next blob gets a new one.
		if ended := b.end(); ended != nil {
			err = ended
		}
		return nil, fmt.Errorf("blob %s: %w; git fsck tells more", id, err)
	}
	return content, nil
}

func (b *blobs) run() error {
	command := b.start()
	b.said.Reset()
	command.Stderr = &b.said
	ask, err := command.StdinPipe()
	if err != nil {
		return err
	}
	out, err := command.StdoutPipe()
	if err != nil {
		return err
	}
	if err := command.Start(); err != nil {
		return gitError("cat-file", err, "")
	}
	b.command, b.ask, b.answers = command, ask, bufio.NewReaderSize(out, 1<<16)
	return nil
}

var errMissing = errors.New("is not in the repository")

// answer asks for a blob and reads "ID blob SIZE", its content and a line end.
func (b *blobs) answer(id string) ([]byte, error) {
	if _, err := io.WriteString(b.ask, id+"\n"); err != nil {
		return nil, err
	}
	line, err := b.answers.ReadString('\n')
	if err != nil {
		return nil, err
	}
	fields := strings.Fields(line)
	if len(fields) == 2 && fields[1] == "missing" {
		return nil, fmt.Errorf("blob %s %w", id, errMissing)
	}
	if len(fields) != 3 || fields[0] != id || fields[1] != "blob" {
		return nil, fmt.Errorf("git cat-file answers %q", strings.TrimSpace(line))
	}
	size, err := strconv.Atoi(fields[2])
	if err != nil || size < 0 {
		return nil, fmt.Errorf("git cat-file: %q is no size", fields[2])
	}
	content := make([]byte, size+1)
	if _, err := io.ReadFull(b.answers, content); err != nil {
		return nil, err
	}
	return content[:size], nil
}

// end closes the process and says what it died of.
func (b *blobs) end() error {
	command := b.command
	b.command = nil
	err := errors.Join(b.ask.Close(), drain(b.answers), command.Wait())
	if err != nil {
		return gitError("cat-file", err, b.said.String())
	}
	return nil
}

// drain reads what is left, so that the process can end.
func drain(reader io.Reader) error {
	_, err := io.Copy(io.Discard, reader)
	return err
}

// close ends the process; every blob was read whole by then, so what it says at its end is nobody's concern.
func (b *blobs) close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.command != nil {
		_ = b.end()
	}
	return nil
}
