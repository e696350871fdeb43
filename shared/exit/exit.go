// Package exit defines the exit codes of every program, and the error that carries a code to the end of the program.
package exit

import "errors"

// Exit codes. Scripts rely on them: a number never changes its meaning.
const (
	OK            = 0
	NotFound      = 1   // the command succeeded but found nothing
	Usage         = 2   // the command line was wrong
	Failed        = 3   // the command failed, for example because a database could not be read
	Network       = 4   // the command failed because it needs data from the network
	AdvisoryFound = 5   // --fail-on: an advisory has at least the given severity, or a finding at least the given level
	Degraded      = 6   // omg health, omg doctor or omg check found a problem
	Incomplete    = 7   // omg-fleet: hosts have not answered, and nothing was found or --require-all was given
	Aborted       = 130 // omg browse: the user has ended it with Esc or Ctrl-C, as in fzf and in shells
)

// Error ends a program with the exit code Code, and prints one line with Err and, if known, Hint, which says how to fix
// the problem. If Err is nil, nothing is printed, because the program's output already tells the user what happened.
type Error struct {
	Code int
	Err  error
	Hint string
}

func (e *Error) Error() string {
	if e.Err == nil {
		return "exit"
	}
	return e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

// WithCode adds an exit code to err, unless err already has one.
func WithCode(code int, err error) error {
	var e *Error
	if err == nil || errors.As(err, &e) {
		return err
	}
	return &Error{Code: code, Err: err}
}

// QuietError returns an error that sets the exit code and prints nothing.
func QuietError(code int) error { return &Error{Code: code} }

// Code returns the exit code for an error: 0 for nil, Failed for an error without a code.
func Code(err error) int {
	var e *Error
	switch {
	case err == nil:
		return OK
	case errors.As(err, &e):
		return e.Code
	default:
		return Failed
	}
}
