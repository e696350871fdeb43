package posixre

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// element is one part of a bracket expression.
type element struct {
	r            rune
	class        runeSet // the members of a class [:name:]; nil if the element is the character r
	isEquivClass bool    // the element is an equivalence class [=x=], which like a class cannot start or end a range
}

// bracket parses a bracket expression. The parameter at is the offset of its "["; the parser's position is after the
// "[".
func (p *parser) bracket(at int) (*node, error) {
	negated := p.peek() == '^'
	if negated {
		p.pos++
	}
	var s runeSet
	for first := true; first || p.peek() != ']'; first = false {
		start := p.pos
		from, err := p.bracketElement(at, first)
		if err != nil {
			return nil, err
		}
		if from.class != nil {
			s = append(s, from.class...)
			continue
		}
		// A "-" right before the closing "]" is an ordinary character.
		if from.isEquivClass || p.peek() != '-' || strings.HasPrefix(p.expr[p.pos:], "-]") {
			if first && !negated && p.peek() == ']' {
				p.pos++
				return newLiteral(from.r), nil // such as [+]
			}
			s = s.addFolds(from.r)
			continue
		}
		p.pos++
		to, err := p.bracketElement(at, true)
		if err != nil {
			return nil, err
		}
		lo, hi := unicode.ToUpper(from.r), unicode.ToUpper(to.r)
		if to.class != nil || to.isEquivClass || lo > hi {
			return nil, p.fail(start, "wrong range in brackets")
		}
		s = s.addRange(lo, hi)
	}
	p.pos++
	if negated {
		return newSet(append(s, '\n', '\n').normal().negate()), nil
	}
	return newSet(s.normal()), nil
}

// bracketElement parses one character, class, equivalence class or collating symbol. If the parameter hyphen is false, a "-"
// is an error, except as the last element.
func (p *parser) bracketElement(at int, hyphen bool) (element, error) {
	start := p.pos
	if !p.more() {
		return element{}, p.fail(at, `unmatched "["`)
	}
	r := p.next()
	if r == '-' && !hyphen && p.more() && p.peek() != ']' {
		return element{}, p.fail(start, `misplaced "-" in brackets`)
	}
	kind := p.peek()
	if r != '[' || kind != ':' && kind != '=' && kind != '.' {
		return element{r: r}, nil
	}
	p.pos++
	name, ok := p.name(kind)
	if !ok {
		return element{}, p.fail(at, `unmatched "["`)
	}
	if kind == ':' {
		class, ok := classes[name]
		if !ok {
			return element{}, p.fail(start, "unknown class %s in brackets", quoteShort(name, 20))
		}
		return element{class: class()}, nil
	}
	r, n := utf8.DecodeRuneInString(name)
	if n == 0 || n < len(name) {
		return element{}, p.fail(start, "unknown collating symbol %s in brackets", quoteShort(name, 20))
	}
	return element{r: r, isEquivClass: kind == '='}, nil
}

// name parses the name in an element such as [:alpha:] and the closing ":]". The parameter kind is ':', '=' or '.'.
func (p *parser) name(kind byte) (string, bool) {
	rest := p.expr[p.pos:]
	end := strings.Index(rest, string(kind)+"]")
	if end < 0 {
		return "", false
	}
	p.pos += end + 2
	return rest[:end], true
}
