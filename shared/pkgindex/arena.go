package pkgindex

// arena stores byte slices in blocks that never move. A single growing slice would need up to twice the memory each
// time it grows.
type arena struct {
	blocks [][]byte
	size   uint64 // total size of the stored slices in bytes
}

const arenaBlockSize = 1 << 20 // size of a block in bytes; larger than the largest slice

// arenaRef is the place of a slice in an arena: the number of the block, and the offset and size in bytes.
type arenaRef struct {
	block, offset, size uint32
}

// add stores a copy of b, and returns the place of this copy.
func (a *arena) add(b []byte) arenaRef {
	last := len(a.blocks) - 1
	if last < 0 || len(a.blocks[last])+len(b) > cap(a.blocks[last]) {
		a.blocks = append(a.blocks, make([]byte, 0, max(arenaBlockSize, len(b))))
		last++
	}
	p := arenaRef{uint32(last), uint32(len(a.blocks[last])), uint32(len(b))}
	a.blocks[last] = append(a.blocks[last], b...)
	a.size += uint64(len(b))
	return p
}

func (a *arena) get(p arenaRef) []byte { return a.blocks[p.block][p.offset:][:p.size] }
