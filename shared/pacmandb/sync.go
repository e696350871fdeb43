package pacmandb

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"math"
	"os"
	"syscall"
	"time"

	"github.com/omg-arch/omg/shared/wire"
)

// Bounds of a sync database. The largest real ones hold some 15,000 packages
// in 60 MiB, with desc files of a few KiB.
const (
	// MaxSyncBytes is how much a database may hold when decompressed.
	MaxSyncBytes = 4 << 30
	// MaxSyncDesc is how long one desc may be.
	MaxSyncDesc = 4 << 20
	// MaxSyncPackages is how many packages a database may have.
	MaxSyncPackages = 4_000_000
	// MaxSyncWarnings is how many warnings are kept in words.
	MaxSyncWarnings = 100
)

// What can be wrong with a sync database as a whole. An error of ReadSync is an
// *fs.PathError around one of these or around the system's error.
var (
	// ErrNotRegular: the path is a directory, a pipe or a device.
	ErrNotRegular = errors.New("not a regular file")
	// ErrEmpty: the file has no bytes. An archive without packages is no error.
	ErrEmpty = errors.New("the database is empty")
	// ErrTruncated: the file ends too early.
	ErrTruncated = errors.New("the database is cut off")
	// ErrNotDatabase: the content is no tar archive in a known compression.
	ErrNotDatabase = errors.New("not a package database")
	// ErrDamaged: a checksum or the structure is wrong.
	ErrDamaged = errors.New("the database is damaged")
	// ErrOversize: a bound above is exceeded, or the decompressor would need
	// too much memory.
	ErrOversize = errors.New("the database is too large")
	// ErrChanged: the file changed while it was read; reading again may help.
	ErrChanged = errors.New("the database changed while it was read")
)

// FileStamp is what the system says of a file without reading it: equal stamps
// mean the same content on the same machine. Times are Unix nanoseconds.
type FileStamp struct {
	Dev     uint64 `msgpack:"dev"`
	Ino     uint64 `msgpack:"ino"`
	Size    int64  `msgpack:"size"`
	MtimeNS int64  `msgpack:"mtime"`
	CtimeNS int64  `msgpack:"ctime"`
}

// StampOf takes the stamp from what os.Stat returned.
func StampOf(fi os.FileInfo) FileStamp {
	s := FileStamp{Size: fi.Size(), MtimeNS: nanoseconds(fi.ModTime())}
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		s.Dev, s.Ino, s.CtimeNS = st.Dev, st.Ino, st.Ctim.Nano()
	}
	return s
}

// nanoseconds is a time as a FileStamp has it. Who set a file's time to the year
// 9999 finds it in 2262, the last that fits, and not in the past.
func nanoseconds(t time.Time) int64 {
	const most = math.MaxInt64 / int64(time.Second)
	switch s := t.Unix(); {
	case s >= most:
		return math.MaxInt64
	case s <= -most:
		return math.MinInt64
	}
	return t.UnixNano()
}

// SyncFile says what was read.
type SyncFile struct {
	Path  string
	Stamp FileStamp
	// SHA256 is the digest of the file as it is on disk.
	SHA256 [sha256.Size]byte
	// Packages is how many were handed out.
	Packages int
	// DescBytes is the size of their desc files together.
	DescBytes int64
	// Warnings say what is wrong with single entries, at most
	// MaxSyncWarnings; MoreWarnings counts the rest.
	Warnings     []string
	MoreWarnings int
}

// ReadSync reads the sync database at path and calls each for every package,
// in the order of the archive, with repo as its repository. The package and
// its slices are valid during the call only; its strings may be kept.
//
// Name and version are those of the archive's directory, as for pacman,
// whatever the desc says. What is wrong with a single entry is a warning and
// costs at most that entry. A package that stands twice counts the first time.
//
// An error means that the database as a whole is not to be believed, though
// each may have been called. An error of each or of ctx is returned as it is.
func ReadSync(ctx context.Context, path, repo string, each func(*wire.Package) error) (SyncFile, error) {
	out := SyncFile{Path: path}
	// A link is followed, as pacman does; a pipe must not block.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0)
	if err != nil {
		return out, err
	}
	defer f.Close()
	in := &hashReader{ctx: ctx, r: f, sum: sha256.New()}
	err = readFile(ctx, f, in, &out, syncReader{repo: repo, out: &out, each: each, limits: syncLimits})
	var call *callError
	var system *fs.PathError
	switch {
	case err == nil:
		in.sum.Sum(out.SHA256[:0])
		return out, nil
	case errors.As(err, &call):
		return out, call.err
	case ctx.Err() != nil:
		return out, ctx.Err()
	case errors.As(err, &system):
		return out, err
	}
	return out, &fs.PathError{Op: "read", Path: path, Err: err}
}

// readFile reads f, through in, and checks that it stays as it is.
func readFile(ctx context.Context, f *os.File, in io.Reader, out *SyncFile, r syncReader) error {
	fi, err := f.Stat()
	switch {
	case err != nil:
		return err
	case fi.IsDir():
		return fmt.Errorf("%w but a directory", ErrNotRegular)
	case !fi.Mode().IsRegular():
		return ErrNotRegular
	case fi.Size() == 0:
		return ErrEmpty
	}
	out.Stamp = StampOf(fi)
	err = r.read(ctx, in)
	var call *callError
	if errors.As(err, &call) {
		return err
	}
	// A change explains whatever else went wrong.
	if fi, again := f.Stat(); again == nil && StampOf(fi) != out.Stamp {
		return ErrChanged
	}
	return err
}

// hashReader computes the digest of what is read, and ends with its context.
type hashReader struct {
	ctx context.Context
	r   io.Reader
	sum hash.Hash
}

func (h *hashReader) Read(p []byte) (int, error) {
	if err := h.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := h.r.Read(p)
	h.sum.Write(p[:n])
	return n, err
}

// callError marks an error of the caller's own function.
type callError struct{ err error }

func (e *callError) Error() string { return e.err.Error() }

// limits are the bounds above, smaller in tests.
type limits struct {
	bytes          int64
	desc, packages int
}

var syncLimits = limits{bytes: MaxSyncBytes, desc: MaxSyncDesc, packages: MaxSyncPackages}
