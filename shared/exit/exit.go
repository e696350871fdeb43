// Package exit owns the exit codes of every program and the error that carries
// one to the place where a program ends.
package exit

import "errors"

// The exit codes. They are part of what scripts rely on: a number never changes
// its meaning.
const (
	OK       = 0
	NotFound = 1 // the question was answered: there is nothing
	Usage    = 2 // the question was wrong
	Failed   = 3 // the question could not be answered
	Network  = 4 // only the network could have answered, and it did not
	Finding  = 5 // --fail-on found what it was told to look for
	Degraded = 6 // health: it works, but not all of it
)

// Error ends a program: its code, one line for the user, and the fix if one is
// known. Without an Err nothing is printed: the output has said it all.
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

// With gives an error an exit code. A code that it already has stays.
func With(code int, err error) error {
	var e *Error
	if err == nil || errors.As(err, &e) {
		return err
	}
	return &Error{Code: code, Err: err}
}

// Quiet ends the program with a code and without a line.
func Quiet(code int) error { return &Error{Code: code} }

// Code is the exit code for an error: 0 for nil, Failed unless it says another.
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
