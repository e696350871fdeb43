package records

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// ErrInvalid means that a text does not have the form that the package comment describes.
var ErrInvalid = errors.New("not valid records")

func invalidf(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrInvalid}, args...)...)
}

// MaxStrings is the maximum number of strings in one object.
const MaxStrings = 2 << 20

// Field is a member of an object.
type Field struct {
	// Name has only lower-case letters and '_'.
	Name string
	// Value points to the value: to a string, a []string, a [][]string, a bool, an int64, a uint32, a uint64 or a float64.
	Value any
}

// Object reads and writes objects with the same members in the canonical form. The members are in the order of the fields.
type Object struct {
	fields  []Field
	scratch []byte
}

// NewObject returns an object with the given members. The first one is always written, even if it has no value.
func NewObject(fields ...Field) *Object { return &Object{fields: fields} }

// Append appends the object, without a newline, to dst.
func (o *Object) Append(dst []byte) []byte {
	dst = append(dst, '{')
	for i := range o.fields {
		f := &o.fields[i]
		if i > 0 && f.isEmpty() {
			continue
		}
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(append(append(dst, '"'), f.Name...), `":`...)
		dst = f.appendValue(dst)
	}
	return append(dst, '}')
}

// Parse sets the values to those of a line without its newline. Members that the line does not have get empty values, and lists keep their
// memory. The strings are parts of the line.
func (o *Object) Parse(line string) error {
	p := parser{rest: line, stringsLeft: MaxStrings}
	p.expect('{')
	next := 0
	for more := true; more && !p.failed; more = p.skip(',') {
		name := p.readString()
		p.expect(':')
		for next < len(o.fields) && o.fields[next].Name != name {
			o.fields[next].clear()
			next++
		}
		if p.failed || next == len(o.fields) {
			return invalidf("an object has a member that it should not have, or at another place: %.40q", name)
		}
		p.value(o.fields[next].Value)
		next++
	}
	p.expect('}')
	for ; next < len(o.fields); next++ {
		o.fields[next].clear()
	}
	if p.failed || p.rest != "" {
		return invalidf("an object has another form: %.40q", line)
	}
	// The parser accepts more than the canonical form.
	if o.scratch = o.Append(o.scratch[:0]); string(o.scratch) != line {
		return invalidf("an object is not in the canonical form: %.40q", line)
	}
	return nil
}

func (f *Field) isEmpty() bool {
	switch v := f.Value.(type) {
	case *string:
		return *v == ""
	case *[]string:
		return len(*v) == 0
	case *[][]string:
		return len(*v) == 0
	case *bool:
		return !*v
	case *int64:
		return *v == 0
	case *uint32:
		return *v == 0
	case *uint64:
		return *v == 0
	case *float64:
		return *v == 0
	}
	return false
}

func (f *Field) clear() {
	switch v := f.Value.(type) {
	case *string:
		*v = ""
	case *[]string:
		*v = (*v)[:0]
	case *[][]string:
		*v = (*v)[:0]
	case *bool:
		*v = false
	case *int64:
		*v = 0
	case *uint32:
		*v = 0
	case *uint64:
		*v = 0
	case *float64:
		*v = 0
	}
}

func (f *Field) appendValue(dst []byte) []byte {
	switch v := f.Value.(type) {
	case *string:
		return appendString(dst, *v)
	case *[]string:
		return appendList(dst, *v)
	case *[][]string:
		dst = append(dst, '[')
		for i, list := range *v {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendList(dst, list)
		}
		return append(dst, ']')
	case *bool:
		return strconv.AppendBool(dst, *v)
	case *int64:
		return strconv.AppendInt(dst, *v, 10)
	case *uint32:
		return strconv.AppendUint(dst, uint64(*v), 10)
	case *uint64:
		return strconv.AppendUint(dst, *v, 10)
	case *float64:
		return strconv.AppendFloat(dst, *v, 'g', -1, 64)
	}
	return dst
}

func appendList(dst []byte, list []string) []byte {
	dst = append(dst, '[')
	for i, s := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(dst, s)
	}
	return append(dst, ']')
}

// appendString appends a string with its quotes.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0 // of the bytes that are appended as they are
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c < utf8.RuneSelf && c != '"' && c != '\\' {
			i++
			continue
		}
		size := 1
		if c >= utf8.RuneSelf {
			var r rune
			if r, size = utf8.DecodeRuneInString(s[i:]); r != utf8.RuneError || size > 1 {
				i += size
				continue
			}
		}
		dst = append(dst, s[start:i]...)
		switch {
		case c == 0, c >= utf8.RuneSelf:
			dst = appendHex(append(dst, `\u0000`...), c)
		case c < ' ':
			dst = appendHex(append(dst, `\u00`...), c)
		default:
			dst = append(dst, '\\', c)
		}
		i++
		start = i
	}
	return append(append(dst, s[start:]...), '"')
}

func appendHex(dst []byte, c byte) []byte {
	const digits = "0123456789abcdef"
	return append(dst, digits[c>>4], digits[c&15])
}

// parser reads values. After an error, it returns empty values.
type parser struct {
	rest        string
	stringsLeft int
	failed      bool
}

func (p *parser) fail() {
	p.failed, p.rest = true, ""
}

