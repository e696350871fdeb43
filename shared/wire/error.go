package wire

import (
	"errors"
	"fmt"
)

// Code is the code of an error reply. The meaning of a number never changes. The number 0, success, is never sent.
type Code uint8

// The error codes.
const (
	CodeNotFound     Code = 1  // package not found
	CodeInvalid      Code = 2  // invalid request
	CodeInternal     Code = 3  // internal error
	CodeNetwork      Code = 4  // the reply needs the network, which failed
	CodeBusy         Code = 5  // too many connections or requests
	CodeShuttingDown Code = 6  // the server is stopping
	CodeNotAllowed   Code = 7  // the user may not use this operation
	CodeTooLarge     Code = 8  // the request is larger than the limit
	CodeNotReady     Code = 9  // no data yet
	CodeVersion      Code = 10 // protocol version not supported
)

// Error is the error of a reply.
type Error struct {
	Code    Code   `msgpack:"code"`
	Message string `msgpack:"message"`
	// ServedPaths has the paths of the databases that the daemon reads. A client that answers from files after this error must
	// read these databases, and not those of another system. The server sets ServedPaths in each error.
	ServedPaths *ServedPaths `msgpack:"served,omitempty"`
}

// CodeOf returns the code of an Error, or of the Error that err wraps. For any other error, it returns 0.
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
