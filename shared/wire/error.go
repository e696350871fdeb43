package wire

import "fmt"

// Code is what a response says went wrong. Numbers never change their meaning;
// 0, success, is never sent.
type Code uint8

// The codes.
const (
	CodeNotFound     Code = 1  // package not found
	CodeInvalid      Code = 2  // invalid request
	CodeInternal     Code = 3  // internal error
	CodeNetwork      Code = 4  // only the network could have answered
	CodeBusy         Code = 5  // too many connections or requests
	CodeShuttingDown Code = 6  // the server is ending
	CodeNotAllowed   Code = 7  // not for this user
	CodeTooLarge     Code = 8  // a frame above the limit
	CodeNotReady     Code = 9  // not yet known
	CodeVersion      Code = 10 // protocol version not supported
)

// Error is the error of a response.
type Error struct {
	Code    Code   `msgpack:"code"`
	Message string `msgpack:"message"`
}

func (e *Error) Error() string { return e.Message }

// Errorf makes an error that is sent as it is.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}
