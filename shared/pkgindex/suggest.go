package pkgindex

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math/bits"
	"slices"

	"github.com/omg-arch/omg/shared/fold"
	"github.com/omg-arch/omg/shared/sectionfile"
	"github.com/omg-arch/omg/shared/similar"
	"github.com/omg-arch/omg/shared/wire"
)

// maxSuggestions is the maximum number of names that Suggest returns.
const maxSuggestions = 5

// closeName is a name that is similar to a text.
type closeName struct {
	similar.Difference
	name       []byte // folded
	prominence byte
	isPart     bool
	file       int
	doc        uint32
}

// suggestionReason returns what a client is told about a difference.
func suggestionReason(kind similar.Kind) wire.SuggestionReason {
	switch kind {
	case similar.Variant:
		return wire.SuggestionVariant
	case similar.Spacing:
		return wire.SuggestionSpacing
	}
	return wire.SuggestionSpelling
}

// Suggest returns up to five names of packages that are similar to a text, the most similar first: names that differ in separators
// or in one or two letters, and names that begin in such a way. Two letters that changed places count as one.
func (s *FileSet) Suggest(text string) (found []wire.Suggestion, err error) {
	typed := []byte(fold.String(stripVersion(text)))
	similarTo := similar.NewText(typed)
	if similarTo == nil {
		return nil, nil
	}
	var close []closeName
	err = sectionfile.GuardFaults(func() error {
		for i := range s.files {
			if close, err = s.files[i].appendCloseNames(close, i, similarTo); err != nil {
				return err
			}
		}
		slices.SortFunc(close, compareCloseNames)
		for _, c := range close {
			if c.Kind == similar.Variant && c.isPart && len(found) > 0 {
				continue // a plugin or a language pack is hardly what the text means
			}
			summary, _, err := s.files[c.file].record(c.doc, false)
			if err != nil {
				return err
			}
			name := summary.Name()
			if !slices.ContainsFunc(found, func(s wire.Suggestion) bool { return s.Name == name }) {
				reason := suggestionReason(c.Kind)
				if c.Distance == 0 && len(typed) < len(text) {
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

// appendCloseNames appends the names in one file that are similar to a text. The number of the file is fileIndex.
func (f *fileInSet) appendCloseNames(close []closeName, fileIndex int, text *similar.Text) ([]closeName, error) {
	letters := text.Letters()
	set := nameCharBits(letters) &^ separatorBits
	edits := text.Limit() / similar.EditCost
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
		if len(t.name) == 0 || isVariant && t.name[0] != letters[0] || !text.BeginsSimilarly(t.name) {
			continue
		}
		if d, ok := text.Compare(t.name); ok {
			r := f.rank(doc)
			close = append(close, closeName{Difference: d, name: t.name, prominence: r.prominence, isPart: r.isPart(), file: fileIndex, doc: doc})
		}
	}
	return close, nil
}

// compareCloseNames sorts by distance, then by prominence, and then so that the order is always the same.
func compareCloseNames(a, b closeName) int {
	return cmp.Or(
		cmp.Compare(a.Distance, b.Distance), cmp.Compare(b.prominence, a.prominence), cmp.Compare(len(a.name), len(b.name)),
		bytes.Compare(a.name, b.name), cmp.Compare(a.file, b.file), cmp.Compare(a.doc, b.doc),
	)
}
