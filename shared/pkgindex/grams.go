package pkgindex

import (
	"cmp"
	"encoding/binary"
	"slices"
)

// gramKey returns the key of a substring (see the package comment).
func gramKey(g string) uint32 {
	key := uint32(len(g)) << 24
	for i := range len(g) {
		key |= uint32(g[i]) << (8 * (len(g) - 1 - i))
	}
	return key
}

func tierGramKey(g string, t Tier) uint32 { return gramKey(g) | uint32(t)<<29 }

// gramDocList is a growing list of docs in encoded form: unsigned varints, the first doc and then the differences.
type gramDocList struct {
	key            uint32
	count          uint32
	lastDocPlusOne uint32 // the last doc plus 1, or 0 if the list is empty
	firstDoc       uint32
	encoded        []byte
}

// add appends a doc, which must not be smaller than the last doc of the list. If it equals the last doc, the list stays
// as it is.
func (l *gramDocList) add(doc uint32) {
	if l.lastDocPlusOne == doc+1 {
		return
	}
	delta := doc
	if l.count > 0 {
		delta = doc + 1 - l.lastDocPlusOne
	} else {
		l.firstDoc = doc
	}
	l.encoded = binary.AppendUvarint(l.encoded, uint64(delta))
	l.lastDocPlusOne = doc + 1
	l.count++
}

// eachText calls the function f for every doc in ascending order, with the doc's folded text, and whether it is in the AUR.
func (b *Builder) eachText(f func(doc uint32, d *pendingDoc, text []byte, inAUR bool)) {
	doc := uint32(0)
	for _, s := range b.sources {
		for i := range s.docs {
			d := &s.docs[i]
			f(doc, d, s.text[d.textStart:d.textStart+d.textLen], s.info.Kind == KindAUR)
			doc++
		}
	}
}

// trigrams collects the three-byte substrings. The first two bytes of a substring select a page, and the third byte
// selects a place in the page. A page is allocated when its two bytes first occur in a text, so most pages are never
// allocated.
type trigrams struct {
	// listPositions holds, for each substring, the position of its list in the field all, counted from 1; 0 means no list.
	listPositions [1 << 16]*[1 << 8]uint32
	lists         []gramDocList
}

func (t *trigrams) collect(b *Builder) {
	b.eachText(func(doc uint32, _ *pendingDoc, text []byte, _ bool) {
		for i := 0; i+3 <= len(text); i++ {
			x, y, z := text[i], text[i+1], text[i+2]
			if z == 0 {
				i += 2
				continue
			}
			if x == 0 || y == 0 {
				continue
			}
			page := t.listPositions[uint16(x)<<8|uint16(y)]
			if page == nil {
				page = new([1 << 8]uint32)
				t.listPositions[uint16(x)<<8|uint16(y)] = page
			}
			if page[z] == 0 {
				t.lists = append(t.lists, gramDocList{key: 3<<24 | uint32(x)<<16 | uint32(y)<<8 | uint32(z)})
				page[z] = uint32(len(t.lists))
			}
			t.lists[page[z]-1].add(doc)
		}
	})
}

// shortGrams collects the one- and two-byte substrings by tier.
type shortGrams struct {
	lastDocs [shortGramCount]uint32 // for each substring, the last doc that contained it, plus 1; 0 for no doc
	// listIDs holds, for each tier and substring, the position of the list in the field all, counted from 1; 0 means no
	// list.
	listIDs [numTiers][shortGramCount]uint32
	lists   []gramDocList
}

const shortGramCount = 1<<16 + 1<<8

// shortGramIndex returns the position of a one- or two-byte substring in the arrays of shortGrams.
func shortGramIndex(g []byte) int {
	if len(g) == 1 {
		return 1<<16 + int(g[0])
	}
	return int(g[0])<<8 | int(g[1])
}

