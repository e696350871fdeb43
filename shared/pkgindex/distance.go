package pkgindex

import (
	"bytes"

	"github.com/omg-arch/omg/shared/wire"
)

// closeName is a name that is similar to a text.
type closeName struct {
	name       []byte // folded
	distance   int    // in half steps, see editCost
	reason     wire.SuggestionReason
	prominence byte
	isPart     bool
	file       int
	doc        uint32
}

// isSeparator reports whether a byte separates the parts of a name.
func isSeparator(c byte) bool { return c == '-' || c == '_' || c == ' ' || c == '.' || c == '/' }

// appendWithoutSeparators appends the bytes of s that are no separators to dst.
func appendWithoutSeparators(dst, s []byte) []byte {
	for _, c := range s {
		if !isSeparator(c) {
			dst = append(dst, c)
		}
	}
	return dst
}

// beginsSimilarly reports whether a name can be similar to a text of at least two letters, by their first two letters. An edit of the first
// letter costs so much that the rest must be equal. This excludes most names before their distance is computed.
func beginsSimilarly(letters, name []byte) bool {
	if len(name) < 2 {
		return len(name) == 1 && (name[0] == letters[0] || name[0] == letters[1])
	}
	return name[0] == letters[0] || name[1] == letters[0] || name[0] == letters[1] || bytes.HasPrefix(name[1:], letters[1:])
}

// compareNames compares a text with a name, and with each beginning of the name that ends before a separator. The parameter d is
// for the text without separators. compareNames reports whether one of them differs from the text by at most limit half steps, and
// returns the closest.
func compareNames(d *editDistance, typed, name []byte, limit int) (best closeName, ok bool) {
	d.reset()
	consider := func(c closeName) {
		if !ok || c.distance < best.distance {
			best, ok = c, true
		}
	}
	for i, c := range name {
		if isSeparator(c) {
			if i > 0 && !isSeparator(name[i-1]) && d.distance() <= limit {
				consider(closeName{name: name, distance: d.distance() + variantCost + (len(name)-i)/8, reason: wire.SuggestionVariant})
			}
			continue
		}
		if d.add(c) > limit {
			return best, ok // however the name goes on, it is too different
		}
	}
	if d.distance() <= limit {
		c := closeName{name: name, distance: d.distance(), reason: wire.SuggestionSpelling}
		if c.distance == 0 && !bytes.Equal(typed, name) {
			c.distance, c.reason = spacingCost, wire.SuggestionSpacing
		}
		consider(c)
	}
	return best, ok
}

// editDistance computes the distance of a text to a longer and longer name, in half steps: the cost of the insertions, deletions,
// replacements and exchanges of neighbours that make one of the other (optimal string alignment).
type editDistance struct {
	text []byte
	rows [4][maxSuggestLen + 1]uint16 // rows[n%3][i] is the distance of the first i letters to the first n of the name; rows[3] is that for n = 0
	n    int                          // how many letters of the name were added
	last byte
}

func newEditDistance(text []byte) *editDistance {
	d := &editDistance{text: text}
	for i := range text {
		d.rows[3][i+1] = d.rows[3][i] + costAt(i)
	}
	d.reset()
	return d
}

// reset removes the letters that were added.
func (d *editDistance) reset() {
	d.n = 0
	copy(d.rows[0][:len(d.text)+1], d.rows[3][:])
}

// costAt returns the cost of an edit at a position of the text or the name.
func costAt(i int) uint16 {
	if i == 0 {
		return firstEditCost
	}
	return editCost
}

// distance returns the distance of the text to the letters that were added.
func (d *editDistance) distance() int { return int(d.rows[d.n%3][len(d.text)]) }

// add adds a letter to the name. It returns the least distance that any longer name can have.
func (d *editDistance) add(c byte) (least int) {
	j := d.n
	before, last, row := &d.rows[(j+2)%3], &d.rows[j%3], &d.rows[(j+1)%3]
	row[0] = last[0] + costAt(j)
	lowest := row[0]
	for i, t := range d.text {
		cost := last[i]
		if c != t {
			edit := min(costAt(i), costAt(j))
			cost = min(last[i]+max(costAt(i), costAt(j)), last[i+1]+costAt(j), row[i]+costAt(i))
			if i > 0 && j > 0 && t == d.last && d.text[i-1] == c {
				cost = min(cost, before[i-1]+edit)
			}
		}
		row[i+1] = cost
		lowest = min(lowest, cost)
	}
	d.n++
	d.last = c
	return int(lowest)
}
