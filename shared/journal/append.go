package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/atomicfile"
)

// ErrLocked means that another process writes the journal.
var ErrLocked = errors.New("another process writes the journal")

// DamagedSuffix is appended to the name of a journal to get the name for a copy of the damaged file.
const DamagedSuffix = ".damaged"

// atomicFileOptions holds the options with which a journal is created or replaced.
var atomicFileOptions = atomicfile.Options{Mode: 0o644, Sync: true}

// Writer writes a journal. It holds a lock until Close, so that no other process writes the same journal.
type Writer struct {
	path   string
	dir    *atomicfile.Lock
	limits limits
	// InitialState describes the journal before OpenWriter repaired it. OpenWriter cuts off an incomplete last entry. If entries
	// cannot be read, it removes them, and keeps a copy of the damaged file under the same name with DamagedSuffix.
	InitialState State
	// DroppedEntries is the number of entries that were dropped because the journal had become too large: always the oldest ones.
	DroppedEntries int

	size int64 // 0 if the journal does not exist
}

// OpenWriter opens the journal at path, which need not exist. It passes the entries to the function visit like Read, and
// repairs a damaged journal. The caller must call Close.
func OpenWriter(path string, visit func(*Entry) error) (*Writer, error) {
	return openWriter(path, realLimits, visit)
}

func openWriter(path string, l limits, visit func(*Entry) error) (w *Writer, err error) {
	dir, err := atomicfile.LockDir(filepath.Dir(path), path, ErrLocked)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = dir.Close()
		}
	}()
	w = &Writer{path: path, dir: dir, limits: l}
	f, size, err := open(path, unix.O_RDWR|unix.O_NOFOLLOW, nil)
	if errors.Is(err, fs.ErrNotExist) {
		return w, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if w.InitialState, err = read(f, size, l, visit); err != nil {
		return nil, withPath(path, err)
	}
	w.size = w.InitialState.ReadableSize
	switch {
	case w.InitialState.DamagedEntries > 0 || w.InitialState.RestLost:
		err = w.salvage()
	case w.InitialState.TornBytes > 0:
		err = f.Truncate(w.InitialState.ReadableSize)
	}
	return w, err
}

// Close releases the lock.
func (w *Writer) Close() error { return w.dir.Close() }

// salvage replaces a damaged journal by a journal with the entries that can be read, and keeps a copy of the damaged file.
func (w *Writer) salvage() error {
	damaged, err := os.Open(w.path)
	if err != nil {
		return err
	}
	defer damaged.Close()
	err = atomicfile.WriteTo(w.path+DamagedSuffix, atomicFileOptions, func(f *atomicfile.File) error {
		_, err := f.ReadFrom(damaged)
		return err
	})
	if err != nil {
		return err
	}
	return w.rewrite(func(int64) bool { return true }, nil)
}

// Append adds an entry. If it returns an error, the journal still has the same entries as before.
func (w *Writer) Append(e *Entry) error {
	frame, err := e.encodeFrame(w.limits)
	if err != nil {
		return err
	}
	if w.size == 0 {
		return w.create(frame)
	}
	if more := int64(len(frame)); w.size+more > w.limits.fileSize {
		// Entries that end after this position of the file are kept.
		from := w.size + more - w.limits.shrunkFileSize
		return w.rewrite(func(end int64) bool { return end > from }, frame)
	}
	f, _, err := open(w.path, unix.O_WRONLY|unix.O_NOFOLLOW, nil)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err = f.WriteAt(frame, w.size); err == nil {
		err = f.Sync()
	}
	if err != nil {
		return errors.Join(err, f.Truncate(w.size))
	}
	w.size += int64(len(frame))
	return nil
}

// create writes a new journal with one entry.
func (w *Writer) create(frame []byte) error {
	content := append(newHeader(), frame...)
	if err := atomicfile.Write(w.path, content, atomicFileOptions); err != nil {
		return err
	}
	w.size = int64(len(content))
	return nil
}

// rewrite replaces the journal by a new file. The new file has the entries for which the function keep returns true, and
// after them the frame added, which may be nil. The argument of keep is the position at which the entry ends.
func (w *Writer) rewrite(keep func(end int64) bool, added []byte) error {
	f, size, err := open(w.path, unix.O_RDONLY|unix.O_NOFOLLOW, nil)
	if err != nil {
		return err
	}
	defer f.Close()
	written, dropped, at := int64(headerSize), 0, int64(headerSize)
	err = atomicfile.WriteTo(w.path, atomicFileOptions, func(out *atomicfile.File) error {
		if _, err := out.Write(newHeader()); err != nil {
			return err
		}
		_, err := read(f, size, w.limits, func(e *Entry) error {
			frame, err := e.encodeFrame(w.limits)
			if err != nil {
				return err
			}
			if at += int64(len(frame)); !keep(at) {
				dropped++
				return nil
			}
			written += int64(len(frame))
			_, err = out.Write(frame)
			return err
		})
		if err == nil {
			written += int64(len(added))
			_, err = out.Write(added)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("the journal was not shortened: %w", withPath(w.path, err))
	}
	w.size = written
	w.DroppedEntries += dropped
	return nil
}
