// Package pidfile reads and writes the file with the daemon's process ID. Programs that read the file send signals to
// that process, so Read accepts only a file that no other user could have written.
package pidfile

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/atomicfile"
	"github.com/omg-arch/omg/shared/paths"
)

// ErrFormat means that the file does not contain a process ID.
var ErrFormat = errors.New("not a process ID")

// Write writes the ID of this process to the file at path, and replaces an existing file. The caller must hold the
// daemon's lock.
func Write(path string) error {
	return atomicfile.Write(path, fmt.Appendln(nil, os.Getpid()), atomicfile.Options{Mode: 0o644})
}

// Remove removes the file at path and any temporary file left over from writing it. A missing file is not an error.
func Remove(path string) error { return atomicfile.Remove(path) }

// Read returns the process ID. The error wraps fs.ErrNotExist if the file does not exist; paths.ErrUntrusted if the
// file is a symlink, belongs to a user other than this user, root and the system user, or is in a directory that other
// users can write; and ErrFormat if the file does not contain a process ID.
func Read(path string, env paths.Env) (int, error) {
	if err := env.CheckReadDirTrust(filepath.Dir(path)); err != nil {
		return 0, err
	}
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, unix.ELOOP) {
		return 0, fmt.Errorf("%s: %w: a symlink", path, paths.ErrUntrusted)
	}
	if err != nil {
		return 0, err
	}
	defer f.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return 0, os.NewSyscallError("fstat", err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return 0, fmt.Errorf("%s: %w: not a regular file", path, ErrFormat)
	}
	if err := paths.CheckFileTrust(&st, env.Trusts); err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	b, err := io.ReadAll(io.LimitReader(f, 20))
	if err != nil {
		return 0, err
	}
	pid, err := strconv.ParseInt(strings.TrimSuffix(string(b), "\n"), 10, 32)
	if err != nil || pid < 2 {
		return 0, fmt.Errorf("%s: %w", path, ErrFormat)
	}
	return int(pid), nil
}
