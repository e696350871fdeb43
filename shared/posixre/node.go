package posixre

import "slices"

type op uint8

const (
	opEmpty op = iota // matches the empty string
	opLit
	opSet
	opAnchor
	opConcat
	opAlt
	opRepeat
)

// node is a parsed expression.
type node struct {
	op      op
	lit     []rune  // opLit: a sequence of characters
	set     runeSet // opSet: the characters of which one matches, closed under case folding
	anchors anchor  // opAnchor: the anchors, which must all match
	subs    []*node // the operands of opConcat and opAlt; the one operand of opRepeat
	low     int     // opRepeat: the smallest number of rounds
	high    int     // opRepeat: the largest number of rounds; -1: no limit
	size    int     // the number of characters and anchors after repetitions are multiplied out
}

// anchor is a set of conditions on a position in the text.
type anchor uint8

const (
	lineStart anchor = 1 << iota
	lineEnd
	textStart
	textEnd
	wordStart
	wordEnd
	wordEdge
	notWordEdge

	lineAnchors = lineStart | lineEnd
	wordAnchors = wordStart | wordEnd | wordEdge | notWordEdge
)

var empty = &node{op: opEmpty}

// has reports whether the node n or a node below it has one of the wanted anchors.
func (n *node) has(wanted anchor) bool {
	return n.anchors&wanted != 0 ||
		slices.ContainsFunc(n.subs, func(sub *node) bool { return sub.has(wanted) })
}

// concat joins the parts of a branch to one node, and merges neighbouring literals and neighbouring anchors.
func concat(parts []*node) *node {
	var subs []*node
	size := 0
	for _, p := range parts {
		size += p.size
		switch last := len(subs) - 1; {
		case p.op == opEmpty:
		case last >= 0 && p.op == opLit && subs[last].op == opLit:
			subs[last].lit = append(subs[last].lit, p.lit...)
			subs[last].size += p.size
		case last >= 0 && p.op == opAnchor && subs[last].op == opAnchor:
			subs[last].anchors |= p.anchors
		case p.op == opLit || p.op == opAnchor:
			c := *p // a copy, because later parts are merged into it and p may be in use elsewhere
			subs = append(subs, &c)
		default:
			subs = append(subs, p)
		}
	}
	switch len(subs) {
	case 0:
		return empty
	case 1:
		return subs[0]
	}
	return &node{op: opConcat, subs: subs, size: size}
}

func alternate(branches []*node) *node {
	if len(branches) == 1 {
		return branches[0]
	}
	n := &node{op: opAlt, subs: branches}
	for _, b := range branches {
		n.size += b.size
	}
	return n
}

// repeat returns the node for a repetition of sub; a high of -1 means no upper limit.
func repeat(sub *node, low, high int) *node {
	switch {
	case sub.op == opEmpty || high == 0:
		return empty
	case low == 1 && high == 1:
		return sub
	case sub.op == opRepeat && simple(low, high) && simple(sub.low, sub.high):
		if sub.high == -1 {
			high = -1
		}
		return repeat(sub.subs[0], low*sub.low, high)
	}
	return &node{op: opRepeat, subs: []*node{sub}, low: low, high: high, size: sub.size * max(1, low, high)}
}

// simple reports whether a repetition is *, + or ?. Two of these in a row are equal to one of them: +? is *, and ++ is
// +.
func simple(low, high int) bool { return low <= 1 && high == -1 || low == 0 && high == 1 }
