package console

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
)

// A pager holds a result until it is longer than the screen, then starts a command that shows it. A shorter one goes out
// as it is.
type pager struct {
	command  string
	height   int
	out, err io.Writer

	held  bytes.Buffer
	lines int
	run   *exec.Cmd
	input io.WriteCloser
}

// Write returns EPIPE when people have left the pager.
func (p *pager) Write(text []byte) (int, error) {
	if p.run != nil {
		return p.input.Write(text)
	}
	p.held.Write(text)
	p.lines += bytes.Count(text, []byte("\n"))
	// One line is the next prompt's.
	if p.lines < p.height {
		return len(text), nil
	}
	if err := p.start(); err != nil {
		return 0, err
	}
	_, err := p.input.Write(p.held.Bytes())
	return len(text), err
}

func (p *pager) start() error {
	// People end it, not the end of the statement.
	run := exec.CommandContext(context.Background(), "sh", "-c", p.command)
	run.Stdout, run.Stderr, run.Env = p.out, p.err, os.Environ()
	if _, set := os.LookupEnv("LESS"); !set {
		// Colours as they are, long lines cut, nothing waited for that fits the screen, the screen left as it was.
		run.Env = append(run.Env, "LESS=FRSX")
	}
	input, err := run.StdinPipe()
	if err != nil {
		return err
	}
	if err := run.Start(); err != nil {
		return err
	}
	p.run, p.input = run, input
	return nil
}

// Close waits for people to leave the pager. Its exit code says nothing of the result.
func (p *pager) Close() error {
	if p.run == nil {
		_, err := p.out.Write(p.held.Bytes())
		return err
	}
	err := ignoreLeft(p.input.Close())
	if wait := p.run.Wait(); wait != nil && !errors.As(wait, new(*exec.ExitError)) {
		return errors.Join(err, wait)
	}
	return err
}
