// Package sentry takes the place of github.com/getsentry/sentry-go, which Pebble's package of errors imports in order to
// report errors to a server. omgd reports nothing to anybody: this package has the types from which that package makes
// the text of an error, and CaptureEvent drops the event. See
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

// Event is what would be reported.
type Event struct {
	Message, ServerName string

	Exception []Exception
	Extra     map[string]any
	Tags      map[string]string
}

// EventID identifies a reported event.
type EventID string

// NewEvent returns an empty event.
func NewEvent() *Event {
	return &Event{Extra: make(map[string]any), Tags: make(map[string]string)}
}

// CaptureEvent drops the event. It returns nil, which means that the event was not reported.
func CaptureEvent(*Event) *EventID { return nil }
