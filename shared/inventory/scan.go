package inventory

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"unicode/utf8"
)

// scanner reads JSON values one after another. Package encoding/json decodes a list of packages at a tenth of its speed. After the first
// error, which is in err, nothing is left of the text: all methods return at once, and their results mean nothing.
type scanner struct {
	text  []byte
	at    int
	depth int
	err   error
}

// maxDepth is the maximum depth of lists and objects in each other. Those of an inventory have a depth of 5.
const maxDepth = 32

// errSyntax means that a text is no JSON. errDeep means that its values are too deep.
var (
	errSyntax = errors.New("it is not valid JSON")
	errDeep   = fmt.Errorf("values in it are deeper than %d levels", maxDepth)
)

// fail records an error, unless there is one already or err is nil.
func (s *scanner) fail(err error) {
	if s.err == nil && err != nil {
		s.err, s.at = err, len(s.text)
	}
}

// next skips whitespace, and returns the next byte without consuming it; 0 at the end.
func (s *scanner) next() byte {
	for ; s.at < len(s.text); s.at++ {
		switch c := s.text[s.at]; c {
		case ' ', '\t', '\n', '\r':
		default:
			return c
		}
	}
	return 0
}

// accept consumes the byte c, if it is the next one, and reports whether it was.
func (s *scanner) accept(c byte) bool {
	if s.at < len(s.text) && s.text[s.at] == c {
		s.at++
		return true
	}
	return false
}

// consume skips whitespace and the byte c.
func (s *scanner) consume(c byte) {
	if s.next(); !s.accept(c) {
		s.fail(errSyntax)
	}
}

// begin consumes the first byte of an object or a list, and reports whether an element follows. After each element, the caller calls more:
//
//	for more := s.begin('[', ']'); more; more = s.more(']') {
func (s *scanner) begin(open, end byte) bool {
	s.consume(open)
	if s.depth++; s.depth > maxDepth {
		s.fail(errDeep)
	}
	if s.next() == end {
		s.at++
		s.depth--
		return false
	}
	return s.err == nil
}

// more consumes what follows an element of an object or a list, and reports whether that is another element.
func (s *scanner) more(end byte) bool {
	switch s.next() {
	case ',':
		s.at++
		return true
	case end:
		s.at++
		s.depth--
	default:
		s.fail(errSyntax)
	}
	return false
}

// key consumes the name of a field and the colon.
func (s *scanner) key() []byte {
	key := s.bytes()
	s.consume(':')
	return key
}

// string consumes a string, and returns a copy of it without its quotation marks and escapes.
func (s *scanner) string() string { return string(s.bytes()) }

// stringLike is like string, but needs no memory if the string is equal to one that exists.
func (s *scanner) stringLike(one string) string {
	if b := s.bytes(); string(b) != one {
		return string(b)
	}
	return one
}

// bytes is like string, but the result may share memory with the text.
func (s *scanner) bytes() []byte {
	raw, isPlain := s.rawString()
	if isPlain {
		return raw
	}
	var text string
	if json.Unmarshal(quoted(raw), &text) != nil {
		s.fail(errSyntax)
	}
	return []byte(text)
}

// strings consumes a list of strings.
func (s *scanner) strings() (all []string) {
	for more := s.begin('[', ']'); more; more = s.more(']') {
		if all = append(all, s.string()); len(all) > maxList {
			s.fail(fmt.Errorf("a list has more than %d elements", maxList))
		}
	}
	return all
}

// rawString consumes a string. It returns what is between the quotation marks, and reports whether that is the text itself: it contains
// neither an escape nor a byte that is not UTF-8.
func (s *scanner) rawString() (raw []byte, isPlain bool) {
	s.consume('"')
	start, isPlain, isASCII := s.at, true, true
	for s.at += plainLength(s.text[s.at:]); s.at < len(s.text); s.at++ {
		switch c := s.text[s.at]; {
		case c == '"':
			raw = s.text[start:s.at]
			s.at++
			return raw, isPlain && (isASCII || utf8.Valid(raw))
		case c == '\\':
			isPlain = false
			s.at++
		case c < ' ':
			s.fail(errSyntax)
			return nil, true
		case c >= utf8.RuneSelf:
			isASCII = false
		}
	}
	s.fail(errSyntax)
	return nil, true
}

