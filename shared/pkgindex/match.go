package pkgindex

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/omg-arch/omg/shared/wire"
)

// matcher decides whether the packages of one index file match a query, and how well: see Tier.
type matcher struct {
	file  *fileInSet
	terms []matcherTerm
}

// matcherTerm is a term of a query, with lists of the packages in one index file that match the term.
type matcherTerm struct {
	*term
	// exactProviders lists the packages that provide a name equal to the word.
	exactProviders []uint32
	// valuePostings lists the packages in which a value of the term's field equals the word.
	valuePostings postingList
}

func newMatcher(f *fileInSet, q *Query) (*matcher, error) {
	m := &matcher{file: f, terms: make([]matcherTerm, len(q.terms))}
	for i := range q.terms {
		t := &m.terms[i]
		t.term = &q.terms[i]
		if t.expr != nil {
			continue
		}
		var err error
		var p postingList
		switch t.field {
		case fieldAny, fieldProvides:
			if p, err = f.postingListOfTerm(termProvides, string(t.word)); err == nil {
				t.exactProviders, err = p.appendDocs(nil)
			}
		case fieldExactGroup:
			t.valuePostings, err = f.postingListOfTerm(termGroup, string(t.word))
		case fieldDepends:
			t.valuePostings, err = f.postingListOfTerm(termDepends, string(t.word))
		case fieldMaint:
			t.valuePostings, err = f.postingListOfTerm(termMaintainer, string(t.word))
		case fieldKeyword:
			t.valuePostings, err = f.postingListOfTerm(termKeyword, string(t.word))
		}
		if err != nil {
			return nil, err
		}
	}
	return m, nil
}

// tier reports whether a package matches every term of the query, and returns the worst tier of these matches. A query
// without terms matches every package: it lists whole repositories.
func (m *matcher) tier(doc uint32) (worst Tier, ok bool, err error) {
	text, err := m.file.docText(doc)
	if err != nil {
		return 0, false, err
	}
	for i := range m.terms {
		t := &m.terms[i]
		var tier Tier
		switch {
		case t.expr != nil && t.searchesDocText():
			tier, ok, err = m.exprTier(t, doc, text)
		case t.expr != nil:
			tier = TierDesc
			ok, err = m.exprMatchesValue(t, doc)
		case !t.searchesDocText():
			// All candidates come from t.valuePostings, which lists only packages with this value. So the package matches.
			tier, ok = TierDesc, true
		default:
			tier, ok = t.textTier(doc, text)
		}
		if !ok || err != nil {
			return 0, false, err
		}
		worst = max(worst, tier)
	}
	return worst, true, nil
}

// textTier searches a package's text for the word. The text consists of the name, the provided names, the groups and
// the description, separated by NUL bytes. The position of the first occurrence therefore shows which field contains
// the word.
func (t *matcherTerm) textTier(doc uint32, text docText) (Tier, bool) {
	switch t.field {
	case fieldName:
		i := bytes.Index(text.name, t.word)
		if i < 0 {
			return 0, false
		}
		return nameTier(text.name, t.word, i), true
	case fieldDesc:
		return TierDesc, bytes.Contains(text.desc, t.word)
	case fieldGroup:
		return TierProvidesOrGroup, bytes.Contains(text.groups, t.word)
	case fieldProvides:
		if t.isProvidedBy(doc) {
			return TierProvides, true
		}
		return TierProvidesOrGroup, bytes.Contains(text.provides, t.word)
	}
	i := bytes.Index(text.all, t.word)
	if i < 0 {
		return 0, false
	}
	if i < len(text.name) {
		if i == 0 && len(t.word) == len(text.name) {
			return TierExact, true
		}
		if t.isProvidedBy(doc) {
			return TierProvides, true
		}
		return nameTier(text.name, t.word, i), true
	}
	switch {
	case t.isProvidedBy(doc):
		return TierProvides, true
	case i < len(text.all)-1-len(text.desc):
		return TierProvidesOrGroup, true
	default:
		return TierDesc, true
	}
}

