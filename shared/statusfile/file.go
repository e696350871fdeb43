package statusfile

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/atomicfile"
	"github.com/omg-arch/omg/shared/paths"
)

const bootIDFile = "/proc/sys/kernel/random/boot_id"

// CurrentBoot returns the boot id of the running kernel, or zeros if /proc does not have it: the writer and the readers
// on one machine still agree.
func CurrentBoot() BootID {
	b := make([]byte, 64)
	n, err := readFile(bootIDFile, b, 0)
	if err != nil {
		return BootID{}
	}
	id, err := parseBootID(b[:n])
	if err != nil {
		return BootID{}
	}
	return id
}

// Write replaces the file by a new one that only its owner can read. Readers see the old content or the new content.
// Only the process that holds the daemon's lock may write; it also removes what a dead process left half written. A
// Status without a boot id gets the current one.
func Write(path string, s Status) error { return write(path, s, 0o600) }

// WriteShared is Write for a file that all users may read.
func WriteShared(path string, s Status) error { return write(path, s, 0o644) }

func write(path string, s Status, mode fs.FileMode) error {
	if s.Boot == (BootID{}) {
		s.Boot = CurrentBoot()
	}
	b, err := s.encode()
	if err != nil {
		return err
	}
	// Not synced: after a crash the boot id marks the file as stale, and its size shows whether it is truncated.
	return atomicfile.Write(path, b, atomicfile.Options{Mode: mode})
}

// Remove removes the file and any temporary file left of it. A missing file is not an error.
func Remove(path string) error { return atomicfile.Remove(path) }

// Read reads the file at a path. The error wraps fs.ErrNotExist if it does not exist; paths.ErrUntrusted if it is a
// symlink, belongs to someone other than this user, root or the system user, or lies in a directory that others can
// write; and ErrFormat if it is not a status file. Fresh reports whether its numbers may still be shown.
func Read(path string) (Status, error) {
	env := paths.Process()
	if err := env.CheckReadDir(filepath.Dir(path)); err != nil {
		return Status{}, err
	}
	b := make([]byte, maxSize+1)
	n, err := readFile(path, b, unix.O_NOFOLLOW, func(st *unix.Stat_t) error {
		if st.Mode&unix.S_IFMT != unix.S_IFREG {
			return fmt.Errorf("%w: not a regular file", ErrFormat)
		}
		return paths.CheckFile(st, env.Trusts)
	})
	if err != nil {
		return Status{}, err
	}
	s, err := decode(b[:n])
	if err != nil {
		return Status{}, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

// readFile reads a file that passes the checks into b. It uses system calls rather than os.File, which registers each
// file with the poller: prompts wait for this. It does not wait for a writer of a FIFO.
func readFile(path string, b []byte, flags int, checks ...func(*unix.Stat_t) error) (int, error) {
	fail := func(op string, err error) (int, error) {
		return 0, &os.PathError{Op: op, Path: path, Err: err}
	}
	fd, err := retryEINTR(func() (int, error) {
		return unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK|unix.O_NOCTTY|flags, 0)
	})
	switch {
	case err == unix.ELOOP && flags&unix.O_NOFOLLOW != 0:
		return 0, fmt.Errorf("%s: %w: a symlink", path, paths.ErrUntrusted)
	case err != nil:
		return fail("open", err)
	}
	defer unix.Close(fd)
	for _, check := range checks {
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil {
			return fail("stat", err)
		}
		if err := check(&st); err != nil {
			return 0, fmt.Errorf("%s: %w", path, err)
		}
	}
	n := 0
	for n < len(b) {
		m, err := retryEINTR(func() (int, error) { return unix.Read(fd, b[n:]) })
		if err != nil {
			return fail("read", err)
		}
		if m == 0 {
			break
		}
		n += m
	}
	return n, nil
}

// retryEINTR repeats a call while a signal interrupts it.
func retryEINTR(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if err != unix.EINTR {
			return n, err
		}
	}
}
