package filesindex

// wordArena stores slices of numbers in blocks that never move.
type wordArena struct{ blocks [][]uint32 }

const wordBlockSize = 1 << 18 // in numbers

// wordRef is the place of a slice in a wordArena.
type wordRef struct{ block, offset, size uint32 }

func (a *wordArena) add(w []uint32) wordRef {
	last := len(a.blocks) - 1
	if last < 0 || len(a.blocks[last])+len(w) > cap(a.blocks[last]) {
		a.blocks = append(a.blocks, make([]uint32, 0, max(wordBlockSize, len(w))))
		last++
	}
	p := wordRef{uint32(last), uint32(len(a.blocks[last])), uint32(len(w))}
	a.blocks[last] = append(a.blocks[last], w...)
	return p
}

func (a *wordArena) get(p wordRef) []uint32 { return a.blocks[p.block][p.offset:][:p.size] }
