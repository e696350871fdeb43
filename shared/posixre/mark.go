package posixre

import (
	"unicode/utf8"
)

// Package regexp has no \< and \>, and its \b supports only ASCII. An expression with one of these anchors is therefore
// matched against marked text. Marked text has an extra character, a mark, before the first character, between any two
// characters, and after the last character. A mark tells which kind of character is on its left and which is on its
// right. The same mark is repeated as often as the expression can have anchors in a row: each anchor consumes one mark,
// and the marks that are left are skipped before the next character.

// maxMarkCopies limits how often a mark is repeated, and with that the size of marked text.
const maxMarkCopies = 32

// neighborKind is the kind of character on one side of a position.
type neighborKind rune

const (
	kindWord neighborKind = iota
	kindOther
	kindNewline
	kindTextEdge // the start or end of the text
	neighborKindCount
)

// firstMarkChar is the first mark. The marks are U+FDD0 to U+FDDF, noncharacters that text should not contain. If a text
// contains one, that character is replaced by U+FFFD before the text is marked.
const firstMarkChar = 0xFDD0

var allMarkChars = runeSet{firstMarkChar, firstMarkChar + rune(neighborKindCount*neighborKindCount) - 1}

const anyMarksPattern = `[\x{FDD0}-\x{FDDF}]*`

func markBetween(before, after neighborKind) rune {
	return firstMarkChar + rune(before*neighborKindCount+after)
}

// marksMatching returns the marks of those positions at which all the given anchors match.
func marksMatching(anchors anchor) runeSet {
	var s runeSet
	for before := range neighborKindCount {
		for after := range neighborKindCount {
			from, to := before != kindWord && after == kindWord, before == kindWord && after != kindWord
			holds := lineStart*boolBit(before >= kindNewline) | lineEnd*boolBit(after >= kindNewline) |
				textStart*boolBit(before == kindTextEdge) | textEnd*boolBit(after == kindTextEdge) |
				wordStart*boolBit(from) | wordEnd*boolBit(to) |
				wordEdge*boolBit(from || to) | notWordEdge*boolBit(!from && !to)
			if anchors&^holds == 0 {
				s = append(s, markBetween(before, after), markBetween(before, after))
			}
		}
	}
	return s.normal()
}

func boolBit(b bool) anchor {
	if b {
		return 1
	}
	return 0
}

func neighborKindOf(r rune, words runeSet) neighborKind {
	switch {
	case r == '\n':
		return kindNewline
	case r < utf8.RuneSelf:
		if r == '_' || '0' <= r && r <= '9' || 'a' <= r|0x20 && r|0x20 <= 'z' {
			return kindWord
		}
	case words.has(r):
		return kindWord
	}
	return kindOther
}

// addMarks returns the marked text made from text, with the given number of copies of each mark.
func addMarks(text []byte, copies int) []byte {
	words := wordSet()
	const markLen = 3
	out := make([]byte, 0, len(text)*(copies*markLen+1)+(copies+1)*markLen)
	add := func(before, after neighborKind) {
		for range copies {
			out = utf8.AppendRune(out, markBetween(before, after))
		}
	}
	before := kindTextEdge
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		text = text[size:]
		after := neighborKindOf(r, words)
		add(before, after)
		if allMarkChars.has(r) {
			r = utf8.RuneError
		}
		out = utf8.AppendRune(out, r)
		before = after
	}
	add(before, kindTextEdge)
	return out
}

// toUnmarkedOffset converts an offset in marked text into the offset in the text from which the marked text was made.
func toUnmarkedOffset(text, marked []byte, at int) int {
	from := 0
	for i := 0; i < at; {
		r, size := utf8.DecodeRune(marked[i:])
		i += size
		if !allMarkChars.has(r) {
			_, size = utf8.DecodeRune(text[from:])
			from += size
		}
	}
	return from
}

// maxAnchorsPerPosition describes the matches of a node. For each of four kinds of positions in a match, it holds the largest number of
// anchors that a match can need at one such position. A field has the value noPosition if no match has such a position.
type maxAnchorsPerPosition struct {
	inEmpty      int // the only position in an empty match
	beforeFirst  int // the position before the first character of a match
	afterLast    int // the position after the last character of a match
	betweenChars int // a position between two characters of a match
}

const noPosition = -1 << 20

func (g maxAnchorsPerPosition) largest() int {
	return max(g.inEmpty, g.beforeFirst, g.afterLast, g.betweenChars)
}

func (g maxAnchorsPerPosition) followedBy(h maxAnchorsPerPosition) maxAnchorsPerPosition {
	return maxAnchorsPerPosition{
		inEmpty:      max(noPosition, g.inEmpty+h.inEmpty),
		beforeFirst:  max(g.beforeFirst, g.inEmpty+h.beforeFirst),
		afterLast:    max(h.afterLast, g.afterLast+h.inEmpty),
		betweenChars: max(g.betweenChars, h.betweenChars, g.afterLast+h.beforeFirst),
	}
}

func (g maxAnchorsPerPosition) either(h maxAnchorsPerPosition) maxAnchorsPerPosition {
	return maxAnchorsPerPosition{max(g.inEmpty, h.inEmpty), max(g.beforeFirst, h.beforeFirst), max(g.afterLast, h.afterLast), max(g.betweenChars, h.betweenChars)}
}

func countAnchors(n *node) maxAnchorsPerPosition {
	nothing := maxAnchorsPerPosition{0, noPosition, noPosition, noPosition}
	switch n.op {
	case opLit, opSet:
		return maxAnchorsPerPosition{noPosition, 0, 0, 0}
	case opAnchor:
		return maxAnchorsPerPosition{1, noPosition, noPosition, noPosition}
	case opConcat:
		g := nothing
		for _, sub := range n.subs {
			g = g.followedBy(countAnchors(sub))
		}
		return g
	case opAlt:
		g := countAnchors(n.subs[0])
		for _, sub := range n.subs[1:] {
			g = g.either(countAnchors(sub))
		}
		return g
	case opRepeat:
		// Two copies of the operand represent any number of optional copies: more copies never need more anchors at
		// one position, because an optional copy that matches no character is left out. A required copy is never left
		// out, so the anchors of all required copies add up.
		one := countAnchors(n.subs[0])
		g := one.followedBy(one)
		if n.low > 2 && one.inEmpty > 0 {
			idle := maxAnchorsPerPosition{min((n.low-2)*one.inEmpty, maxMarkCopies+1), noPosition, noPosition, noPosition}
			g = g.followedBy(idle).either(one.followedBy(idle).followedBy(one)).either(idle.followedBy(g))
		}
		return g.either(one).either(nothing)
	}
	return nothing
}