func (p *parser) expect(c byte) {
	if !p.skip(c) {
		p.fail()
	}
}

// skip skips the byte c, and reports whether it is the next one.
func (p *parser) skip(c byte) bool {
	if p.rest == "" || p.rest[0] != c {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

func (p *parser) value(value any) {
	switch v := value.(type) {
	case *string:
		*v = p.readString()
	case *[]string:
		*v = p.list((*v)[:0])
	case *[][]string:
		*v = p.lists((*v)[:0])
	case *bool:
		p.failed = p.failed || !strings.HasPrefix(p.rest, "true")
		*v = !p.failed
		p.rest = strings.TrimPrefix(p.rest, "true")
	case *int64:
		*v = parseNumber(p, func(s string) (int64, error) { return strconv.ParseInt(s, 10, 64) })
	case *uint32:
		*v = parseNumber(p, func(s string) (uint32, error) {
			n, err := strconv.ParseUint(s, 10, 32)
			return uint32(n), err
		})
	case *uint64:
		*v = parseNumber(p, func(s string) (uint64, error) { return strconv.ParseUint(s, 10, 64) })
	case *float64:
		*v = parseNumber(p, func(s string) (float64, error) {
			n, err := strconv.ParseFloat(s, 64)
			if math.IsNaN(n) || math.IsInf(n, 0) {
				err = strconv.ErrRange
			}
			return n, err
		})
	}
}

func parseNumber[T any](p *parser, parse func(string) (T, error)) T {
	const maxDigits = 400
	end := strings.IndexAny(p.rest[:min(len(p.rest), maxDigits)], ",}]")
	if end < 0 {
		p.fail()
		end = 0
	}
	n, err := parse(p.rest[:end])
	if err != nil {
		p.fail()
		return n
	}
	p.rest = p.rest[end:]
	return n
}

func (p *parser) list(list []string) []string {
	p.expect('[')
	for more := !p.skip(']'); more && !p.failed; {
		list = append(list, p.readString())
		if more = p.skip(','); !more {
			p.expect(']')
		}
	}
	return list
}

func (p *parser) lists(lists [][]string) [][]string {
	p.expect('[')
	for more := !p.skip(']'); more && !p.failed; {
		var list []string
		if len(lists) < cap(lists) {
			list = lists[:len(lists)+1][len(lists)][:0] // reuse the memory of an earlier object
		}
		lists = append(lists, p.list(list))
		if p.stringsLeft--; p.stringsLeft < 0 {
			p.fail()
		}
		if more = p.skip(','); !more {
			p.expect(']')
		}
	}
	return lists
}

// readString reads a string with its quotes.
func (p *parser) readString() string {
	p.expect('"')
	if p.stringsLeft--; p.stringsLeft < 0 {
		p.fail()
	}
	end := strings.IndexByte(p.rest, '"')
	if end < 0 {
		p.fail()
		return ""
	}
	if i := strings.IndexByte(p.rest[:end], '\\'); i >= 0 {
		return p.readEscapedString(i)
	}
	s := p.rest[:end]
	p.rest = p.rest[end+1:]
	return s
}

// readEscapedString reads a string whose quote was read, and whose first escaped character is at the position i.
func (p *parser) readEscapedString(i int) string {
	var text strings.Builder
	for {
		text.WriteString(p.rest[:i])
		p.rest = p.rest[i:]
		switch {
		case p.skip('"'):
			return text.String()
		case strings.HasPrefix(p.rest, `\"`), strings.HasPrefix(p.rest, `\\`):
			text.WriteByte(p.rest[1])
			p.rest = p.rest[2:]
		default:
			p.readEscapedByte(&text)
		}
		if i = strings.IndexAny(p.rest, `"\`); i < 0 {
			p.fail()
			return ""
		}
	}
}

// readEscapedByte reads a character below U+0020, or the three characters that stand for a byte that is not UTF-8.
func (p *parser) readEscapedByte(text *strings.Builder) {
	rest, isByte := strings.CutPrefix(p.rest, `\u0000`)
	if !isByte {
		rest, _ = strings.CutPrefix(p.rest, `\u00`)
	}
	if len(rest) < 2 || len(rest) == len(p.rest) {
		p.fail()
		return
	}
	n, err := strconv.ParseUint(rest[:2], 16, 8)
	if err != nil {
		p.fail()
		return
	}
	text.WriteByte(byte(n))
	p.rest = rest[2:]
}

// keyOf returns the key of a record: the value of its first member, which must be a string. The rest of the line is not checked.
func keyOf(line []byte) (string, error) {
	const maxStart = 320 // in bytes; it has the key of every usual record, so that the whole line is not copied
	p := parser{rest: string(line[:min(len(line), maxStart)]), stringsLeft: 2}
	if key := p.key(); !p.failed {
		return key, nil
	}
	p = parser{rest: string(line), stringsLeft: 2}
	if key := p.key(); !p.failed {
		return key, nil
	}
	return "", invalidf("a record has no key: %.40q", line)
}

// key reads the beginning of an object up to the value of its first member.
func (p *parser) key() string {
	p.expect('{')
	p.readString()
	p.expect(':')
	key := p.readString()
	if key == "" {
		p.fail()
	}
	return strings.Clone(key)
}
