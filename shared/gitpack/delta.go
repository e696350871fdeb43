package gitpack

// applyDelta returns the object that a delta describes: instructions to copy parts of the object base, and to insert bytes of the delta.
func applyDelta(base, delta []byte) ([]byte, error) {
	d := deltaReader{rest: delta}
	baseSize, size := d.size(), d.size()
	switch {
	case d.malformed || baseSize != uint64(len(base)):
		return nil, errDelta()
	case size > maxInMemoryBytes:
		return nil, tooLargeForMemory()
	}
	out := make([]byte, 0, size)
	for len(d.rest) > 0 && !d.malformed {
		part := d.nextPart(base)
		if uint64(len(out)+len(part)) > size {
			return nil, errDelta()
		}
		out = append(out, part...)
	}
	if d.malformed || uint64(len(out)) != size {
		return nil, errDelta()
	}
	return out, nil
}

func errDelta() error { return damaged("the difference between two objects cannot be read") }

// deltaReader reads a delta. After an error, it returns zero values.
type deltaReader struct {
	rest      []byte
	malformed bool
}

func (d *deltaReader) byte() byte {
	if len(d.rest) == 0 {
		d.malformed = true
		return 0
	}
	b := d.rest[0]
	d.rest = d.rest[1:]
	return b
}

// size reads a number with 7 bits in each byte, the lowest first.
func (d *deltaReader) size() (n uint64) {
	for shift := 0; shift < 64; shift += 7 {
		b := d.byte()
		n |= uint64(b&0x7f) << shift
		if b&0x80 == 0 {
			return n
		}
	}
	d.malformed = true
	return 0
}

// number reads the bytes of a little-endian number that a mask selects; the others are zero.
func (d *deltaReader) number(mask byte, bytes int) (n uint64) {
	for i := range bytes {
		if mask&(1<<i) != 0 {
			n |= uint64(d.byte()) << (8 * i)
		}
	}
	return n
}

// nextPart returns the bytes of the next instruction.
func (d *deltaReader) nextPart(base []byte) []byte {
	instruction := d.byte()
	if instruction&0x80 != 0 { // copy a part of the base
		offset, size := d.number(instruction&0x0f, 4), d.number(instruction>>4&0x07, 3)
		if size == 0 {
			size = 0x10000
		}
		if offset+size > uint64(len(base)) {
			d.malformed = true
			return nil
		}
		return base[offset : offset+size]
	}
	size := int(instruction)
	if size == 0 || size > len(d.rest) { // 0 is reserved
		d.malformed = true
		return nil
	}
	part := d.rest[:size]
	d.rest = d.rest[size:]
	return part
}
