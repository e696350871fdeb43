package statusfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/paths"
)

const bootIDFile = "/proc/sys/kernel/random/boot_id"

// CurrentBoot is the boot id of the running kernel; zeros where /proc does not
// tell, on which the writer and the readers of one machine agree.
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

// Write replaces the file at a path by a new one, readable by its owner only.
// Readers see the old one or the new one. Only one process may write at a time,
// the one that holds the daemon's lock; what a dead one left half written is
// replaced. A Status without a boot id gets the current one.
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
	// Not synced: after a crash the boot id makes it stale, and its size tells if it was cut.
	return paths.Replace(path, b, mode)
}

// Remove removes the file and what was half written of it. It is not an error
// if there is none.
func Remove(path string) error { return paths.Remove(path) }

// Read reads the file at a path. It wraps fs.ErrNotExist if there is none,
// ErrUntrusted if it is a symlink, not this user's, root's or the system user's,
// or lies where others could have put it, and ErrFormat if it is no status file. Whether the numbers are
// still to be shown is what Fresh says.
func Read(path string) (Status, error) {
	env := paths.Process()
	if err := env.CheckOrigin(filepath.Dir(path)); err != nil {
		if errors.Is(err, paths.ErrUntrusted) {
			err = fmt.Errorf("%w: %w", ErrUntrusted, err)
		}
		return Status{}, err
	}
	b := make([]byte, maxSize+1)
	n, err := readFile(path, b, unix.O_NOFOLLOW, func(st *unix.Stat_t) error {
		switch {
		case st.Mode&unix.S_IFMT != unix.S_IFREG:
			return fmt.Errorf("%w: not a regular file", ErrFormat)
		case !env.Trusts(st.Uid):
			return fmt.Errorf("%w: it belongs to user %d", ErrUntrusted, st.Uid)
		case st.Mode&0o022 != 0:
			return fmt.Errorf("%w: others can write it (mode %04o)", ErrUntrusted, st.Mode&0o7777)
		}
		return nil
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

// readFile fills b from a file that passes the checks. It uses system calls
// rather than os.File, which makes every file known to the poller: prompts wait
// for this. It never waits for a writer of a FIFO.
func readFile(path string, b []byte, flags int, checks ...func(*unix.Stat_t) error) (int, error) {
	fail := func(op string, err error) (int, error) {
		return 0, &os.PathError{Op: op, Path: path, Err: err}
	}
	fd, err := again(func() (int, error) {
		return unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK|unix.O_NOCTTY|flags, 0)
	})
	switch {
	case err == unix.ELOOP && flags&unix.O_NOFOLLOW != 0:
		return 0, fmt.Errorf("%s: %w: a symlink", path, ErrUntrusted)
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
		m, err := again(func() (int, error) { return unix.Read(fd, b[n:]) })
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

// again repeats a call that a signal interrupted.
func again(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if err != unix.EINTR {
			return n, err
		}
	}
}
