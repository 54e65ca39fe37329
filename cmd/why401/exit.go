package main

import "errors"

// Exit codes, stable from the first release on.
const (
	exitOK          = 0
	exitFindings    = 1 // only with --fail-on
	exitUsage       = 2
	exitConfig      = 3
	exitInput       = 4 // unreadable or partial
	exitBackend     = 5
	exitInterrupted = 130
)

// exitError carries the exit code of a failure, and a hint to try.
type exitError struct {
	code int
	err  error
	hint string
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

// exitWith gives err an exit code.
func exitWith(code int, err error) error { return &exitError{code: code, err: err} }

// exitHint gives err an exit code and a hint.
func exitHint(code int, err error, hint string) error {
	return &exitError{code: code, err: err, hint: hint}
}

// codeOf is the exit code that an error asks for. An error that asks for none
// is one of usage: all others are given theirs where they arise.
func codeOf(err error) int {
	var e *exitError
	if errors.As(err, &e) {
		return e.code
	}
	return exitUsage
}
