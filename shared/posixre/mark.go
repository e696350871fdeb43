package posixre

import (
	"unicode/utf8"
)

// Package regexp has no \< and \>, and its \b supports only ASCII. An expression with one of these anchors is therefore
// matched against marked text: at each position before, between and after the characters, a mark is inserted that tells
// what is on either side of the position. The mark is repeated as often as the expression can have anchors in a row. An
// anchor consumes one copy of a matching mark; a character skips the remaining copies.

// maxCopies limits the copies of each mark, and with them the size of marked text.
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

// marksOf returns the marks of all positions at which every anchor of the parameter a matches.
func marksOf(a anchor) runeSet {
	var s runeSet
	for before := range sides {
		for after := range sides {
			from, to := before != word && after == word, before == word && after != word
			holds := lineStart*truth(before >= newline) | lineEnd*truth(after >= newline) |
				textStart*truth(before == edge) | textEnd*truth(after == edge) |
				wordStart*truth(from) | wordEnd*truth(to) |
				wordEdge*truth(from || to) | notWordEdge*truth(!from && !to)
			if a&^holds == 0 {
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

// mark returns the text with n copies of the mark of each position.
func mark(text []byte, n int) []byte {
	words := wordSet()
	const markLen = 3
	out := make([]byte, 0, len(text)*(n*markLen+1)+(n+1)*markLen)
	add := func(before, after side) {
		for range n {
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

// gaps holds the largest number of anchors that a match of a node can need at one position. The value none means that
// no match has such a position.
type gaps struct {
	empty int // in a match of the empty string
	first int // before the first character of a match
	last  int // after the last character of a match
	inner int // between two characters of a match
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
		// An optional round that consumes no character need not be repeated, so two rounds have the same gaps as any
		// larger number of optional rounds. The anchors of required rounds add up.
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
