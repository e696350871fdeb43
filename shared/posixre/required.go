package posixre

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// minRequired is the minimum length of a required literal, in bytes: shorter literals do not narrow a search.
const minRequired = 3

// required returns case-folded literals that every match of the node n contains.
func required(n *node) []string {
	l := &literals{}
	l.node(n)
	l.cut()
	slices.Sort(l.found)
	return slices.Compact(l.found)
}

// literals collects sequences of characters that are next to each other in every match.
type literals struct {
	run   strings.Builder
	found []string
}

// cut ends the current sequence, because a match may contain other characters between this sequence and the next one.
func (l *literals) cut() {
	if l.run.Len() >= minRequired {
		l.found = append(l.found, l.run.String())
	}
	l.run.Reset()
}

func (l *literals) node(n *node) {
	switch n.op {
	case opLit:
		l.literal(n.lit)
	case opSet:
		l.cut()
	case opConcat:
		for _, sub := range n.subs {
			l.node(sub)
		}
	case opAlt:
		l.cut()
		l.found = append(l.found, common(n.subs)...)
	case opRepeat:
		if n.low == 0 {
			l.cut()
			return
		}
		l.repeated(n)
	}
}

func (l *literals) literal(runes []rune) {
	for _, r := range runes {
		// A literal cannot contain these two characters. Case folding replaces U+0000, and U+FFFD in an expression also
		// matches bytes that are not UTF-8.
		if r == 0 || r == utf8.RuneError {
			l.cut()
		} else {
			l.run.WriteRune(foldRune(r))
		}
	}
}

// repeated adds the literals of a repetition whose operand occurs at least once. The first copy of the operand directly
// follows the text before the repetition, and the last copy directly precedes the text after the repetition:
// "12(abc)+de" requires "12abc" and "abcde".
func (l *literals) repeated(n *node) {
	const maxRepeated = 16
	sub, count := n.subs[0], min(n.low, maxRepeated)
	if sub.op != opLit {
		l.node(sub)
		l.cut()
		return
	}
	for range count {
		l.literal(sub.lit)
	}
	if n.high == count {
		return
	}
	l.cut()
	for range count {
		l.literal(sub.lit)
	}
}

// common returns the literals that all branches require.
func common(branches []*node) []string {
	shared := required(branches[0])
	for _, b := range branches[1:] {
		if len(shared) == 0 {
			break
		}
		others := required(b)
		shared = slices.DeleteFunc(shared, func(s string) bool {
			return !slices.ContainsFunc(others, func(o string) bool { return strings.Contains(o, s) })
		})
	}
	return shared
}