func (t *matcherTerm) isProvidedBy(doc uint32) bool {
	_, ok := slices.BinarySearch(t.exactProviders, doc)
	return ok
}

// exprTier matches a package's text against a regular expression. A package also matches if its name contains the
// expression itself as plain text, as in pacman.
func (m *matcher) exprTier(t *matcherTerm, doc uint32, text docText) (Tier, bool, error) {
	if t.field == fieldAny || t.field == fieldName {
		if at := t.expr.FindIndex(text.name); at != nil {
			return nameSpanTier(text.name, at[0], at[1]), true, nil
		}
		if i := bytes.Index(text.name, t.word); i >= 0 {
			summary, _, err := m.file.record(doc, false)
			if err != nil {
				return 0, false, err
			}
			if strings.Contains(summary.Name(), t.raw) {
				return nameTier(text.name, t.word, i), true, nil
			}
		}
	}
	if t.field == fieldAny || t.field == fieldProvides {
		if tier, ok := t.exprValuesTier(text.provides, TierProvides); ok {
			return tier, true, nil
		}
	}
	if t.field == fieldAny || t.field == fieldGroup {
		if tier, ok := t.exprValuesTier(text.groups, TierProvidesOrGroup); ok {
			return tier, true, nil
		}
	}
	if t.field == fieldAny || t.field == fieldDesc {
		return TierDesc, text.desc != nil && t.expr.FindIndex(text.desc) != nil, nil
	}
	return 0, false, nil
}

// exprValuesTier matches an expression against NUL-terminated values. If the expression matches an entire value, the tier is
// wholeTier.
func (t *matcherTerm) exprValuesTier(values []byte, wholeTier Tier) (tier Tier, ok bool) {
	eachValue(values, func(v []byte) {
		at := t.expr.FindIndex(v)
		switch {
		case at == nil:
		case at[0] == 0 && at[1] == len(v):
			tier, ok = wholeTier, true
		case !ok:
			tier, ok = TierProvidesOrGroup, true
		}
	})
	return tier, ok
}

// nameSpanTier returns the tier of a match that covers name[start:end].
func nameSpanTier(name []byte, start, end int) Tier {
	switch {
	case start == 0 && end == len(name):
		return TierExact
	case start == 0:
		return TierPrefix
	case !isWordByte(name[start-1]):
		return TierWordStart
	default:
		return TierNameContains
	}
}

// exprMatchesValue reports whether an expression matches a dependency, maintainer or keyword of a package. It decodes the
// package's record, because the searchable text does not contain these values.
func (m *matcher) exprMatchesValue(t *matcherTerm, doc uint32) (bool, error) {
	summary, details, err := m.file.record(doc, true)
	if err != nil {
		return false, err
	}
	p, err := DecodePackage(summary, details)
	if err != nil {
		return false, err
	}
	var values []string
	switch {
	case t.field == fieldDepends:
		for _, d := range p.Depends {
			values = append(values, stripVersion(d))
		}
	case p.AUR == nil:
	case t.field == fieldMaint:
		values = append(p.AUR.CoMaintainers, p.AUR.Maintainer)
	case t.field == fieldKeyword:
		values = p.AUR.Keywords
	}
	return slices.ContainsFunc(values, func(v string) bool { return t.expr.FindIndex([]byte(Fold(v))) != nil }), nil
}

// DecodePackage decodes a package from its summary and its details, which may be empty.
func DecodePackage(summary, details Record) (p wire.Package, err error) {
	b := []byte{0xde, 0, byte(summary.PairCount + details.PairCount)}
	b = append(append(b, summary.Bytes...), details.Bytes...)
	if err := wire.CheckMessagePack(b); err != nil {
		return p, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if err := wire.DecodePackage(b, &p); err != nil {
		return p, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return p, nil
}
