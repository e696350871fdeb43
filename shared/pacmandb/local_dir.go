package pacmandb

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/sourcefile"
)

const localVersionFile = "ALPM_DB_VERSION"

// retryEINTR repeats a system call that a signal interrupts.
func retryEINTR(call func() error) error {
	for {
		if err := call(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// localDir holds the open database directory and its open subdirectory local/.
type localDir struct {
	dbFD, localFD int
	path          string // the path of local/, for errors
}

// openLocalDir opens the directory local/ in dbpath and checks the version of the database.
func openLocalDir(dbpath string) (*localDir, error) {
	const flags = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_CLOEXEC
	d := &localDir{dbFD: -1, localFD: -1, path: filepath.Join(dbpath, "local")}
	err := retryEINTR(func() (err error) { d.dbFD, err = unix.Open(dbpath, flags, 0); return err })
	if err == nil {
		err = retryEINTR(func() (err error) { d.localFD, err = unix.Openat(d.dbFD, "local", flags, 0); return err })
	}
	if err != nil {
		d.close()
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
			return nil, fmt.Errorf("%w at %s", ErrNoLocal, d.path)
		}
		return nil, &fs.PathError{Op: "open", Path: d.path, Err: err}
	}
	if err := d.checkVersion(); err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

func (d *localDir) close() {
	for _, fd := range []int{d.localFD, d.dbFD} {
		if fd >= 0 {
			_ = unix.Close(fd) // an error does not matter, because fd was open only for reading
		}
	}
}

// checkVersion checks the database's version as libalpm does, which ignores any text after the number.
func (d *localDir) checkVersion() error {
	data, _, err := readRegular(d.localFD, localVersionFile, make([]byte, 64), 4096)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %s has no %s", ErrLocalVersion, d.path, localVersionFile)
	}
	if err != nil {
		return fmt.Errorf("%w: %s/%s: %w", ErrLocalVersion, d.path, localVersionFile, err)
	}
	text := strings.TrimLeft(string(data), " \t\n\v\f\r")
	digits := strings.TrimLeft(strings.TrimPrefix(text, "+"), "0")
	if n := len(digits) - len(strings.TrimLeft(digits, "0123456789")); digits[:n] != "9" {
		word, _, _ := strings.Cut(text, "\n")
		return fmt.Errorf("%w: %s/%s contains %.20q, not 9", ErrLocalVersion, d.path, localVersionFile, word)
	}
	return nil
}

// localEntry is a name in local/, except ".", ".." and the version file.
type localEntry struct {
	name  string
	isDir bool
}

// list reads the names in local/, in the order of the directory, which is also the order in which pacman finds them.
func (d *localDir) list(into []localEntry) ([]localEntry, error) {
	if _, err := unix.Seek(d.localFD, 0, unix.SEEK_SET); err != nil {
		return nil, &fs.PathError{Op: "read", Path: d.path, Err: err}
	}
	into = into[:0]
	buf := make([]byte, 32<<10)
	for {
		var n int
		err := retryEINTR(func() (err error) { n, err = unix.Getdents(d.localFD, buf); return err })
		if err != nil {
			return nil, &fs.PathError{Op: "read", Path: d.path, Err: err}
		}
		if n == 0 {
			return into, nil
		}
		into = appendEntries(into, buf[:n], d.isDir)
		if len(into) > maxLocalEntries {
			return nil, fmt.Errorf("%w: more than %d entries in %s", sourcefile.ErrOversize, maxLocalEntries, d.path)
		}
	}
}

// isDir reports whether name is a directory or a link to a directory, because pacman follows links. It calls stat,
// because some file systems leave the type out of their listings.
func (d *localDir) isDir(name string) bool {
	var st unix.Stat_t
	err := retryEINTR(func() error { return unix.Fstatat(d.localFD, name, &st, 0) })
	return err == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR
}

// appendEntries decodes the result of getdents64. Each record has an inode and an offset (8 bytes each), the length of
// the record (2 bytes), the type (1 byte) and the name, which a zero byte ends.
func appendEntries(into []localEntry, records []byte, isDir func(name string) bool) []localEntry {
	names := string(records) // one copy of all records; the names are substrings of this copy
	for at := 0; at+19 < len(records); {
		size := int(binary.NativeEndian.Uint16(records[at+16:]))
		if size < 20 || at+size > len(records) {
			break
		}
		name, _, _ := strings.Cut(names[at+19:at+size], "\x00")
		if name != "." && name != ".." && name != localVersionFile {
			kind := records[at+18]
			into = append(into, localEntry{name, kind == unix.DT_DIR || (kind == unix.DT_UNKNOWN || kind == unix.DT_LNK) && isDir(name)})
		}
		at += size
	}
	return into
}

// statAt returns the stamp of a file. It does not follow a link, but returns the stamp of the link itself.
func statAt(dir int, name string) (sourcefile.Stamp, error) {
	var st unix.Stat_t
	if err := retryEINTR(func() error { return unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW) }); err != nil {
		return sourcefile.Stamp{}, err
	}
	return sourcefile.StampOfStat(&st), nil
}

var (
	errLarge = errors.New("too large")
	errTorn  = errors.New("changed while it was read")
)

// readRegular reads the regular file with the given name in the directory dir into buf, or into a new buffer if buf is
// too small. It never follows a link in the last element of the name, and never blocks on a pipe. It returns errLarge
// if the file has more bytes than the limit, and errTorn if the number of bytes read differs from the size that the
// file had when it was opened. (A read from a regular file is short only after a signal or at the end of the file.)
func readRegular(dir int, name string, buf []byte, limit int64) ([]byte, sourcefile.Stamp, error) {
	fd := -1
	err := retryEINTR(func() (err error) {
		fd, err = unix.Openat(dir, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
		return err
	})
	if errors.Is(err, unix.ELOOP) || errors.Is(err, unix.ENXIO) {
		return buf[:0], sourcefile.Stamp{}, sourcefile.ErrNotRegular
	}
	if err != nil {
		return buf[:0], sourcefile.Stamp{}, err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := retryEINTR(func() error { return unix.Fstat(fd, &st) }); err != nil {
		return buf[:0], sourcefile.Stamp{}, err
	}
	stamp := sourcefile.StampOfStat(&st)
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return buf[:0], stamp, sourcefile.ErrNotRegular
	}
	if st.Size > limit {
		return buf[:0], stamp, errLarge
	}
	if int64(cap(buf)) <= st.Size { // one byte more than the size, to notice that the file has grown
		buf = make([]byte, st.Size+st.Size/2+1)
	}
	buf = buf[:st.Size+1]
	var n int
	if err := retryEINTR(func() (err error) { n, err = unix.Read(fd, buf); return err }); err != nil {
		return buf[:0], stamp, err
	}
	if int64(n) != st.Size {
		return buf[:0], stamp, errTorn
	}
	return buf[:n], stamp, nil
}
