package atomicfile

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// Lock is a lock that this process has.
type Lock struct{ f *os.File }

// LockDir locks a directory against other writers until the lock is closed. It does not wait: if another process has the lock, the error
// wraps held. The error names the file or directory that the caller writes.
func LockDir(dir, name string, held error) (*Lock, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	return LockFile(f, name, held)
}

// LockFile is like LockDir, for an open file, which it closes if it fails.
func LockFile(f *os.File, name string, held error) (*Lock, error) {
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			err = held
		}
		return nil, &fs.PathError{Op: "lock", Path: name, Err: err}
	}
	return &Lock{f}, nil
}

// Close releases the lock, also if a child process that has not begun its program yet still has a copy of the file: that one would keep the
// lock if the file were only closed.
func (l *Lock) Close() error {
	return errors.Join(unix.Flock(int(l.f.Fd()), unix.LOCK_UN), l.f.Close())
}
