package posixre

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

const (
	// maxGoSyntaxBytes limits the length of an expression in Go's syntax, in bytes.
	maxGoSyntaxBytes = 8 << 20
	// maxGoCount is package regexp's limit for the count of a repetition, and for the product of nested counts.
	maxGoCount = 1000
)

// writer collects an expression in Go's syntax.
type writer struct {
	strings.Builder
	targetTextKind
	tooLong bool // the expression has become longer than maxGoSyntaxBytes
}

// targetTextKind is the kind of text that an expression in Go's syntax is to match. Only an expression for marked text can
// contain word anchors, such as \<.
type targetTextKind uint8

const (
	targetAnyText            targetTextKind = iota
	targetTextWithoutNewline                // text without a newline: ^ and $ match only at the ends of the text, so matching is much faster
	targetMarkedText                        // text with the marks that the function addMarks adds
)

// goSyntax returns the expression n in Go's syntax, and false if the result would be longer than maxGoSyntaxBytes.
func goSyntax(n *node, to targetTextKind) (string, bool) {
	w := &writer{targetTextKind: to}
	w.WriteString("(?i)")
	w.node(n)
	return w.String(), !w.tooLong
}

// node writes the node n. It returns the largest product of the counts of repetitions that are nested in each other.
func (w *writer) node(n *node) int {
	product := 1
	if w.tooLong {
		return product
	}
	switch n.op {
	case opLit:
		for _, r := range n.lit {
			w.writeAnyMarks()
			w.WriteString(regexp.QuoteMeta(string(r)))
		}
	case opSet:
		w.writeAnyMarks()
		if w.targetTextKind == targetMarkedText {
			w.set(minus(n.set, allMarkChars))
		} else {
			w.set(n.set)
		}
	case opAnchor:
		w.anchor(n.anchors)
	case opConcat:
		for _, sub := range n.subs {
			product = max(product, w.writeNodeInGroup(sub))
		}
	case opAlt:
		for i, sub := range n.subs {
			if i > 0 {
				w.WriteByte('|')
			}
			product = max(product, w.node(sub))
		}
	case opRepeat:
		product = w.repeat(n)
	}
	w.tooLong = w.tooLong || w.Len() > maxGoSyntaxBytes
	return product
}

func (w *writer) writeNodeInGroup(n *node) int {
	if n.op != opAlt {
		return w.node(n)
	}
	w.WriteString("(?:")
	product := w.node(n)
	w.WriteByte(')')
	return product
}

// repeat writes a repetition. It splits a count that is too large for package regexp: a{2500} becomes
// a{1000}a{1000}a{500}.
func (w *writer) repeat(n *node) int {
	inner := &writer{targetTextKind: w.targetTextKind}
	product := inner.node(n.subs[0])
	w.tooLong = w.tooLong || inner.tooLong
	body := "(?:" + inner.String() + ")"
	step := max(1, maxGoCount/product)
	largest := 1
	write := func(count int, counted string, single string) {
		for ; count > 0 && !w.tooLong; count -= step {
			w.WriteString(body)
			if now := min(count, step); now == 1 {
				w.WriteString(single)
			} else {
				fmt.Fprintf(w, counted, now)
				largest = max(largest, now)
			}
			w.tooLong = w.Len() > maxGoSyntaxBytes
		}
	}
	switch {
	case n.high >= 0:
		write(n.low, "{%d}", "")
		write(n.high-n.low, "{0,%d}", "?")
	case n.low <= 1:
		w.WriteString(body)
		w.WriteByte("*+"[n.low])
	default:
		write(n.low-1, "{%d}", "")
		w.WriteString(body + "+")
	}
	return product * largest
}

func (w *writer) anchor(a anchor) {
	if w.targetTextKind == targetMarkedText {
		w.set(marksMatching(a))
		return
	}
	texts := [...]string{`(?m:^)`, `(?m:$)`, `\A`, `\z`} // the Go syntax for each bit of an anchor, lowest bit first
	if w.targetTextKind == targetTextWithoutNewline {
		texts[0], texts[1] = texts[2], texts[3]
	}
	for i, text := range texts {
		if a&(1<<i) != 0 {
			w.WriteString(text)
		}
	}
}

// set writes a set without case folding, because the set is already closed under case folding, and package regexp would
// take long to fold it.
func (w *writer) set(s runeSet) {
	if len(s) == 0 {
		w.WriteString(`[^\x00-\x{10FFFF}]`)
		return
	}
	w.WriteString("(?-i:[")
	for i := 0; i < len(s); i += 2 {
		w.member(s[i])
		if s[i] != s[i+1] {
			w.WriteByte('-')
			w.member(s[i+1])
		}
	}
	w.WriteString("])")
}

func (w *writer) member(r rune) {
	if r < 0xA0 && (r < '0' || r > 'z' || r > '9' && r < 'A' || r > 'Z' && r < 'a') || !utf8.ValidRune(r) {
		fmt.Fprintf(w, `\x{%X}`, r)
		return
	}
	w.WriteRune(r)
}

// writeAnyMarks writes an expression that matches the marks before the next character.
func (w *writer) writeAnyMarks() {
	if w.targetTextKind == targetMarkedText {
		w.WriteString(anyMarksPattern)
	}
}
