// Package sentry replaces github.com/getsentry/sentry-go, which sends error reports to a server and which
// Pebble's package of errors imports. omgd sends no reports: this package only defines the types that the
// package of errors needs to format an error, and CaptureEvent drops the event. See
// docs/decisions/0012-no-reports-to-sentry.md.
package sentry

// Frame is a call in a stack trace.
type Frame struct {
	Function, Module, Filename, AbsPath string

	Lineno int
	InApp  bool
}

// Stacktrace is a list of calls, the oldest first.
type Stacktrace struct{ Frames []Frame }

// Exception is an error with its stack trace.
type Exception struct {
	Type, Value, Module string

	Stacktrace *Stacktrace
}

// Event is an error report. It is never sent.
type Event struct {
	Message, ServerName string

	Exception []Exception
	Extra     map[string]any
	Tags      map[string]string
}

// EventID identifies an event after it was sent.
type EventID string

// NewEvent returns an empty event.
func NewEvent() *Event {
	return &Event{Extra: make(map[string]any), Tags: make(map[string]string)}
}

// CaptureEvent drops the event. It returns nil, which means that the event was not reported.
func CaptureEvent(*Event) *EventID { return nil }
