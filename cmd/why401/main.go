// Command why401 tells teams why their services answer 401 and 403.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/rs/zerolog"

	"github.com/why401/why401/rules"
)

// Memory is traded for processor time up to a bound: the heap may grow to six
// times what is alive, and to softLimit before the collector works harder.
const (
	gcPercent = 500
	softLimit = 200 << 20
)

func main() {
	if os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetGCPercent(gcPercent)
		debug.SetMemoryLimit(softLimit)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	go func() {
		<-ctx.Done()
		stop() // a second signal ends the process at once
	}()
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// environment is what a command may touch of the world around it.
type environment struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	getenv         func(string) string
	environ        []string // every variable that is set, as NAME=value
	rulesDir       string
}

// run is the whole program, without a process around it.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	env := &environment{stdin: stdin, stdout: stdout, stderr: stderr, getenv: os.Getenv, environ: os.Environ()}
	root := newRoot(env)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	var e *exitError
	errors.As(err, &e)
	if e == nil || e.err.Error() != "" {
		fmt.Fprintf(stderr, "why401: %v\n", err)
	}
	switch {
	case e != nil && e.hint != "":
		fmt.Fprintf(stderr, "try: %s\n", e.hint)
	case e == nil:
		fmt.Fprintf(stderr, "try: why401 help\n")
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return exitInterrupted
	}
	return codeOf(err)
}

// open opens the one input of a command: a file, or stdin for "-" or nothing.
func (env *environment) open(args []string) (io.ReadCloser, error) {
	if len(args) == 0 || args[0] == "-" {
		return io.NopCloser(env.stdin), nil
	}
	f, err := os.Open(args[0])
	if err != nil {
		return nil, exitWith(exitInput, fmt.Errorf("open input: %w", err))
	}
	return f, nil
}

// running loads the packs to classify with: the shipped ones and, over them,
// those of --rules.
func (env *environment) running() (*rules.Set, error) {
	var paths []string
	if env.rulesDir != "" {
		paths = append(paths, env.rulesDir)
	}
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // most of what loading makes stays
	return env.loaded(rules.Running, paths...)
}

// rules loads the same packs with their examples and near misses.
func (env *environment) rules() (*rules.Set, error) {
	if env.rulesDir == "" {
		return env.rulesWith()
	}
	return env.rulesWith(env.rulesDir)
}

// rulesWith loads the embedded packs and, over them, those of the given
// folders and files.
func (env *environment) rulesWith(paths ...string) (*rules.Set, error) {
	return env.loaded(rules.EmbeddedWith, paths...)
}

func (env *environment) loaded(load func(...string) (*rules.Set, error), paths ...string) (*rules.Set, error) {
	set, err := load(paths...)
	if err != nil {
		return nil, exitHint(exitConfig, fmt.Errorf("load rules:\n%w", err), "why401 rules test "+strings.Join(paths, " "))
	}
	return set, nil
}

// serveRules loads the packs for the daemon and says which rules of ours those
// of dir replace.
func (env *environment) serveRules(dir string, log zerolog.Logger) (*rules.Set, error) {
	env.rulesDir = dir
	set, err := env.running()
	if err != nil {
		return nil, err
	}
	for _, r := range set.Replaced() {
		log.Info().Str("rule", r.Rule).Str("by", r.New).Str("of", r.Old).Msg("rule replaced")
	}
	return set, nil
}
