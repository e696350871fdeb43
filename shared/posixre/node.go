package posixre

import "slices"

type op uint8

const (
	opEmpty op = iota // the empty expression, which matches the empty string
	opLit
	opSet
	opAnchor
	opConcat
	opAlt
	opRepeat
)

// node is a parsed expression.
type node struct {
	op           op
	lit          []rune  // opLit: a sequence of characters
	set          runeSet // opSet: the characters of which one matches, closed under case folding
	anchors      anchor  // opAnchor: the anchors, which must all match
	subs         []*node // opConcat and opAlt: the operands; opRepeat: its only operand
	low          int     // opRepeat: the operand is repeated at least this many times
	high         int     // opRepeat: the operand is repeated at most this many times; -1 means no limit
	expandedSize int     // the number of characters and anchors, where a{3} counts as three characters
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

var emptyNode = &node{op: opEmpty}

// hasAnchor reports whether n, or a node below n, contains at least one of the given anchors.
func (n *node) hasAnchor(anchors anchor) bool {
	return n.anchors&anchors != 0 ||
		slices.ContainsFunc(n.subs, func(sub *node) bool { return sub.hasAnchor(anchors) })
}

// concat joins the parts of a branch to one node, and merges neighbouring literals and neighbouring anchors.
func concat(parts []*node) *node {
	var subs []*node
	size := 0
	for _, p := range parts {
		size += p.expandedSize
		switch last := len(subs) - 1; {
		case p.op == opEmpty:
		case last >= 0 && p.op == opLit && subs[last].op == opLit:
			subs[last].lit = append(subs[last].lit, p.lit...)
			subs[last].expandedSize += p.expandedSize
		case last >= 0 && p.op == opAnchor && subs[last].op == opAnchor:
			subs[last].anchors |= p.anchors
		case p.op == opLit || p.op == opAnchor:
			c := *p // copy p: parts that follow may be merged into the copy, and another node may contain p
			subs = append(subs, &c)
		default:
			subs = append(subs, p)
		}
	}
	switch len(subs) {
	case 0:
		return emptyNode
	case 1:
		return subs[0]
	}
	return &node{op: opConcat, subs: subs, expandedSize: size}
}

func alternate(branches []*node) *node {
	if len(branches) == 1 {
		return branches[0]
	}
	n := &node{op: opAlt, subs: branches}
	for _, b := range branches {
		n.expandedSize += b.expandedSize
	}
	return n
}

// repeat returns a node that repeats operand at least low and at most high times. If high is -1, there is no upper
// limit.
func repeat(operand *node, low, high int) *node {
	switch {
	case operand.op == opEmpty || high == 0:
		return emptyNode
	case low == 1 && high == 1:
		return operand
	case operand.op == opRepeat && isSimpleRepeat(low, high) && isSimpleRepeat(operand.low, operand.high):
		if operand.high == -1 {
			high = -1
		}
		return repeat(operand.subs[0], low*operand.low, high)
	}
	return &node{op: opRepeat, subs: []*node{operand}, low: low, high: high, expandedSize: operand.expandedSize * max(1, low, high)}
}

// isSimpleRepeat reports whether a repetition is *, + or ?. Two such repetitions in a row mean the same as a single one: +?
// means *, and ++ means +.
func isSimpleRepeat(low, high int) bool { return low <= 1 && high == -1 || low == 0 && high == 1 }
