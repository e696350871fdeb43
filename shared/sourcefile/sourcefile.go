// Package sourcefile opens and reads source files of any format. It computes a file's digest and its stamp, which shows
// whether the file has changed, and defines the errors for files that cannot be used.
package sourcefile

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"math"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Errors of a source file as a whole. Read returns an *fs.PathError that wraps one of these errors, an error of the
// parser or an error of the system.
var (
	// ErrNotRegular: the path is a directory, a pipe or a device.
	ErrNotRegular = errors.New("not a regular file")
	// ErrEmpty: the file has no bytes. An archive without packages is not an error.
	ErrEmpty = errors.New("the file is empty")
	// ErrTruncated: the file ends too early.
	ErrTruncated = errors.New("the file is truncated")
	// ErrDamaged: a checksum or the structure is wrong.
	ErrDamaged = errors.New("the file is damaged")
	// ErrOversize: a limit is exceeded, or the decompressor would need too much memory.
	ErrOversize = errors.New("the file is too large")
	// ErrChanged: the file changed while it was read. Reading again may help.
	ErrChanged = errors.New("the file changed while it was read")
)

// Stamp identifies a file's content without reading it: on one machine, equal stamps mean equal content. Times are Unix
// nanoseconds.
type Stamp struct {
	Dev     uint64 `msgpack:"dev"`
	Ino     uint64 `msgpack:"ino"`
	Size    int64  `msgpack:"size"`
	MtimeNS int64  `msgpack:"mtime"`
	CtimeNS int64  `msgpack:"ctime"`
}

// StampOf returns the stamp of a file, given the result of os.Stat for the file.
func StampOf(fi os.FileInfo) Stamp {
	s := Stamp{Size: fi.Size(), MtimeNS: clampedUnixNano(fi.ModTime())}
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		s.Dev, s.Ino, s.CtimeNS = st.Dev, st.Ino, st.Ctim.Nano()
	}
	return s
}

// StampOfStat returns the stamp of a file, given the result of the system call stat for the file.
func StampOfStat(st *unix.Stat_t) Stamp {
	return Stamp{Dev: st.Dev, Ino: st.Ino, Size: st.Size, MtimeNS: st.Mtim.Nano(), CtimeNS: st.Ctim.Nano()}
}

// MtimeSeconds returns the modification time in Unix seconds.
func (s Stamp) MtimeSeconds() int64 { return s.MtimeNS / 1e9 }

// CtimeSeconds returns the status change time (ctime) in Unix seconds. The kernel sets this time from the machine's clock;
// no mirror and no archive can set it.
func (s Stamp) CtimeSeconds() int64 { return s.CtimeNS / 1e9 }

// A file system's clock ticks at least every 10 ms, or every one or two seconds if its times have no fractions. All
// changes of a file within one tick get the same time.
const (
	fineClockTick   = 50 * time.Millisecond
	coarseClockTick = 2500 * time.Millisecond
)

// MayStillChange reports whether the file may still change after now without a change of its stamp.
func (s Stamp) MayStillChange(now time.Time) bool {
	tick := fineClockTick
	if s.CtimeNS%int64(time.Second) == 0 && s.CtimeNS != 0 {
		tick = coarseClockTick
	}
	return s.CtimeNS > now.Add(-tick).UnixNano()
}

// clampedUnixNano converts a time for a Stamp. Times beyond int64 nanoseconds are clamped (to 1677 or 2262).
func clampedUnixNano(t time.Time) int64 {
	const maxSeconds = math.MaxInt64 / int64(time.Second)
	switch s := t.Unix(); {
	case s >= maxSeconds:
		return math.MaxInt64
	case s <= -maxSeconds:
		return math.MinInt64
	}
	return t.UnixNano()
}

// File describes a source file that was read.
type File struct {
	Path  string
	Stamp Stamp
	// SHA256 is the digest of the file as it is on disk.
	SHA256 [sha256.Size]byte
}

// HexDigest returns the SHA-256 in lower-case hexadecimal.
func (f *File) HexDigest() string { return hex.EncodeToString(f.SHA256[:]) }

// Open opens a regular file for reading; any other kind of file is an error. Open follows a link, as pacman does, and
// does not block on a pipe.
func Open(path string) (*os.File, Stamp, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0)
	if err != nil {
		return nil, Stamp{}, err
	}
	fi, err := f.Stat()
	switch {
	case err != nil:
	case fi.IsDir():
		err = &fs.PathError{Op: "read", Path: path, Err: fmt.Errorf("%w: it is a directory", ErrNotRegular)}
	case !fi.Mode().IsRegular():
		err = &fs.PathError{Op: "read", Path: path, Err: ErrNotRegular}
	}
	if err != nil {
		_ = f.Close()
		return nil, Stamp{}, err
	}
	return f, StampOf(fi), nil
}

// Read passes the content of a file to the function parse, which must read all of it. After an error the caller must
// discard what parse produced: the file as a whole is unusable. An error of ctx, and an error that parse marked with
// MarkCallerError, is returned unchanged.
func Read(ctx context.Context, path string, parse func(io.Reader) error) (File, error) {
	return ReadAt(ctx, path, func(in io.Reader, _ io.ReaderAt, _ int64) error { return parse(in) })
}

// ReadAt is like Read, and parse can also read the file, which has the given size, at any position. It must nevertheless read all of the Reader,
// from which the digest is computed.
func ReadAt(ctx context.Context, path string, parse func(in io.Reader, at io.ReaderAt, size int64) error) (File, error) {
	out := File{Path: path}
	f, stamp, err := Open(path)
	if err != nil {
		return out, err
	}
	defer f.Close()
	out.Stamp = stamp
	err = ErrEmpty
	in := &hashReader{ctx: ctx, r: f, sum: sha256.New()}
	if stamp.Size > 0 {
		err = parse(in, f, stamp.Size)
	}
	var caller *callerError
	if errors.As(err, &caller) {
		return out, caller.err
	}
	// If the file has changed, the change explains any other error.
	if fi, again := f.Stat(); again == nil && StampOf(fi) != stamp {
		err = ErrChanged
	}
	var system *fs.PathError
	switch {
	case err == nil:
		in.sum.Sum(out.SHA256[:0])
		return out, nil
	case ctx.Err() != nil:
		return out, ctx.Err()
	case errors.As(err, &system):
		return out, err
	}
	return out, &fs.PathError{Op: "read", Path: path, Err: err}
}

// hashReader computes the digest of what is read, and stops when its context ends.
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

// MarkCallerError marks an error that comes from a parser's callback, so that Read does not treat it as an error in the
// file.
func MarkCallerError(err error) error { return &callerError{err} }

// IsCallerError reports whether MarkCallerError marked an error.
func IsCallerError(err error) bool {
	var caller *callerError
	return errors.As(err, &caller)
}

type callerError struct{ err error }

func (e *callerError) Error() string { return e.err.Error() }

// DigestOfPath returns the SHA-256 of a file in lower-case hexadecimal.
func DigestOfPath(ctx context.Context, path string) (string, error) {
	f, err := Read(ctx, path, func(in io.Reader) error {
		_, err := io.Copy(io.Discard, in)
		return err
	})
	return f.HexDigest(), err
}

// StampOfPath returns the stamp of a file, or of a link's target.
func StampOfPath(path string) (Stamp, error) {
	fi, err := os.Stat(path)
	if err != nil {
		return Stamp{}, err
	}
	return StampOf(fi), nil
}
