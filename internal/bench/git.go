package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ccdexplorer/nightrunner/internal/chain"
)

// git: snapshots out of a repository's object store against the same files in a folder, and what it costs to find that no
// commit of a long history is new.
func (s settings) git(ctx context.Context, dir string) error {
	if err := s.gitRead(ctx, filepath.Join(dir, "read")); err != nil {
		return err
	}
	return s.gitList(ctx, filepath.Join(dir, "list"))
}

func (s settings) gitRead(ctx context.Context, dir string) error {
	files, repository, err := makeRepository(ctx, dir, s.commits, s.accounts)
	if err != nil {
		return err
	}
	var folder, git outcome
	for range s.rounds {
		one, err := s.loadOnly(ctx, dir, filepath.Join(dir, "balances"), true)
		if err != nil {
			return err
		}
		other, err := s.loadOnly(ctx, dir, "git:"+repository, true)
		if err != nil {
			return err
		}
		folder, git = leaner(folder, one), leaner(git, other)
	}
	packed, err := sizeOf(filepath.Join(repository, "objects"))
	if err != nil {
		return err
	}
	all, err := sizeOf(filepath.Join(dir, "balances"))
	if err != nil {
		return err
	}
	each := func(o outcome) float64 { return o.cpu.Seconds() * 1000 / float64(len(files)) }
	fmt.Printf("load of %d snapshots of %.1f MB from git (%.0f MB packed): %.1f ms of CPU each, from a folder %.1f ms: %.2f x; peak %.2f GB, from a folder %.2f GB\n",
		len(files), float64(all)/1e6/float64(len(files)), float64(packed)/1e6, each(git), each(folder), ratio(git.cpu, folder.cpu), float64(git.peak)/1e9, float64(folder.peak)/1e9)
	return os.RemoveAll(dir)
}

func (s settings) gitList(ctx context.Context, dir string) error {
	files, repository, err := makeRepository(ctx, dir, s.history, 20)
	if err != nil {
		return err
	}
	for _, place := range []string{filepath.Join(dir, "balances"), "git:" + repository} {
		if _, err := s.loadOnly(ctx, dir, place, true); err != nil {
			return err
		}
		var idle outcome
		for range s.rounds {
			one, err := s.loadOnly(ctx, dir, place, false)
			if err != nil {
				return err
			}
			idle = leaner(idle, one)
		}
		what, _, _ := strings.Cut(filepath.Base(place), ":")
		fmt.Printf("load with nothing new of %d snapshots, %s: %v, %v of CPU\n", len(files), what, idle.process.Round(1e6), idle.cpu.Round(1e6))
	}
	return os.RemoveAll(dir)
}

// loadOnly loads snapshots alone, into a warehouse that is made anew or that has them.
func (s settings) loadOnly(ctx context.Context, dir, place string, anew bool) (outcome, error) {
	warehouse := filepath.Join(dir, "w.duckdb")
	if anew {
		for _, name := range []string{warehouse, warehouse + ".wal"} {
			if err := os.RemoveAll(name); err != nil {
				return outcome{}, err
			}
		}
	}
	return s.process(ctx, "load", "--json", "--balances", place, "--warehouse", warehouse)
}

// leaner is the one that took less CPU; the first one given may be empty.
func leaner(a, b outcome) outcome {
	if a.cpu == 0 || b.cpu < a.cpu {
		return b
	}
	return a
}

// makeRepository makes a folder of snapshots and a bare repository with a commit for each of them.
func makeRepository(ctx context.Context, dir string, days, accounts int) (files []string, repository string, err error) {
	if _, err := chain.Generate(ctx, chain.Options{Dir: dir, Seed: 1, Days: days, Accounts: accounts}); err != nil {
		return nil, "", err
	}
	if files, err = filepath.Glob(filepath.Join(dir, "balances", "????-??-??.csv")); err != nil {
		return nil, "", err
	}
	slices.Sort(files)
	repository = filepath.Join(dir, "repository.git")
	if out, err := exec.CommandContext(ctx, "git", "init", "--quiet", "--bare", "--initial-branch=main", repository).CombinedOutput(); err != nil {
		return nil, "", fmt.Errorf("git init: %w: %s", err, out)
	}
	command := exec.CommandContext(ctx, "git", "-C", repository, "fast-import", "--quiet")
	command.Stderr = os.Stderr
	input, err := command.StdinPipe()
	if err != nil {
		return nil, "", err
	}
	if err := command.Start(); err != nil {
		return nil, "", err
	}
	if err := writeCommits(input, files); err != nil {
		return nil, "", err
	}
	return files, repository, command.Wait()
}

// writeCommits writes what git fast-import reads: a commit per file, its day as the message.
func writeCommits(out io.WriteCloser, files []string) error {
	writer := bufio.NewWriterSize(out, 1<<20)
	for i, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		day := strings.TrimSuffix(filepath.Base(file), ".csv")
		fmt.Fprintf(writer, "commit refs/heads/main\ncommitter bench <bench@localhost> %d +0000\ndata %d\n%s\nM 100644 inline accounts.csv\ndata %d\n", 1_600_000_000+i*86_400, len(day), day, len(content))
		if _, err := writer.Write(append(content, '\n')); err != nil {
			return err
		}
	}
	if err := writer.Flush(); err != nil {
		return err
	}
	return out.Close()
}

func sizeOf(dir string) (total int64, err error) {
	err = filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			total += info.Size()
		}
		return err
	})
	return total, err
}
