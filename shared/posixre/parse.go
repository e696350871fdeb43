package posixre

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

const (
	// maxDepth is how deep groups may be nested. Package regexp limits its tree to 1,000 levels, and a group can need
	// four levels.
	maxDepth = 200
	// maxSize is the largest number of characters and anchors of an expression, where a{3} counts as three characters.
	maxSize = 40_000
	// maxCount is glibc's RE_DUP_MAX, the largest count in braces.
	maxCount = 32_767
)

// parser parses an expression in one pass. Where POSIX leaves the meaning open, it decides as glibc does.
type parser struct {
	expr string
	pos  int
}

func parse(expr string) (*node, error) {
	if len(expr) > maxLength {
		return nil, &Error{expr, wholeExprOffset, fmt.Sprintf("longer than %d bytes", maxLength), ErrTooLarge}
	}
	for i, r := range expr {
		if r == utf8.RuneError {
			if _, n := utf8.DecodeRuneInString(expr[i:]); n == 1 {
				return nil, &Error{expr, i, "bytes that are not UTF-8", nil}
			}
		}
	}
	p := &parser{expr: expr}
	return p.alternation(0)
}

func (p *parser) fail(at int, format string, args ...any) error {
	return &Error{p.expr, at, fmt.Sprintf(format, args...), nil}
}

// peek returns the byte at the current position, or 0 at the end.
func (p *parser) peek() byte {
	if p.pos < len(p.expr) {
		return p.expr[p.pos]
	}
	return 0
}

func (p *parser) more() bool { return p.pos < len(p.expr) }

// next consumes and returns one character.
func (p *parser) next() rune {
	r, n := utf8.DecodeRuneInString(p.expr[p.pos:])
	p.pos += n
	return r
}

// alternation parses up to the end of the expression or, within a group, up to the group's ")".
func (p *parser) alternation(depth int) (*node, error) {
	var branches []*node
	for {
		b, err := p.branch(depth)
		if err != nil {
			return nil, err
		}
		branches = append(branches, b)
		if p.peek() != '|' {
			return p.checkSize(alternate(branches), wholeExprOffset)
		}
		p.pos++
	}
}

func (p *parser) branch(depth int) (*node, error) {
	var parts []*node
	for p.more() && p.peek() != '|' && (depth == 0 || p.peek() != ')') {
		at := p.pos
		n, err := p.atom(depth)
		if err != nil {
			return nil, err
		}
		// An anchor cannot be repeated: a repetition after it is an error.
		for n.op != opAnchor || p.expr[at] == '(' {
			if !p.more() || !strings.ContainsRune("*+?{", rune(p.peek())) {
				break
			}
			if n, err = p.repetition(n); err != nil {
				return nil, err
			}
		}
		parts = append(parts, n)
	}
	return concat(parts), nil
}

// checkSize returns n unchanged, or an error with the given offset if n is larger than maxSize.
func (p *parser) checkSize(n *node, offset int) (*node, error) {
	if n.expandedSize > maxSize {
		why := fmt.Sprintf("more than %d characters with repetitions written out", maxSize)
		return nil, &Error{p.expr, offset, why, ErrTooLarge}
	}
	return n, nil
}

func (p *parser) atom(depth int) (*node, error) {
	at := p.pos
	switch r := p.next(); r {
	case '(':
		if depth == maxDepth {
			return nil, &Error{p.expr, at, fmt.Sprintf("groups nested more than %d deep", maxDepth), ErrTooLarge}
		}
		n, err := p.alternation(depth + 1)
		if err != nil {
			return nil, err
		}
		if p.peek() != ')' {
			return nil, p.fail(at, `unmatched "("`)
		}
		p.pos++
		return n, nil
	case '[':
		return p.bracket(at)
	case '.':
		return newSet(runeSet{'\n', '\n'}.negate()), nil
	case '^':
		return &node{op: opAnchor, anchors: lineStart, expandedSize: 1}, nil
	case '$':
		return &node{op: opAnchor, anchors: lineEnd, expandedSize: 1}, nil
	case '*', '+', '?', '{':
		return nil, p.fail(at, `nothing to repeat before "%c"`, r)
	case '\\':
		if !p.more() {
			return nil, p.fail(at, "nothing after the backslash")
		}
		return p.escape(at)
	default:
		return newLiteral(r), nil
	}
}

func newLiteral(r rune) *node { return &node{op: opLit, lit: []rune{r}, expandedSize: 1} }

func newSet(s runeSet) *node { return &node{op: opSet, set: s, expandedSize: 1} }

var anchorByEscapedChar = map[rune]anchor{
	'<': wordStart, '>': wordEnd, 'b': wordEdge, 'B': notWordEdge, '`': textStart, '\'': textEnd,
}

func (p *parser) escape(at int) (*node, error) {
	r := p.next()
	if a, ok := anchorByEscapedChar[r]; ok {
		return &node{op: opAnchor, anchors: a, expandedSize: 1}, nil
	}
	switch {
	case r == 'w':
		return newSet(wordSet()), nil
	case r == 'W':
		return newSet(wordSet().negate()), nil
	case r == 's':
		return newSet(classes["space"]()), nil
	case r == 'S':
		return newSet(classes["space"]().negate()), nil
	case '1' <= r && r <= '9':
		return nil, &Error{p.expr, at, ErrBackReference.Error(), ErrBackReference}
	case 'a' <= r && r <= 'z':
		return newSet(runeSet{}), nil
	}
	return newLiteral(r), nil
}

// repetition parses *, +, ? or a count, and returns a node that repeats operand accordingly.
func (p *parser) repetition(operand *node) (*node, error) {
	at := p.pos
	low, high := 0, -1
	switch p.next() {
	case '+':
		low = 1
	case '?':
		high = 1
	case '{':
		var err error
		if low, high, err = p.counts(at); err != nil {
			return nil, err
		}
	}
	return p.checkSize(repeat(operand, low, high), at)
}

// counts parses what follows a "{", which is n}, n,}, n,m}, ,m} or ,}. It returns the lower and the upper bound.
func (p *parser) counts(at int) (low, high int, err error) {
	low, comma, err := p.count(at)
	if err != nil {
		return 0, 0, err
	}
	high = low
	if comma {
		low = max(low, 0)
		if high, comma, err = p.count(at); err != nil {
			return 0, 0, err
		}
	}
	switch {
	case comma || low < 0:
		return 0, 0, p.fail(at, `wrong count after "{"`)
	case low > maxCount || high > maxCount:
		return 0, 0, p.fail(at, "a count above %d", maxCount)
	case high >= 0 && low > high:
		return 0, 0, p.fail(at, "the minimum count is above the maximum")
	}
	return low, high, nil
}

// count parses a number and the "," or "}" after the number. If there is no number, n is -1. Like glibc, it reads "\,"
// as "," and "\0" as "0".
func (p *parser) count(at int) (n int, comma bool, err error) {
	n = -1
	for p.more() {
		r := p.next()
		if r == '}' {
			return n, false, nil
		}
		if r == '\\' {
			if r = rune(p.peek()); r != ',' && r != '0' {
				return 0, false, p.fail(at, `wrong count after "{"`)
			}
			p.pos++
		}
		switch {
		case r == ',':
			return n, true, nil
		case '0' <= r && r <= '9':
			n = max(n, 0)*10 + int(r-'0')
			if n > maxCount {
				n = maxCount + 1
			}
		default:
			return 0, false, p.fail(at, `wrong count after "{"`)
		}
	}
	return 0, false, p.fail(at, `unmatched "{"`)
}
