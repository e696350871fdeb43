package posixre

import (
	"unicode/utf8"
)

// Package regexp has no \< and \>, and its \b supports only ASCII. An expression with one of these anchors is therefore
// matched against marked text. Marked text has an extra character, a mark, before the first character, between any two
// characters, and after the last character. A mark tells which kind of character is on its left and which is on its
// right. The same mark is repeated as often as the expression can have anchors in a row: each anchor consumes one mark,
// and the marks that are left are skipped before the next character.

// maxCopies limits how often a mark is repeated, and with that the size of marked text.
const maxCopies = 32

// side is the kind of character on one side of a position.
type side rune

const (
	word side = iota
	other
	newline
	edge // the start or end of the text
	sides
)

// firstMark is the first mark. The marks are U+FDD0 to U+FDDF, noncharacters that text should not contain. If a text
// contains one, that character is replaced by U+FFFD before the text is marked.
const firstMark = 0xFDD0

var allMarks = runeSet{firstMark, firstMark + rune(sides*sides) - 1}

const anyMarks = `[\x{FDD0}-\x{FDDF}]*`

func markOf(before, after side) rune { return firstMark + rune(before*sides+after) }

// marksOf returns the marks of those positions at which all the given anchors match.
func marksOf(anchors anchor) runeSet {
	var s runeSet
	for before := range sides {
		for after := range sides {
			from, to := before != word && after == word, before == word && after != word
			holds := lineStart*truth(before >= newline) | lineEnd*truth(after >= newline) |
				textStart*truth(before == edge) | textEnd*truth(after == edge) |
				wordStart*truth(from) | wordEnd*truth(to) |
				wordEdge*truth(from || to) | notWordEdge*truth(!from && !to)
			if anchors&^holds == 0 {
				s = append(s, markOf(before, after), markOf(before, after))
			}
		}
	}
	return s.normal()
}

func truth(b bool) anchor {
	if b {
		return 1
	}
	return 0
}

func sideOf(r rune, words runeSet) side {
	switch {
	case r == '\n':
		return newline
	case r < utf8.RuneSelf:
		if r == '_' || '0' <= r && r <= '9' || 'a' <= r|0x20 && r|0x20 <= 'z' {
			return word
		}
	case words.has(r):
		return word
	}
	return other
}

// mark returns the marked text made from text, with the given number of copies of each mark.
func mark(text []byte, copies int) []byte {
	words := wordSet()
	const markLen = 3
	out := make([]byte, 0, len(text)*(copies*markLen+1)+(copies+1)*markLen)
	add := func(before, after side) {
		for range copies {
			out = utf8.AppendRune(out, markOf(before, after))
		}
	}
	before := edge
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		text = text[size:]
		after := sideOf(r, words)
		add(before, after)
		if allMarks.has(r) {
			r = utf8.RuneError
		}
		out = utf8.AppendRune(out, r)
		before = after
	}
	add(before, edge)
	return out
}

// unmark converts an offset in marked text into the offset in the text from which the marked text was made.
func unmark(text, marked []byte, at int) int {
	from := 0
	for i := 0; i < at; {
		r, size := utf8.DecodeRune(marked[i:])
		i += size
		if !allMarks.has(r) {
			_, size = utf8.DecodeRune(text[from:])
			from += size
		}
	}
	return from
}

// gaps describes the matches of a node. For each of four kinds of positions in a match, it holds the largest number of
// anchors that a match can need at one such position. A field has the value none if no match has such a position.
type gaps struct {
	empty int // the only position in an empty match
	first int // the position before the first character of a match
	last  int // the position after the last character of a match
	inner int // a position between two characters of a match
}

const none = -1 << 20

func (g gaps) largest() int { return max(g.empty, g.first, g.last, g.inner) }

func (g gaps) then(h gaps) gaps {
	return gaps{
		empty: max(none, g.empty+h.empty),
		first: max(g.first, g.empty+h.first),
		last:  max(h.last, g.last+h.empty),
		inner: max(g.inner, h.inner, g.last+h.first),
	}
}

func (g gaps) or(h gaps) gaps {
	return gaps{max(g.empty, h.empty), max(g.first, h.first), max(g.last, h.last), max(g.inner, h.inner)}
}

func gapsOf(n *node) gaps {
	nothing := gaps{0, none, none, none}
	switch n.op {
	case opLit, opSet:
		return gaps{none, 0, 0, 0}
	case opAnchor:
		return gaps{1, none, none, none}
	case opConcat:
		g := nothing
		for _, sub := range n.subs {
			g = g.then(gapsOf(sub))
		}
		return g
	case opAlt:
		g := gapsOf(n.subs[0])
		for _, sub := range n.subs[1:] {
			g = g.or(gapsOf(sub))
		}
		return g
	case opRepeat:
		// Two copies of the operand represent any number of optional copies: more copies never need more anchors at
		// one position, because an optional copy that matches no character is left out. A required copy is never left
		// out, so the anchors of all required copies add up.
		one := gapsOf(n.subs[0])
		g := one.then(one)
		if n.low > 2 && one.empty > 0 {
			idle := gaps{min((n.low-2)*one.empty, maxCopies+1), none, none, none}
			g = g.then(idle).or(one.then(idle).then(one)).or(idle.then(g))
		}
		return g.or(one).or(nothing)
	}
	return nothing
}
