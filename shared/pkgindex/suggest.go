package pkgindex

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math/bits"
	"slices"

	"github.com/omg-arch/omg/shared/fold"
	"github.com/omg-arch/omg/shared/wire"
)

const (
	maxSuggestions = 5  // the maximum number of names that Suggest returns
	maxSuggestLen  = 64 // in bytes; Suggest returns nothing for a longer text, because no package has such a name
)

// An edit costs two half steps. Fractions of an edit cost one.
const (
	editCost      = 2
	firstEditCost = 3 // for an edit of the first letter, which people rarely get wrong
	spacingCost   = 1 // if separators differ
	variantCost   = 3 // if the name goes on after a separator
)

// suggestLimit returns how many half steps a name may differ from a text of n letters: nothing for two letters, one edit for up to
// four, and two edits for longer texts. Shorter texts would be close to too many names.
func suggestLimit(n int) int {
	switch {
	case n <= 2:
		return 0
	case n <= 4:
		return firstEditCost
	default:
		return 2 * editCost
	}
}

// Suggest returns up to five names of packages that are similar to a text, the most similar first: names that differ in separators
// or in one or two letters, and names that begin in such a way. Two letters that changed places count as one.
func (s *FileSet) Suggest(text string) (found []wire.Suggestion, err error) {
	typed := []byte(fold.String(stripVersion(text)))
	letters := appendWithoutSeparators(nil, typed)
	if len(letters) < 2 || len(letters) > maxSuggestLen {
		return nil, nil
	}
	var close []closeName
	limit := suggestLimit(len(letters))
	err = guardFaults(func() error {
		for i := range s.files {
			if close, err = s.files[i].appendCloseNames(close, i, typed, letters, limit); err != nil {
				return err
			}
		}
		slices.SortFunc(close, compareCloseNames)
		for _, c := range close {
			if c.reason == wire.SuggestionVariant && c.isPart && len(found) > 0 {
				continue // a plugin or a language pack is hardly what the text means
			}
			summary, _, err := s.files[c.file].record(c.doc, false)
			if err != nil {
				return err
			}
			name := summary.Name()
			if !slices.ContainsFunc(found, func(s wire.Suggestion) bool { return s.Name == name }) {
				reason := c.reason
				if c.distance == 0 && len(typed) < len(text) {
					reason = wire.SuggestionVersion
				}
				found = append(found, wire.Suggestion{Name: name, Reason: reason})
			}
			if len(found) == maxSuggestions {
				break
			}
		}
		return nil
	})
	return found, err
}

// appendCloseNames appends the names in one file that are similar to a text, see compareNames. The number of the file is fileIndex.
func (f *fileInSet) appendCloseNames(close []closeName, fileIndex int, typed, letters []byte, limit int) ([]closeName, error) {
	set := nameCharBits(letters) &^ separatorBits
	edits := limit / editCost
	d := newEditDistance(letters)
	for doc := range f.docCount {
		e := f.docTable[int(doc)*docEntrySize:][:docEntrySize]
		have := binary.LittleEndian.Uint32(e[20:]) &^ separatorBits
		// A name with too many other letters can only be a variant. Then one letter may be wrong, but not the first.
		lacking, isVariant := bits.OnesCount32(set&^have), bits.OnesCount32(have&^set) > edits
		if lacking > edits || isVariant && lacking > 1 {
			continue
		}
		n := int(binary.LittleEndian.Uint32(e[8:]))
		if n < len(letters)-edits || f.sourceOf(doc) == nil {
			continue
		}
		t, err := f.docText(doc)
		if err != nil {
			return nil, err
		}
		if len(t.name) == 0 || isVariant && t.name[0] != letters[0] || !beginsSimilarly(letters, t.name) {
			continue
		}
		if c, ok := compareNames(d, typed, t.name, limit); ok {
			r := f.rank(doc)
			c.file, c.doc, c.prominence, c.isPart = fileIndex, doc, r.prominence, r.isPart()
			close = append(close, c)
		}
	}
	return close, nil
}

// compareCloseNames sorts by distance, then by prominence, and then so that the order is always the same.
func compareCloseNames(a, b closeName) int {
	return cmp.Or(
		cmp.Compare(a.distance, b.distance), cmp.Compare(b.prominence, a.prominence), cmp.Compare(len(a.name), len(b.name)),
		bytes.Compare(a.name, b.name), cmp.Compare(a.file, b.file), cmp.Compare(a.doc, b.doc),
	)
}
