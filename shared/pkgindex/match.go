package pkgindex

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/omg-arch/omg/shared/fold"
	"github.com/omg-arch/omg/shared/wire"
)

// matcher decides whether the packages of one index file match a query, and how well: see Tier.
type matcher struct {
	file     *fileInSet
	terms    []matcherTerm
	unwanted []matcherTerm
	decoded  *wire.Package // the only package of a matcher without a file: see Query.Match
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
	terms, err := newMatcherTerms(f, q.terms)
	if err != nil {
		return nil, err
	}
	unwanted, err := newMatcherTerms(f, q.unwanted)
	return &matcher{file: f, terms: terms, unwanted: unwanted}, err
}

func newMatcherTerms(f *fileInSet, terms []term) ([]matcherTerm, error) {
	list := make([]matcherTerm, len(terms))
	for i := range terms {
		t := &list[i]
		t.term = &terms[i]
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
	return list, nil
}

// maxPlaces is the number of terms whose places are kept without an allocation.
const maxPlaces = 8

// match reports whether a package matches every term of the query, and how well. A query without terms matches every package: it lists
// whole repositories.
func (m *matcher) match(doc uint32, inAUR bool) (q quality, ok bool, err error) {
	if len(m.terms) == 0 && len(m.unwanted) == 0 {
		return q, true, nil
	}
	text, err := m.file.docText(doc)
	if err != nil {
		return q, false, err
	}
	var buffer [maxPlaces]wordPlace
	places := buffer[:0]
	for i := range m.terms {
		p, ok, err := m.findTerm(&m.terms[i], doc, text, inAUR)
		if !ok || err != nil {
			return q, false, err
		}
		places = append(places, p)
	}
	for i := range m.unwanted {
		if found, err := m.hasUnwanted(&m.unwanted[i], doc, text); found || err != nil {
			return q, false, err
		}
	}
	return m.qualityOf(text, places, m.file.rank(doc), inAUR), true, nil
}

// hasUnwanted reports whether a package matches an unwanted term. For a complete value, the list of packages decides, because the package
// does not come from this list.
func (m *matcher) hasUnwanted(t *matcherTerm, doc uint32, text docText) (bool, error) {
	if t.expr == nil && !t.searchesDocText() {
		docs, err := t.valuePostings.intersect([]uint32{doc})
		return len(docs) > 0, err
	}
	_, found, err := m.findTerm(t, doc, text, false)
	return found, err
}

// findTerm reports where a package matches a term, and whether it does.
func (m *matcher) findTerm(t *matcherTerm, doc uint32, text docText, inAUR bool) (p wordPlace, ok bool, err error) {
	p.descOffset = -1
	switch {
	case t.expr != nil && t.searchesDocText():
		p.tier, p.nameLen, ok, err = m.exprTier(t, doc, text)
	case t.expr != nil:
		p.tier = TierDesc
		ok, err = m.exprMatchesValue(t, doc)
	case !t.searchesDocText() && m.decoded != nil:
		p.tier, ok = TierDesc, t.hasValue(m.decoded)
	case !t.searchesDocText():
		// All candidates come from t.valuePostings, which lists only packages with this value. So the package matches.
		p.tier, ok = TierDesc, true
	default:
		p, ok = t.findWord(doc, text, inAUR)
	}
	if inAUR && (p.tier == TierProvides || p.tier == TierProvidesOrGroup) {
		p.tier = TierDesc // anyone can write anything into a package of the AUR, so only its name counts
	}
	return p, ok, err
}

// qualityOf returns the quality of a match from the places of all terms. Its tier is the worst of the terms, with two exceptions: if
// the description says that a package of a repository is what the words say, the package ranks as if its name did. And a name that
// contains several words ranks lower if other words stand between them, or if the package is a part of something else.
//
// For a short word, searchShortWord finds packages without reading their descriptions. It must compute the same quality.
func (m *matcher) qualityOf(text docText, places []wordPlace, r docRank, inAUR bool) (q quality) {
	if len(places) == 0 {
		return q
	}
	wordsLen, hasExpr := 0, false
	for i := range places {
		q.tier = max(q.tier, places[i].tier)
		if t := &m.terms[i]; t.expr != nil {
			wordsLen += places[i].nameLen
			hasExpr = true
		} else {
			wordsLen += len(t.word)
		}
	}
	switch {
	case q.tier < TierProvidesOrGroup:
		next := byte(0)
		if len(places) == 1 && q.tier == TierPrefix && wordsLen < len(text.name) {
			next = text.name[wordsLen]
		}
		q.closeness = nameCloseness(len(text.name), wordsLen, next, r)
		isWordStart := q.tier == TierPrefix || q.tier == TierWordStart
		if len(places) > 1 && isWordStart && !hasExpr && (r.isPart() || !areJoined(m.terms, text.name)) {
			q.tier = TierNameContains
		}
	case m.isShortWord():
	case !inAUR && namesKind(m.terms, text.desc[:min(len(text.desc), int(r.headLen))]):
		q = quality{tier: TierWordStart, closeness: closenessKind, isKind: true}
	default:
		q.closeness = descCloseness(m.terms, places, text.desc, int(r.headLen))
	}
	return q
}

// findWord searches a package's text for the word. The text consists of the name, the provided names, the groups and
// the description, separated by NUL bytes. The position of the first occurrence therefore shows which field contains
// the word.
func (t *matcherTerm) findWord(doc uint32, text docText, inAUR bool) (p wordPlace, ok bool) {
	p.descOffset = -1
	switch t.field {
	case fieldName:
		i := bytes.Index(text.name, t.word)
		if i >= 0 {
			p.tier = nameTier(text.name, t.word, i)
		}
		return p, i >= 0
	case fieldDesc:
		p.tier, p.descOffset = TierDesc, bytes.Index(text.desc, t.word)
		return p, p.descOffset >= 0
	case fieldGroup:
		p.tier = TierProvidesOrGroup
		return p, bytes.Contains(text.groups, t.word)
	case fieldProvides:
		if t.isProvidedBy(doc) {
			p.tier = TierProvides
			return p, true
		}
		p.tier = TierProvidesOrGroup
		return p, bytes.Contains(text.provides, t.word)
	}
	i := bytes.Index(text.all, t.word)
	if i < 0 {
		return p, false
	}
	switch {
	case i == 0 && len(t.word) == len(text.name):
		p.tier = TierExact
	case !inAUR && t.isProvidedBy(doc):
		p.tier = TierProvides
	case i < len(text.name):
		p.tier = nameTier(text.name, t.word, i)
	case i < len(text.all)-1-len(text.desc):
		p.tier = TierProvidesOrGroup
	default:
		p.tier, p.descOffset = TierDesc, descOffset(text, i, len(t.word))
	}
	return p, true
}

func (t *matcherTerm) isProvidedBy(doc uint32) bool {
	_, ok := slices.BinarySearch(t.exactProviders, doc)
	return ok
}

// exprTier matches a package's text against a regular expression. A package also matches if its name contains the
// expression itself as plain text, as in pacman. exprTier also returns how many bytes of the name match.
func (m *matcher) exprTier(t *matcherTerm, doc uint32, text docText) (tier Tier, nameLen int, ok bool, err error) {
	if t.field == fieldAny || t.field == fieldName {
		if at := t.expr.FindIndex(text.name); at != nil {
			return nameSpanTier(text.name, at[0], at[1]), at[1] - at[0], true, nil
		}
		if i := bytes.Index(text.name, t.word); i >= 0 {
			name, err := m.nameOf(doc)
			if err != nil {
				return 0, 0, false, err
			}
			if strings.Contains(name, t.raw) {
				return nameTier(text.name, t.word, i), len(t.word), true, nil
			}
		}
	}
	if t.field == fieldAny || t.field == fieldProvides {
		if tier, ok := t.exprValuesTier(text.provides, TierProvides); ok {
			return tier, 0, true, nil
		}
	}
	if t.field == fieldAny || t.field == fieldGroup {
		if tier, ok := t.exprValuesTier(text.groups, TierProvidesOrGroup); ok {
			return tier, 0, true, nil
		}
	}
	if t.field == fieldAny || t.field == fieldDesc {
		return TierDesc, 0, text.desc != nil && t.expr.FindIndex(text.desc) != nil, nil
	}
	return 0, 0, false, nil
}

// nameOf returns the name of a package, in upper and lower case.
func (m *matcher) nameOf(doc uint32) (string, error) {
	if m.decoded != nil {
		return m.decoded.Name, nil
	}
	summary, _, err := m.file.record(doc, false)
	return summary.Name(), err
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
	if m.decoded != nil {
		return t.hasValue(m.decoded), nil
	}
	summary, details, err := m.file.record(doc, true)
	if err != nil {
		return false, err
	}
	p, err := DecodePackage(summary, details)
	if err != nil {
		return false, err
	}
	return t.hasValue(&p), nil
}

// hasValue reports whether a value of the term's field equals its word or matches its expression. The term must not search in texts.
func (t *term) hasValue(p *wire.Package) bool {
	matches := func(v string) bool {
		if t.expr != nil {
			return t.expr.FindIndex([]byte(fold.String(v))) != nil
		}
		return fold.String(v) == string(t.word)
	}
	switch {
	case t.field == fieldDepends:
		return slices.ContainsFunc(p.Depends, func(v string) bool { return matches(stripVersion(v)) })
	case t.field == fieldExactGroup:
		return slices.ContainsFunc(p.Groups, matches)
	case p.AUR == nil:
		return false
	case t.field == fieldMaint:
		return matches(p.AUR.Maintainer) || slices.ContainsFunc(p.AUR.CoMaintainers, matches)
	default:
		return slices.ContainsFunc(p.AUR.Keywords, matches)
	}
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