// plainLength returns how many bytes at the beginning of a text are neither quotation marks, backslashes nor control characters, and are
// ASCII. It compares 8 bytes at a time, and does not count what remains at the end. The lowest bit of found is in the first other byte: a
// subtraction that borrows from the next byte has found one already.
func plainLength(text []byte) int {
	const ones, high = 0x01_01_01_01_01_01_01_01, 0x80_80_80_80_80_80_80_80
	n := 0
	for ; len(text)-n >= 8; n += 8 {
		w := binary.LittleEndian.Uint64(text[n:])
		found := (w | (w - ones*' ') | ((w ^ ones*'"') - ones) | ((w ^ ones*'\\') - ones)) & high
		if found != 0 {
			return n + bits.TrailingZeros64(found)/8
		}
	}
	return n
}

// skip consumes a value.
func (s *scanner) skip() {
	switch s.next() {
	case '"':
		s.skipString()
	case '{':
		for more := s.begin('{', '}'); more; more = s.more('}') {
			s.skipString()
			s.consume(':')
			s.skip()
		}
	case '[':
		for more := s.begin('[', ']'); more; more = s.more(']') {
			s.skip()
		}
	default:
		s.literal()
	}
}

// skipString consumes a string.
func (s *scanner) skipString() {
	if raw, isPlain := s.rawString(); !isPlain && !json.Valid(quoted(raw)) {
		s.fail(errSyntax)
	}
}

// quoted returns a string as it is in the text, with its quotation marks.
func quoted(raw []byte) []byte { return append(append([]byte{'"'}, raw...), '"') }

// literal consumes a number, true, false or null.
func (s *scanner) literal() []byte {
	c, start := s.next(), s.at
	accepted := false
	switch c {
	case 't':
		accepted = s.acceptAll("true")
	case 'f':
		accepted = s.acceptAll("false")
	case 'n':
		accepted = s.acceptAll("null")
	default:
		accepted = s.acceptNumber()
	}
	if !accepted {
		s.fail(errSyntax)
		return nil
	}
	return s.text[start:s.at]
}

func (s *scanner) acceptAll(text string) bool {
	for i := range len(text) {
		if !s.accept(text[i]) {
			return false
		}
	}
	return true
}

func (s *scanner) acceptNumber() bool {
	s.accept('-')
	if !s.accept('0') && !s.acceptDigits() || s.accept('.') && !s.acceptDigits() {
		return false
	}
	if s.accept('e') || s.accept('E') {
		_ = s.accept('+') || s.accept('-')
		return s.acceptDigits()
	}
	return true
}

// acceptDigits consumes digits, and reports whether there was one.
func (s *scanner) acceptDigits() bool {
	start := s.at
	for s.at < len(s.text) && '0' <= s.text[s.at] && s.text[s.at] <= '9' {
		s.at++
	}
	return s.at > start
}

// decode consumes a value of at most limit bytes, and decodes it into v. The limit also bounds the memory that v needs.
func (s *scanner) decode(v any, limit int) {
	s.next()
	start := s.at
	s.skip()
	switch {
	case s.err != nil:
	case s.at-start > limit:
		s.fail(fmt.Errorf("it is longer than %d kB", limit>>10))
	default:
		s.fail(json.Unmarshal(s.text[start:s.at], v))
	}
}

// integer consumes a number without a fraction.
func (s *scanner) integer() int64 {
	text := string(s.literal())
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		s.fail(fmt.Errorf("%.40s is not a time", text))
	}
	return n
}

// boolean consumes true or false, and reports whether it is true.
func (s *scanner) boolean() bool {
	text := string(s.literal())
	if text != "true" && text != "false" {
		s.fail(fmt.Errorf("%.40s is neither true nor false", text))
	}
	return text == "true"
}
