package scriptlet

import (
	"errors"
	"io"
	"runtime"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// errTooDeep means that a script is nested too deeply.
var errTooDeep = errors.New("nested too deeply")

// boundedReader gives a script to the parser in small parts. The parser is recursive and has no limit of its own: it reads the next part
// on the stack that the nesting has reached, so that the reader can end it.
type boundedReader struct {
	rest   string
	frames [maxFrames]uintptr
}

// partSize is the number of bytes after which the depth of the stack is checked.
const partSize = 64

func (r *boundedReader) Read(into []byte) (int, error) {
	if len(r.rest) == 0 {
		return 0, io.EOF
	}
	if runtime.Callers(0, r.frames[:]) == maxFrames {
		return 0, errTooDeep
	}
	n := copy(into, r.rest[:min(partSize, len(r.rest))])
	r.rest = r.rest[n:]
	return n, nil
}

// parse parses a script for bash.
func parse(script string) (*syntax.File, error) {
	return syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(&boundedReader{rest: script}, "")
}

// describeParseError returns why a script could not be parsed.
func describeParseError(err error) string {
	if failed := (syntax.ParseError{}); errors.As(err, &failed) {
		return "not valid: " + failed.Text
	}
	return strings.TrimSpace(err.Error())
}
