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

// CurrentBoot returns the boot id of the running kernel, or zeros if /proc does not have one. With zeros, the writer and
// the readers of a file still agree, because both run on the same machine.
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

// Write atomically replaces the file at path with a new file that only its owner can read. Only the process that holds the
// daemon's lock may call Write, because Write also removes temporary files, which a process that died may have left. If s
// has no boot id, Write adds the current one.
func Write(path string, s Status) error { return write(path, s, 0o600) }

// WriteWorldReadable is like Write, but all users may read the file.
func WriteWorldReadable(path string, s Status) error { return write(path, s, 0o644) }

func write(path string, s Status, mode fs.FileMode) error {
	if s.Boot == (BootID{}) {
		s.Boot = CurrentBoot()
	}
	b, err := s.encode()
	if err != nil {
		return err
	}
	// Do not sync the file. If the system crashes, the boot id in the file shows that the file is stale, and the size in
	// the file shows whether the file is truncated.
	return atomicfile.Write(path, b, atomicfile.Options{Mode: mode})
}

// Remove removes the file and any temporary file left over from writing it. A missing file is not an error.
func Remove(path string) error { return atomicfile.Remove(path) }

// Read reads the file at path. The caller should then check with CheckFresh whether its numbers may still be shown. The error
// wraps fs.ErrNotExist if the file does not exist, and ErrFormat if it is not a status file. The error wraps
// paths.ErrUntrusted if the file is a symlink, if it belongs to a user other than this user, root and the system user, or
// if other users can write to the file or its directory.
func Read(path string) (Status, error) {
	env := paths.ProcessEnv()
	if err := env.CheckReadDirTrust(filepath.Dir(path)); err != nil {
		return Status{}, err
	}
	b := make([]byte, maxSize+1)
	n, err := readFile(path, b, unix.O_NOFOLLOW, func(st *unix.Stat_t) error {
		if st.Mode&unix.S_IFMT != unix.S_IFREG {
			return fmt.Errorf("%w: not a regular file", ErrFormat)
		}
		return paths.CheckFileTrust(st, env.Trusts)
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

// readFile reads a file into b and returns the number of bytes. First it passes the file's attributes to each of the
// checks; if a check fails, readFile returns the error of the check. It uses system calls and not os.File, which would
// register the file with the runtime's poller: this takes time, and shell prompts wait for readFile. If the file is a
// FIFO, readFile does not wait for a writer.
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

// retryEINTR repeats a system call as long as signals interrupt it.
func retryEINTR(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if err != unix.EINTR {
			return n, err
		}
	}
}
