package inventory

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// scanner reads JSON values one after another. Package encoding/json decodes a list of packages at a tenth of its speed.
type scanner struct {
	text  string
	at    int
	depth int
}

// maxDepth is the maximum depth of lists and objects in each other. Those of an inventory have a depth of 5.
const maxDepth = 32

// errSyntax means that a text is no JSON. errDeep means that its values are too deep.
var (
	errSyntax = errors.New("it is not valid JSON")
	errDeep   = fmt.Errorf("values in it are deeper than %d levels", maxDepth)
)

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

// consume skips whitespace and the byte c.
func (s *scanner) consume(c byte) error {
	if s.next() != c {
		return errSyntax
	}
	s.at++
	return nil
}

// object calls the function visit for each field of an object. The function must consume the value.
func (s *scanner) object(visit func(key string) error) error {
	return s.sequence('{', '}', func() error {
		key, err := s.string()
		if err == nil {
			err = s.consume(':')
		}
		if err != nil {
			return err
		}
		return visit(key)
	})
}

// list calls the function visit for each element of a list. The function must consume the element.
func (s *scanner) list(visit func() error) error { return s.sequence('[', ']', visit) }

func (s *scanner) sequence(open, end byte, visit func() error) error {
	if err := s.consume(open); err != nil {
		return err
	}
	if s.depth++; s.depth > maxDepth {
		return errDeep
	}
	defer func() { s.depth-- }()
	if s.next() == end {
		s.at++
		return nil
	}
	for {
		if err := visit(); err != nil {
			return err
		}
		switch s.next() {
		case end:
			s.at++
			return nil
		case ',':
			s.at++
		default:
			return errSyntax
		}
	}
}

// string consumes a string, and returns it without its quotation marks and escapes.
func (s *scanner) string() (string, error) {
	raw, isPlain, err := s.rawString()
	if err != nil || isPlain {
		return raw, err
	}
	var text string
	if json.Unmarshal([]byte(`"`+raw+`"`), &text) != nil {
		return "", errSyntax
	}
	return text, nil
}

// strings consumes a list of strings.
func (s *scanner) strings() (all []string, err error) {
	err = s.list(func() error {
		text, err := s.string()
		if all = append(all, text); len(all) > maxList {
			return fmt.Errorf("a list has more than %d elements", maxList)
		}
		return err
	})
	return all, err
}

// rawString consumes a string. It returns what is between the quotation marks, and reports whether that is the text itself: it contains
// neither an escape nor a byte that is not UTF-8.
func (s *scanner) rawString() (raw string, isPlain bool, err error) {
	if err := s.consume('"'); err != nil {
		return "", false, err
	}
	start, isPlain, isASCII := s.at, true, true
	for ; s.at < len(s.text); s.at++ {
		switch c := s.text[s.at]; {
		case c == '"':
			raw = s.text[start:s.at]
			s.at++
			return raw, isPlain && (isASCII || utf8.ValidString(raw)), nil
		case c == '\\':
			isPlain = false
			s.at++
		case c < ' ':
			return "", false, errSyntax
		case c >= utf8.RuneSelf:
			isASCII = false
		}
	}
	return "", false, errSyntax
}

// skip consumes a value.
func (s *scanner) skip() error {
	switch c := s.next(); c {
	case '"':
		raw, isPlain, err := s.rawString()
		if err == nil && !isPlain && !json.Valid([]byte(`"`+raw+`"`)) {
			err = errSyntax
		}
		return err
	case '{':
		return s.object(func(string) error { return s.skip() })
	case '[':
		return s.list(s.skip)
	case 0:
		return errSyntax
	default:
		_, err := s.literal()
		return err
	}
}

// literal consumes a number, true, false or null.
func (s *scanner) literal() (string, error) {
	s.next()
	text := s.text[s.at:]
	if end := strings.IndexAny(text, ",]} \t\r\n"); end >= 0 {
		text = text[:end]
	}
	if len(text) > 64 || !json.Valid([]byte(text)) {
		return "", errSyntax
	}
	s.at += len(text)
	return text, nil
}

// decode consumes a value of at most limit bytes, and decodes it into v. The limit also bounds the memory that v needs.
func (s *scanner) decode(v any, limit int) error {
	s.next()
	start := s.at
	if err := s.skip(); err != nil {
		return err
	}
	if s.at-start > limit {
		return fmt.Errorf("it is longer than %d kB", limit>>10)
	}
	return json.Unmarshal([]byte(s.text[start:s.at]), v)
}

// integer consumes a number without a fraction.
func (s *scanner) integer() (int64, error) {
	text, err := s.literal()
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s is not a time", text)
	}
	return n, nil
}

// boolean consumes true or false.
func (s *scanner) boolean() (bool, error) {
	text, err := s.literal()
	if err == nil && text != "true" && text != "false" {
		err = fmt.Errorf("%s is neither true nor false", text)
	}
	return text == "true", err
}
