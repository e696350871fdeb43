package pkgindex

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/cespare/xxhash/v2"
)

// termHash returns the hash by which the TERM section is sorted.
func termHash(field byte, value string) uint32 {
	var d xxhash.Digest
	d.Reset()
	_, _ = d.Write([]byte{field})
	_, _ = d.WriteString(value)
	return uint32(d.Sum64())
}

// termTable collects the complete values of all sources, such as provided names and keywords, and the docs that have
// each value.
type termTable struct {
	keys     []termKey
	docLists [][]uint32
}

func (t *termTable) collectTerms(b *Builder, docs uint32) {
	ids := make(map[termKey]uint32)
	first := uint32(0)
	for _, s := range b.sources {
		// In the lists of the source s, a doc's number is its place in the order in which Add was called. Replace it with
		// the doc's number in the file.
		final := make([]uint32, len(s.docs))
		for i, d := range s.docs {
			final[d.addOrder] = first + uint32(i)
		}
		global := make([]uint32, len(s.termKeys))
		for i, k := range s.termKeys {
			id, ok := ids[k]
			if !ok {
				id = uint32(len(t.keys))
				ids[k] = id
				t.keys = append(t.keys, k)
				t.docLists = append(t.docLists, nil)
			}
			global[i] = id
		}
		for _, u := range s.termUses {
			id := global[u.termID]
			t.docLists[id] = append(t.docLists[id], final[u.doc])
		}
		first += uint32(len(s.docs))
	}
	for i, l := range t.docLists {
		slices.Sort(l)
		t.docLists[i] = slices.Compact(l)
	}
}

// encode returns the TERM and VALS sections and appends the lists to post.
func (t *termTable) encode(post []byte, docs uint32) (entries, values, postings []byte) {
	type entry struct{ hash, id uint32 }
	order := make([]entry, len(t.keys))
	for i, k := range t.keys {
		order[i] = entry{termHash(k.field, k.value), uint32(i)}
	}
	slices.SortFunc(order, func(a, b entry) int {
		if a.hash != b.hash {
			return cmp.Compare(a.hash, b.hash)
		}
		x, y := t.keys[a.id], t.keys[b.id]
		return cmp.Or(cmp.Compare(x.field, y.field), cmp.Compare(x.value, y.value))
	})
	for _, e := range order {
		list := t.docLists[e.id]
		where := uint32(len(post))
		if len(list) == 1 {
			where = list[0]
		} else {
			post = appendPostingList(post, list, docs)
		}
		entries = binary.LittleEndian.AppendUint32(entries, e.hash)
		entries = binary.LittleEndian.AppendUint32(entries, uint32(len(values)))
		entries = binary.LittleEndian.AppendUint32(entries, where)
		entries = binary.LittleEndian.AppendUint32(entries, uint32(len(list)))
		k := t.keys[e.id]
		values = binary.AppendUvarint(values, uint64(len(k.value)))
		values = append(values, k.field)
		values = append(values, k.value...)
	}
	return entries, values, post
}
