package filesindex

import (
	"encoding/binary"
	"fmt"
)

// appendPackageList appends a package's list of paths in the format of section LIST. The list is in the format of
// Builder.addList.
func appendPackageList(dst []byte, list []uint32, pathCount uint32, dirRank, nameRank ranks) []byte {
	dst = binary.AppendUvarint(dst, uint64(pathCount))
	lastDir := uint32(0)
	for len(list) > 0 {
		dir, names := dirRank.of(list[0]), list[2:][:list[1]]
		list = list[2+list[1]:]
		dst = binary.AppendUvarint(dst, zigzag(int64(dir)-int64(lastDir)))
		lastDir = dir
		selves := 0
		for selves < len(names) && names[selves] == 0 {
			selves++
		}
		// A directory that is in the list several times is written as several runs.
		for ; selves > 1; selves-- {
			dst = append(dst, 1, 0)
			names = names[1:]
		}
		dst = binary.AppendUvarint(dst, uint64(len(names)-selves)<<1|uint64(selves))
		last := uint32(0)
		for _, n := range names[selves:] {
			rank := nameRank.of(n - 1)
			dst = binary.AppendUvarint(dst, uint64(rank-last))
			last = rank
		}
	}
	return dst
}

func zigzag(n int64) uint64 { return uint64(n<<1) ^ uint64(n>>63) }

func unzigzag(u uint64) int64 { return int64(u>>1) ^ -int64(u&1) }

func uvarintLen(u uint64) int {
	n := 1
	for ; u >= 0x80; u >>= 7 {
		n++
	}
	return n
}

// pathReader reads a package's list of paths: runs of paths in the same directory.
type pathReader struct {
	list                []byte
	at                  int    // the offset in list of what is read next
	left                uint64 // paths that are left
	dirCount, nameCount uint32
	bad                 bool

	// The run that nextRun has read.
	dir     uint32
	hasSelf bool   // the run begins with the directory itself
	inRun   uint64 // names that are left in the run

	name uint32 // the name that nextName has read
}

// uvarint reads a number that must be at most limit.
func (r *pathReader) uvarint(limit uint64) uint64 {
	n, k := binary.Uvarint(r.list[r.at:])
	if k <= 0 || n > limit {
		r.bad = true
		return 0
	}
	r.at += k
	return n
}

// nextRun reads the next run, and reports whether there is one. The names of the run before it must have been read or
// skipped. After the last run, err returns an error if the list is damaged.
func (r *pathReader) nextRun() bool {
	if r.left == 0 || r.bad {
		return false
	}
	dir := int64(r.dir) + unzigzag(r.uvarint(1<<33))
	run := r.uvarint(1<<33 - 1)
	if r.bad || dir < 0 || dir >= int64(r.dirCount) || run == 0 || run>>1+run&1 > r.left {
		r.bad = true
		return false
	}
	r.dir, r.name = uint32(dir), 0
	r.inRun, r.hasSelf = run>>1, run&1 != 0
	r.left -= r.inRun + run&1
	return true
}

// nextName reads the next name of the run, and reports whether there is one.
func (r *pathReader) nextName() bool {
	if r.inRun == 0 {
		return false
	}
	n := uint64(r.name)
	// Most numbers have one to three bytes.
	switch l := r.list[r.at:]; {
	case len(l) > 0 && l[0] < 0x80:
		n += uint64(l[0])
		r.at++
	case len(l) > 1 && l[1] < 0x80:
		n += uint64(l[0]&0x7f) | uint64(l[1])<<7
		r.at += 2
	case len(l) > 2 && l[2] < 0x80:
		n += uint64(l[0]&0x7f) | uint64(l[1]&0x7f)<<7 | uint64(l[2])<<14
		r.at += 3
	default:
		n += r.uvarint(1<<32 - 1)
	}
	if n >= uint64(r.nameCount) || r.bad {
		r.bad, r.inRun = true, 0
		return false
	}
	r.name = uint32(n)
	r.inRun--
	return true
}

// nextNameIn reads the next name of the run that is in a set, and reports whether there is one.
func (r *pathReader) nextNameIn(names bitSet) bool {
	// This loop reads most of the bytes of a search.
	list, at, name, left := r.list, r.at, uint64(r.name), r.inRun
	for ; left > 0 && at+3 <= len(list); left-- {
		switch {
		case list[at] < 0x80:
			name += uint64(list[at])
			at++
		case list[at+1] < 0x80:
			name += uint64(list[at]&0x7f) | uint64(list[at+1])<<7
			at += 2
		case list[at+2] < 0x80:
			name += uint64(list[at]&0x7f) | uint64(list[at+1]&0x7f)<<7 | uint64(list[at+2])<<14
			at += 3
		default:
			n, k := binary.Uvarint(list[at:])
			if k <= 0 || n >= uint64(r.nameCount) {
				r.bad, r.inRun = true, 0
				return false
			}
			name += n
			at += k
		}
		if name >= uint64(r.nameCount) {
			r.bad, r.inRun = true, 0
			return false
		}
		if names[name/64]>>(name%64)&1 != 0 {
			r.at, r.name, r.inRun = at, uint32(name), left-1
			return true
		}
	}
	r.at, r.name, r.inRun = at, uint32(name), left
	for r.nextName() { // near the end of the list
		if names.has(r.name) {
			return true
		}
	}
	return false
}

// nextNameEqual reads the next name of the run that is the given one, and reports whether there is one.
func (r *pathReader) nextNameEqual(name uint32) bool {
	for r.nextName() {
		if r.name == name {
			return true
		}
	}
	return false
}

// skipNames skips the other names of the run.
func (r *pathReader) skipNames() {
	at, n := r.at, r.inRun
	for ; n > 0 && at < len(r.list); at++ {
		if r.list[at] < 0x80 {
			n--
		}
	}
	r.at, r.inRun = at, 0
	r.bad = r.bad || n > 0
}

func (r *pathReader) err(pkg uint32) error {
	if r.bad || r.left == 0 && r.inRun == 0 && r.at < len(r.list) {
		return fmt.Errorf("%w: the list of files of package %d", ErrDamaged, pkg)
	}
	return nil
}