func (s *shortGrams) collect(b *Builder) {
	b.eachText(func(doc uint32, d *pendingDoc, text []byte, inAUR bool) {
		name := text[:d.nameLen]
		provides := text[d.nameLen+1 : d.nameLen+1+d.providesTextLen]
		groups := text[d.nameLen+1+d.providesTextLen:][:d.groupsTextLen]
		desc := text[d.nameLen+1+d.providesTextLen+d.groupsTextLen : d.textLen-1]

		// For each substring of a doc, put uses only the tier of its first call. So the calls are in order of tier, the
		// best tier first.
		if len(name) <= 2 {
			s.addGram(doc, name, TierExact)
		}
		providesOrGroup := TierProvidesOrGroup
		if inAUR {
			providesOrGroup = TierDesc // see matcher.findTerm
		} else {
			eachValue(provides, func(v []byte) {
				if len(v) == 1 || len(v) == 2 {
					s.addGram(doc, v, TierProvides)
				}
			})
		}
		for n := 1; n <= 2 && n <= len(name); n++ {
			s.addGram(doc, name[:n], TierPrefix)
		}
		for i := 1; i < len(name); i++ {
			if !isWordByte(name[i-1]) {
				s.addGramsAt(doc, name, i, TierWordStart)
			}
		}
		s.addAllGrams(doc, name, TierNameContains)
		eachValue(provides, func(v []byte) { s.addAllGrams(doc, v, providesOrGroup) })
		eachValue(groups, func(v []byte) { s.addAllGrams(doc, v, providesOrGroup) })
		s.addAllGrams(doc, desc, TierDesc)
	})
}

// eachValue calls f with each of the NUL-terminated values.
func eachValue(values []byte, f func([]byte)) {
	start := 0
	for i, c := range values {
		if c == 0 {
			f(values[start:i])
			start = i + 1
		}
	}
}

func (s *shortGrams) addAllGrams(doc uint32, field []byte, t Tier) {
	for i := range field {
		s.addGramsAt(doc, field, i, t)
	}
}

func (s *shortGrams) addGramsAt(doc uint32, field []byte, i int, t Tier) {
	s.addGram(doc, field[i:i+1], t)
	if i+2 <= len(field) {
		s.addGram(doc, field[i:i+2], t)
	}
}

func (s *shortGrams) addGram(doc uint32, g []byte, t Tier) {
	if len(g) == 0 {
		return
	}
	p := shortGramIndex(g)
	if s.lastDocs[p] == doc+1 {
		return
	}
	s.lastDocs[p] = doc + 1
	id := &s.listIDs[t][p]
	if *id == 0 {
		s.lists = append(s.lists, gramDocList{key: tierGramKey(string(g), t)})
		*id = uint32(len(s.lists))
	}
	s.lists[*id-1].add(doc)
}

// encodeGrams encodes the GRAM section and the lists that it refers to.
func encodeGrams(lists []gramDocList, docs uint32) (grams, post []byte) {
	slices.SortFunc(lists, func(a, b gramDocList) int { return cmp.Compare(a.key, b.key) })
	for i := range lists {
		l := &lists[i]
		where := uint32(len(post))
		switch {
		case l.count == 1:
			where = l.firstDoc
		case isDense(l.count, docs):
			post = appendAsBitmap(post, l.encoded, docs)
		default:
			post = append(post, l.encoded...)
		}
		grams = binary.LittleEndian.AppendUint32(grams, l.key)
		grams = binary.LittleEndian.AppendUint32(grams, where)
		grams = binary.LittleEndian.AppendUint32(grams, l.count)
	}
	return grams, post
}

// appendAsBitmap decodes the list of docs in enc, which consists of unsigned varints, and appends the list to dst as a
// bitmap.
func appendAsBitmap(dst, enc []byte, docs uint32) []byte {
	start := len(dst)
	dst = append(dst, make([]byte, (docs+7)/8)...)
	doc := uint64(0)
	for len(enc) > 0 {
		delta, n := binary.Uvarint(enc)
		enc = enc[n:]
		doc += delta
		dst[start+int(doc/8)] |= 1 << (doc % 8)
	}
	return dst
}
