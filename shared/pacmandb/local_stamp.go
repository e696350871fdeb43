package pacmandb

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/cespare/xxhash/v2"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/sourcefile"
)

// DirStamp identifies a state of a local database. It combines the names in local/ and the stamp (sourcefile.Stamp) of
// every desc.
type DirStamp struct {
	Entries uint32
	Sum     uint64
	// Fresh means that a file changed so recently that a further change may not show in the file's times. A fresh stamp
	// proves nothing.
	Fresh bool
}

// Same returns true only if s and other are certain to identify the same state of the database. In case of doubt it
// returns false.
func (s DirStamp) Same(other DirStamp) bool { return s == other && !s.Fresh }

// add adds an entry of local/ and the stamp of the entry's desc. The order of calls does not matter.
func (s *DirStamp) add(e entry, f sourcefile.Stamp, now time.Time) {
	var h xxhash.Digest
	h.Reset()
	var b [41]byte
	for i, v := range [...]uint64{f.Dev, f.Ino, uint64(f.Size), uint64(f.MtimeNS), uint64(f.CtimeNS)} {
		binary.LittleEndian.PutUint64(b[8*i:], v)
	}
	if e.dir {
		b[40] = 1
	}
	_, _ = h.Write(b[:])
	_, _ = h.WriteString(e.name)
	s.Sum += h.Sum64()
	s.Entries++
	s.Fresh = s.Fresh || f.Fresh(now)
}

// LocalStamp computes the stamp of the local database in dbpath. It calls stat on every desc, but reads none of them.
// It returns the same errors as ReadLocal.
func LocalStamp(dbpath string) (DirStamp, error) {
	d, err := openLocalDir(dbpath)
	if err != nil {
		return DirStamp{}, err
	}
	defer d.close()
	now := time.Now()
	entries, err := d.list(nil)
	if err != nil {
		return DirStamp{}, err
	}
	var s DirStamp
	for _, e := range entries {
		var f sourcefile.Stamp
		if e.dir {
			f, err = statAt(d.local, e.name+"/desc")
			if err != nil && !missing(err) && !errors.Is(err, unix.EACCES) {
				return DirStamp{}, err
			}
		}
		s.add(e, f, now)
	}
	return s, nil
}

// missing reports whether an error means that a file does not exist.
func missing(err error) bool {
	return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR)
}
