package pacmandb

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/cespare/xxhash/v2"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/sourcefile"
)

// LocalDBStamp identifies a state of a local database. It combines the names in local/ and the stamp (sourcefile.Stamp) of
// every desc.
type LocalDBStamp struct {
	EntryCount uint32
	Sum        uint64
	// RecentlyChanged means that a file changed so recently that a further change may not show in the file's times. A fresh stamp
	// proves nothing.
	RecentlyChanged bool
}

// Same returns true only if s and other are certain to identify the same state of the database. In case of doubt it
// returns false.
func (s LocalDBStamp) Same(other LocalDBStamp) bool { return s == other && !s.RecentlyChanged }

// add adds an entry of local/ and the stamp of the entry's desc. The order of calls does not matter.
func (s *LocalDBStamp) add(e localEntry, f sourcefile.Stamp, now time.Time) {
	var h xxhash.Digest
	h.Reset()
	var b [41]byte
	for i, v := range [...]uint64{f.Dev, f.Ino, uint64(f.Size), uint64(f.MtimeNS), uint64(f.CtimeNS)} {
		binary.LittleEndian.PutUint64(b[8*i:], v)
	}
	if e.isDir {
		b[40] = 1
	}
	_, _ = h.Write(b[:])
	_, _ = h.WriteString(e.name)
	s.Sum += h.Sum64()
	s.EntryCount++
	s.RecentlyChanged = s.RecentlyChanged || f.MayStillChange(now)
}

// ReadLocalStamp computes the stamp of the local database in dbpath. It calls stat on every desc, but reads none of them.
// It returns the same errors as ReadLocal.
func ReadLocalStamp(dbpath string) (LocalDBStamp, error) {
	d, err := openLocalDir(dbpath)
	if err != nil {
		return LocalDBStamp{}, err
	}
	defer d.close()
	now := time.Now()
	entries, err := d.list(nil)
	if err != nil {
		return LocalDBStamp{}, err
	}
	var s LocalDBStamp
	for _, e := range entries {
		var f sourcefile.Stamp
		if e.isDir {
			f, err = statAt(d.localFD, e.name+"/desc")
			if err != nil && !isMissing(err) && !errors.Is(err, unix.EACCES) {
				return LocalDBStamp{}, err
			}
		}
		s.add(e, f, now)
	}
	return s, nil
}

// isMissing reports whether an error means that a file does not exist.
func isMissing(err error) bool {
	return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR)
}
