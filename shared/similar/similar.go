// Package similar compares names with a text that may have typing errors: another letter, a missing letter, two letters
// that changed places, or other separators between the parts of a name.
package similar

import "bytes"

// An edit costs two half steps. Fractions of an edit cost one.
const (
	EditCost      = 2
	firstEditCost = 3 // for an edit of the first letter, which people rarely get wrong
	spacingCost   = 1 // if separators differ
	variantCost   = 3 // if the name goes on after a separator
)

// MaxTextLen is the maximum number of letters of a text in bytes: no package and no command has a longer name.
const MaxTextLen = 64

// Kind is how a name differs from a text.
type Kind byte

// The kinds of differences.
const (
	Spelling Kind = iota // in letters, or not at all
	Spacing              // in separators only
	Variant              // the name goes on after a separator
)

// Difference is how much and how a name differs from a text.
type Difference struct {
	Distance int // in half steps, see EditCost
	Kind     Kind
}

// Text is a text with which names are compared. Both must be case-folded if case is to be ignored. A Text must not be
// used concurrently.
type Text struct {
	typed, letters []byte
	distance       *editDistance
}

// NewText returns a Text, or nil if the text is so short or so long that no name is similar to it.
func NewText(typed []byte) *Text {
	letters := appendWithoutSeparators(nil, typed)
	if len(letters) < 2 || len(letters) > MaxTextLen {
		return nil
	}
	return &Text{typed: typed, letters: letters, distance: newEditDistance(letters)}
}

// Letters returns the text without separators.
func (t *Text) Letters() []byte { return t.letters }

// Limit returns how many half steps a name may differ from the text: nothing for two letters, one edit for up to four, and
// two edits for longer texts. Shorter texts would be close to too many names.
func (t *Text) Limit() int {
	switch n := len(t.letters); {
	case n <= 2:
		return 0
	case n <= 4:
		return firstEditCost
	default:
		return 2 * EditCost
	}
}

// IsSeparator reports whether a byte separates the parts of a name.
func IsSeparator(c byte) bool { return c == '-' || c == '_' || c == ' ' || c == '.' || c == '/' }

// appendWithoutSeparators appends the bytes of s that are no separators to dst.
func appendWithoutSeparators(dst, s []byte) []byte {
	for _, c := range s {
		if !IsSeparator(c) {
			dst = append(dst, c)
		}
	}
	return dst
}

// BeginsSimilarly reports whether a name can be similar to the text, by their first two letters. An edit of the first
// letter costs so much that the rest must be equal. This excludes most names before their distance is computed.
func (t *Text) BeginsSimilarly(name []byte) bool {
	letters := t.letters
	if len(name) < 2 {
		return len(name) == 1 && (name[0] == letters[0] || name[0] == letters[1])
	}
	return name[0] == letters[0] || name[1] == letters[0] || name[0] == letters[1] || bytes.HasPrefix(name[1:], letters[1:])
}

// Compare compares the text with a name, and with each beginning of the name that ends before a separator. It reports
// whether one of them differs from the text by at most Limit half steps, and returns the smallest difference.
func (t *Text) Compare(name []byte) (best Difference, ok bool) {
	d, limit := t.distance, t.Limit()
	d.reset()
	consider := func(c Difference) {
		if !ok || c.Distance < best.Distance {
			best, ok = c, true
		}
	}
	for i, c := range name {
		if IsSeparator(c) {
			if i > 0 && !IsSeparator(name[i-1]) && d.distance() <= limit {
				consider(Difference{d.distance() + variantCost + (len(name)-i)/8, Variant})
			}
			continue
		}
		if d.add(c) > limit {
			return best, ok // however the name goes on, it is too different
		}
	}
	if d.distance() <= limit {
		c := Difference{d.distance(), Spelling}
		if c.Distance == 0 && !bytes.Equal(t.typed, name) {
			c = Difference{spacingCost, Spacing}
		}
		consider(c)
	}
	return best, ok
}
