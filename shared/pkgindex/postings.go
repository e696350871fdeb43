package pkgindex

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

// isDense reports whether a list of count docs, in an index of n docs, is stored as a bitmap. A list of 1/32 of all docs is
// four times as large as a bitmap, but a bitmap shows in one step whether it contains a doc. With this limit, an index is
// 4 % larger than without bitmaps, and the slowest searches take two thirds of the time.
func isDense(count, n uint32) bool { return count > n/32 }

// postingList is a list of docs in ascending order.
type postingList struct {
	count         uint32
	indexDocCount uint32 // the number of docs in the index, not in the list
	onlyDoc       uint32 // the only doc, if count is 1
	encoded       []byte // the encoded list, if count is more than 1
}

// appendPostingList encodes a list of at least two ascending docs.
func appendPostingList(dst []byte, list []uint32, docs uint32) []byte {
	if isDense(uint32(len(list)), docs) {
		start := len(dst)
		dst = append(dst, make([]byte, (docs+7)/8)...)
		for _, d := range list {
			dst[start+int(d/8)] |= 1 << (d % 8)
		}
		return dst
	}
	last := uint32(0)
	for _, d := range list {
		dst = binary.AppendUvarint(dst, uint64(d-last))
		last = d
	}
	return dst
}

// minEncodedSize returns the minimum size of the encoded list in bytes.
func (p postingList) minEncodedSize() uint64 {
	switch {
	case p.count < 2:
		return 0
	case isDense(p.count, p.indexDocCount):
		return (uint64(p.indexDocCount) + 7) / 8
	default:
		return uint64(p.count)
	}
}

// bitmap returns the bitmap of a list that is stored as a bitmap. The bool is false for any other list, and if the bitmap
// is truncated.
func (p postingList) bitmap() ([]byte, bool) {
	if p.count < 2 || !isDense(p.count, p.indexDocCount) {
		return nil, false
	}
	n := p.minEncodedSize()
	if uint64(len(p.encoded)) < n {
		return nil, false
	}
	return p.encoded[:n], true
}

// appendDocs appends the decoded list to dst.
func (p postingList) appendDocs(dst []uint32) ([]uint32, error) {
	if p.count == 0 {
		return dst, nil
	}
	if p.count == 1 {
		if p.onlyDoc >= p.indexDocCount {
			return dst, fmt.Errorf("%w: a list contains doc %d, but the index has only %d docs", ErrDamaged, p.onlyDoc, p.indexDocCount)
		}
		return append(dst, p.onlyDoc), nil
	}
	if isDense(p.count, p.indexDocCount) {
		return p.appendBitmapDocs(dst)
	}
	d := p.decoder()
	var batch [256]uint32
	for {
		n, err := d.nextBatch(&batch)
		if n == 0 || err != nil {
			return dst, err
		}
		dst = append(dst, batch[:n]...)
	}
}

// postingDecoder decodes a list of varints in batches.
type postingDecoder struct {
	bytes         []byte
	docsLeft      uint32
	indexDocCount uint64
	lastDoc       uint64
}

func (p postingList) decoder() postingDecoder {
	return postingDecoder{bytes: p.encoded, docsLeft: p.count, indexDocCount: uint64(p.indexDocCount)}
}

// nextBatch decodes up to 256 more docs of the list into batch. It returns how many docs it has decoded, or 0 at the end of
// the list. No doc is less than the doc before it, and each is less than the number of docs in the index.
func (d *postingDecoder) nextBatch(batch *[256]uint32) (int, error) {
	n := int(min(d.docsLeft, uint32(len(batch))))
	b, doc := d.bytes, d.lastDoc
	for i := 0; i < n; {
		// This fast loop decodes differences of one byte, because most differences have one byte.
		run := min(n-i, len(b))
		k := 0
		for k < run && b[k] < 0x80 {
			doc += uint64(b[k])
			batch[i+k] = uint32(doc)
			k++
		}
		i, b = i+k, b[k:]
		if i == n {
			break
		}
		delta, k := binary.Uvarint(b)
		if k <= 0 || delta >= d.indexDocCount {
			return 0, fmt.Errorf("%w: a list is truncated or invalid", ErrDamaged)
		}
		doc += delta
		batch[i] = uint32(doc)
		i, b = i+1, b[k:]
		if doc >= d.indexDocCount {
			break
		}
	}
	if doc >= d.indexDocCount {
		return 0, fmt.Errorf("%w: a list contains doc %d, but the index has only %d docs", ErrDamaged, doc, d.indexDocCount)
	}
	d.bytes, d.lastDoc, d.docsLeft = b, doc, d.docsLeft-uint32(n)
	return n, nil
}

func (p postingList) appendBitmapDocs(dst []uint32) ([]uint32, error) {
	bm, ok := p.bitmap()
	if !ok {
		return dst, fmt.Errorf("%w: a bitmap is truncated", ErrDamaged)
	}
	for i := 0; i < len(bm); i += 8 {
		var w uint64
		if i+8 <= len(bm) {
			w = binary.LittleEndian.Uint64(bm[i:])
		} else {
			for j, c := range bm[i:] {
				w |= uint64(c) << (8 * j)
			}
		}
		for ; w != 0; w &= w - 1 {
			doc := uint32(i*8 + bits.TrailingZeros64(w))
			if doc >= p.indexDocCount {
				return dst, fmt.Errorf("%w: a bitmap contains doc %d, but the index has only %d docs", ErrDamaged, doc, p.indexDocCount)
			}
			dst = append(dst, doc)
		}
	}
	return dst, nil
}

// intersect returns those elements of the slice set that are also in the posting p. The slice set must be in ascending
// order; its array is overwritten with the result.
func (p postingList) intersect(set []uint32) ([]uint32, error) {
	if bm, ok := p.bitmap(); ok {
		kept := set[:0]
		for _, d := range set {
			if bm[d/8]&(1<<(d%8)) != 0 {
				kept = append(kept, d)
			}
		}
		return kept, nil
	}
	if p.count < 2 {
		one, err := p.appendDocs(nil)
		return intersectSorted(set, one), err
	}
	d := p.decoder()
	var batch [256]uint32
	kept, rest := set[:0], set
	for len(rest) > 0 {
		n, err := d.nextBatch(&batch)
		if n == 0 || err != nil {
			return kept, err
		}
		for _, doc := range batch[:n] {
			for len(rest) > 0 && rest[0] < doc {
				rest = rest[1:]
			}
			if len(rest) == 0 {
				break
			}
			if rest[0] == doc {
				kept, rest = append(kept, doc), rest[1:]
			}
		}
	}
	return kept, nil
}

// intersectSorted returns the elements of the slice a that are also in the slice b. Both must be in ascending order; the
// array of a is overwritten with the result.
func intersectSorted(a, b []uint32) []uint32 {
	kept, j := a[:0], 0
	for _, d := range a {
		for j < len(b) && b[j] < d {
			j++
		}
		if j == len(b) {
			break
		}
		if b[j] == d {
			kept = append(kept, d)
		}
	}
	return kept
}

// unionSorted merges two ascending lists. A doc that is in both lists is in the result once.
func unionSorted(a, b []uint32) []uint32 {
	out := make([]uint32, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0] < b[0]:
			out, a = append(out, a[0]), a[1:]
		case b[0] < a[0]:
			out, b = append(out, b[0]), b[1:]
		default:
			out, a, b = append(out, a[0]), a[1:], b[1:]
		}
	}
	return append(append(out, a...), b...)
}
