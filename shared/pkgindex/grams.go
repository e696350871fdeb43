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

func tierKey(g string, t Tier) uint32 { return gramKey(g) | uint32(t)<<29 }

// gramList is a growing list of docs in encoded form: unsigned varints, the first doc and then the differences.
type gramList struct {
	key   uint32
	count uint32
	next  uint32 // the last doc plus 1, or 0 if the list is empty
	first uint32
	enc   []byte
}

// add appends a doc, which must not be smaller than the last doc of the list. If it equals the last doc, the list stays
// as it is.
func (l *gramList) add(doc uint32) {
	if l.next == doc+1 {
		return
	}
	delta := doc
	if l.count > 0 {
		delta = doc + 1 - l.next
	} else {
		l.first = doc
	}
	l.enc = binary.AppendUvarint(l.enc, uint64(delta))
	l.next = doc + 1
	l.count++
}

// eachText calls the function f for every doc in ascending order, with the doc's folded text.
func (b *Builder) eachText(f func(doc uint32, d *buildDoc, text []byte)) {
	doc := uint32(0)
	for _, s := range b.sources {
		for i := range s.docs {
			d := &s.docs[i]
			f(doc, d, s.text[d.text:d.text+d.textLen])
			doc++
		}
	}
}

// trigrams collects the three-byte substrings. The first two bytes of a substring select a page, and the third byte
// selects a place in the page. A page is allocated when its two bytes first occur in a text, so most pages are never
// allocated.
type trigrams struct {
	// pages holds, for each substring, the position of its list in the field all, counted from 1; 0 means no list.
	pages [1 << 16]*[1 << 8]uint32
	all   []gramList
}

func (t *trigrams) add(b *Builder) {
	b.eachText(func(doc uint32, _ *buildDoc, text []byte) {
		for i := 0; i+3 <= len(text); i++ {
			x, y, z := text[i], text[i+1], text[i+2]
			if z == 0 {
				i += 2
				continue
			}
			if x == 0 || y == 0 {
				continue
			}
			page := t.pages[uint16(x)<<8|uint16(y)]
			if page == nil {
				page = new([1 << 8]uint32)
				t.pages[uint16(x)<<8|uint16(y)] = page
			}
			if page[z] == 0 {
				t.all = append(t.all, gramList{key: 3<<24 | uint32(x)<<16 | uint32(y)<<8 | uint32(z)})
				page[z] = uint32(len(t.all))
			}
			t.all[page[z]-1].add(doc)
		}
	})
}

// shortGrams collects the one- and two-byte substrings by tier.
type shortGrams struct {
	seen [shortPlaces]uint32 // for each substring, the last doc that contained it, plus 1; 0 for no doc
	// ids holds, for each tier and substring, the position of the list in the field all, counted from 1; 0 means no
	// list.
	ids [numTiers][shortPlaces]uint32
	all []gramList
}

const shortPlaces = 1<<16 + 1<<8

// gramIndex returns the position of a one- or two-byte substring in the arrays of shortGrams.
func gramIndex(g []byte) int {
	if len(g) == 1 {
		return 1<<16 + int(g[0])
	}
	return int(g[0])<<8 | int(g[1])
}

func (s *shortGrams) add(b *Builder) {
	b.eachText(func(doc uint32, d *buildDoc, text []byte) {
		name := text[:d.name]
		provides := text[d.name+1 : d.name+1+d.provides]
		groups := text[d.name+1+d.provides:][:d.group]
		desc := text[d.name+1+d.provides+d.group : d.textLen-1]

		// For each substring of a doc, put uses only the tier of its first call. So the calls are in order of tier, the
		// best tier first.
		if len(name) <= 2 {
			s.put(doc, name, TierExact)
		}
		eachValue(provides, func(v []byte) {
			if len(v) == 1 || len(v) == 2 {
				s.put(doc, v, TierProvides)
			}
		})
		for n := 1; n <= 2 && n <= len(name); n++ {
			s.put(doc, name[:n], TierPrefix)
		}
		for i := 1; i < len(name); i++ {
			if !wordByte(name[i-1]) {
				s.putAt(doc, name, i, TierWord)
			}
		}
		s.putAll(doc, name, TierName)
		eachValue(provides, func(v []byte) { s.putAll(doc, v, TierOther) })
		eachValue(groups, func(v []byte) { s.putAll(doc, v, TierOther) })
		s.putAll(doc, desc, TierDesc)
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

func (s *shortGrams) putAll(doc uint32, field []byte, t Tier) {
	for i := range field {
		s.putAt(doc, field, i, t)
	}
}

func (s *shortGrams) putAt(doc uint32, field []byte, i int, t Tier) {
	s.put(doc, field[i:i+1], t)
	if i+2 <= len(field) {
		s.put(doc, field[i:i+2], t)
	}
}

func (s *shortGrams) put(doc uint32, g []byte, t Tier) {
	if len(g) == 0 {
		return
	}
	p := gramIndex(g)
	if s.seen[p] == doc+1 {
		return
	}
	s.seen[p] = doc + 1
	id := &s.ids[t][p]
	if *id == 0 {
		s.all = append(s.all, gramList{key: tierKey(string(g), t)})
		*id = uint32(len(s.all))
	}
	s.all[*id-1].add(doc)
}

// encodeGrams encodes the GRAM section and the lists that it refers to.
func encodeGrams(lists []gramList, docs uint32) (grams, post []byte) {
	slices.SortFunc(lists, func(a, b gramList) int { return cmp.Compare(a.key, b.key) })
	for i := range lists {
		l := &lists[i]
		where := uint32(len(post))
		switch {
		case l.count == 1:
			where = l.first
		case dense(l.count, docs):
			post = appendBitmap(post, l.enc, docs)
		default:
			post = append(post, l.enc...)
		}
		grams = binary.LittleEndian.AppendUint32(grams, l.key)
		grams = binary.LittleEndian.AppendUint32(grams, where)
		grams = binary.LittleEndian.AppendUint32(grams, l.count)
	}
	return grams, post
}

// appendBitmap decodes the list of docs in enc, which consists of unsigned varints, and appends the list to dst as a
// bitmap.
func appendBitmap(dst, enc []byte, docs uint32) []byte {
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
