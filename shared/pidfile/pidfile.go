// Package pidfile is the file that says which process the daemon is. It tells a
// reader whom to send a signal to, so that it believes only files that nobody
// else could have put there.
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

	"github.com/omg-arch/omg/shared/paths"
)

// ErrFormat means that the file has no process number.
var ErrFormat = errors.New("no process number")

// Write replaces the file by one with this process' number. Only who holds the
// daemon's lock may call it.
func Write(path string) error {
	return paths.Replace(path, fmt.Appendln(nil, os.Getpid()), 0o644)
}

// Remove removes the file and what was half written of it. It is not an error if
// there is none.
func Remove(path string) error { return paths.Remove(path) }

// Read returns the process number. The error wraps fs.ErrNotExist if there is no
// file, paths.ErrUntrusted if it is a symlink, not this user's, root's or the
// system user's, or lies where others could have put it, and ErrFormat if it has
// no process number.
func Read(path string, env paths.Env) (int, error) {
	if err := env.CheckOrigin(filepath.Dir(path)); err != nil {
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
	switch {
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		return 0, fmt.Errorf("%s: %w: not a regular file", path, ErrFormat)
	case !env.Trusts(st.Uid):
		return 0, fmt.Errorf("%s: %w: it belongs to user %d", path, paths.ErrUntrusted, st.Uid)
	case st.Mode&0o022 != 0:
		return 0, fmt.Errorf("%s: %w: others can write it (mode %04o)", path, paths.ErrUntrusted, st.Mode&0o7777)
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
