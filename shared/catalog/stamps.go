package catalog

import (
	"fmt"
	"io"
	"os"

	"github.com/vmihailenco/msgpack/v5"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/wire"
)

// Stamps remember what this machine's databases looked like when their content
// was last read, by path. They are kept apart from the index, which has the
// same bytes wherever it is built.
type Stamps map[string]Stamp

// Stamp is the state of a file that had this content.
type Stamp struct {
	pacmandb.FileStamp
	SHA256 string `msgpack:"sha256"`
}

const (
	stampsSuffix = ".stamps"
	maxStamps    = 1 << 20 // bytes of a stamps file: some hundred a database
)

func newStamps(files []pacmandb.SyncFile) Stamps {
	s := make(Stamps, len(files))
	for _, f := range files {
		s[f.Path] = Stamp{FileStamp: f.Stamp, SHA256: fmt.Sprintf("%x", f.SHA256)}
	}
	return s
}

// Write keeps the stamps beside an index.
func (s Stamps) Write(index string) error {
	b, err := msgpack.Marshal(s)
	if err != nil {
		return err
	}
	return pkgindex.Publish(index+stampsSuffix, func(f *os.File) error {
		_, err := f.Write(b)
		return err
	})
}

// RemoveDead removes what a builder that was ended left half written of an index
// and its stamps.
func RemoveDead(index string) {
	pkgindex.RemoveDead(index)
	pkgindex.RemoveDead(index + stampsSuffix)
}

// ReadStamps reads the stamps beside an index. They only save work: without
// them, or if they are not ours or damaged, the answer is empty. Whoever could
// write them could say that a changed database is unchanged, so the owner rule
// is the index's.
func ReadStamps(index string, trust func(uid uint32) bool) Stamps {
	f, err := os.OpenFile(index+stampsSuffix, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil
	}
	defer f.Close()
	if pkgindex.CheckOwner(f, trust) != nil {
		return nil
	}
	b, err := io.ReadAll(io.LimitReader(f, maxStamps))
	if err != nil || wire.Check(b) != nil {
		return nil
	}
	var s Stamps
	if msgpack.Unmarshal(b, &s) != nil {
		return nil
	}
	return s
}

// same says whether the file at path still has this content: by its stamp, and
// if that is another one, by reading it.
func (s Stamps) same(path, sha256 string, size int64) (bool, error) {
	fi, err := os.Stat(path)
	if err != nil {
		return false, err
	}
	if !fi.Mode().IsRegular() {
		return false, fmt.Errorf("%s: not a regular file", path)
	}
	if fi.Size() != size {
		return false, nil
	}
	if known, ok := s[path]; ok && known.FileStamp == pacmandb.StampOf(fi) {
		return known.SHA256 == sha256, nil
	}
	got, err := digest(path)
	if err != nil {
		return false, err
	}
	if s != nil {
		s[path] = Stamp{FileStamp: pacmandb.StampOf(fi), SHA256: got}
	}
	return got == sha256, nil
}
