package filesindex

import (
	"encoding/binary"
	"fmt"
)

// appendPackageList appends a package's list of paths in the format of section LIST. The list is in the format of
// Builder.addList.
func appendPackageList(dst []byte, list []uint32, pathCount uint32, dirRank, nameRank []uint32) []byte {
	dst = binary.AppendUvarint(dst, uint64(pathCount))
	lastDir := uint32(0)
	for len(list) > 0 {
		dir, names := dirRank[list[0]], list[2:][:list[1]]
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
			rank := nameRank[n-1]
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

// pathReader reads a package's list of paths.
type pathReader struct {
	rest                []byte
	left                uint64 // paths that are left
	inRun               uint64 // names that are left in the run
	self                bool   // the run begins with the directory itself
	dirCount, nameCount uint32
	bad                 bool

	// The path that next has read.
	dir    uint32
	name   uint32
	isSelf bool // the path is the directory itself
}

// uvarint reads a number that must be at most limit.
func (r *pathReader) uvarint(limit uint64) uint64 {
	n, k := binary.Uvarint(r.rest)
	if k <= 0 || n > limit {
		r.bad = true
		return 0
	}
	r.rest = r.rest[k:]
	return n
}

// next reads the next path, and reports whether there is one. After the last path, err tells whether the list is damaged.
func (r *pathReader) next() bool {
	if r.inRun > 0 {
		var n uint64
		if len(r.rest) > 0 && r.rest[0] < 0x80 {
			n, r.rest = uint64(r.rest[0]), r.rest[1:]
		} else {
			n = r.uvarint(1<<32 - 1)
		}
		if n += uint64(r.name); n >= uint64(r.nameCount) || r.bad {
			r.bad = true
			return false
		}
		r.name, r.isSelf = uint32(n), false
		r.inRun--
		r.left--
		return true
	}
	if r.left == 0 {
		return false
	}
	dir := int64(r.dir) + unzigzag(r.uvarint(1<<33))
	run := r.uvarint(1<<33 - 1)
	r.inRun, r.self = run>>1, run&1 != 0
	if r.bad || dir < 0 || dir >= int64(r.dirCount) || run == 0 || r.inRun+run&1 > r.left {
		r.bad = true
		r.inRun = 0
		return false
	}
	r.dir, r.name = uint32(dir), 0
	if r.self {
		r.isSelf = true
		r.left--
		return true
	}
	return r.next()
}

func (r *pathReader) err(pkg uint32) error {
	if r.bad || r.left == 0 && len(r.rest) > 0 {
		return fmt.Errorf("%w: the list of files of package %d", ErrDamaged, pkg)
	}
	return nil
}
