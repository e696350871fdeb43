package wire

import (
	"errors"
	"fmt"
)

// Code is the code of an error reply. Numbers never change their meaning; 0, success, is never sent.
type Code uint8

// The error codes.
const (
	CodeNotFound     Code = 1  // package not found
	CodeInvalid      Code = 2  // invalid request
	CodeInternal     Code = 3  // internal error
	CodeNetwork      Code = 4  // the answer needs the network, which failed
	CodeBusy         Code = 5  // too many connections or requests
	CodeShuttingDown Code = 6  // the server is stopping
	CodeNotAllowed   Code = 7  // not for this user
	CodeTooLarge     Code = 8  // a frame above the limit
	CodeNotReady     Code = 9  // no data yet
	CodeVersion      Code = 10 // protocol version not supported
)

// Error is the error of a reply.
type Error struct {
	Code    Code   `msgpack:"code"`
	Message string `msgpack:"message"`
	// Served are the databases of the daemon, for a client that falls back to reading files: its answer must not come
	// from another system's databases. The server adds them to each error.
	Served *Served `msgpack:"served,omitempty"`
}

// CodeOf returns the code of an error that is or wraps an Error, otherwise 0.
func CodeOf(err error) Code {
	if e := new(Error); errors.As(err, &e) {
		return e.Code
	}
	return 0
}

func (e *Error) Error() string { return e.Message }

// Errorf returns an error whose text is sent to the client.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}
