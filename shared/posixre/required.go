package posixre

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/omg-arch/omg/shared/fold"
)

// minRequired is the minimum length of a required literal, in bytes: shorter literals do not narrow a search.
const minRequired = 3

// requiredLiterals returns case-folded literals that every match of the node n contains.
func requiredLiterals(n *node) []string {
	l := &literalCollector{}
	l.addNode(n)
	l.endRun()
	slices.Sort(l.found)
	return slices.Compact(l.found)
}

// onlyLiteral returns the case-folded literal that the node n consists of, or an empty string if n is something else.
func onlyLiteral(n *node) string {
	if n.op != opLit || slices.Contains(n.lit, 0) || slices.Contains(n.lit, utf8.RuneError) {
		return ""
	}
	var b strings.Builder
	for _, r := range n.lit {
		b.WriteRune(fold.Rune(r))
	}
	return b.String()
}

// literalCollector collects sequences of characters that are next to each other in every match.
type literalCollector struct {
	run   strings.Builder
	found []string
}

// endRun ends the current sequence, because a match may contain other characters between this sequence and the next one.
func (l *literalCollector) endRun() {
	if l.run.Len() >= minRequired {
		l.found = append(l.found, l.run.String())
	}
	l.run.Reset()
}

func (l *literalCollector) addNode(n *node) {
	switch n.op {
	case opLit:
		l.addLiteral(n.lit)
	case opSet:
		l.endRun()
	case opConcat:
		for _, sub := range n.subs {
			l.addNode(sub)
		}
	case opAlt:
		l.endRun()
		l.found = append(l.found, commonLiterals(n.subs)...)
	case opRepeat:
		if n.low == 0 {
			l.endRun()
			return
		}
		l.addRepeat(n)
	}
}

func (l *literalCollector) addLiteral(runes []rune) {
	for _, r := range runes {
		// A literal cannot contain these two characters. Case folding replaces U+0000, and U+FFFD in an expression also
		// matches bytes that are not UTF-8.
		if r == 0 || r == utf8.RuneError {
			l.endRun()
		} else {
			l.run.WriteRune(fold.Rune(r))
		}
	}
}

// addRepeat adds the literals of a repetition whose operand occurs at least once. The first copy of the operand directly
// follows the text before the repetition, and the last copy directly precedes the text after the repetition:
// "12(abc)+de" requires "12abc" and "abcde".
func (l *literalCollector) addRepeat(n *node) {
	const maxRepeated = 16
	sub, count := n.subs[0], min(n.low, maxRepeated)
	if sub.op != opLit {
		l.addNode(sub)
		l.endRun()
		return
	}
	for range count {
		l.addLiteral(sub.lit)
	}
	if n.high == count {
		return
	}
	l.endRun()
	for range count {
		l.addLiteral(sub.lit)
	}
}

// commonLiterals returns the literals that all branches require.
func commonLiterals(branches []*node) []string {
	shared := requiredLiterals(branches[0])
	for _, b := range branches[1:] {
		if len(shared) == 0 {
			break
		}
		others := requiredLiterals(b)
		shared = slices.DeleteFunc(shared, func(s string) bool {
			return !slices.ContainsFunc(others, func(o string) bool { return strings.Contains(o, s) })
		})
	}
	return shared
}
