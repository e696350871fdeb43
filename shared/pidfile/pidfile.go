// Package pidfile is the file that says which process the daemon is. It tells a
// reader whom to send a signal to, so that it believes only files that nobody
// else could have put there.
package pidfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/paths"
)

// ErrFormat means that the file has no process number.
var ErrFormat = errors.New("no process number")

// tempSuffix is what the file is called until it is whole.
const tempSuffix = ".new"

// Write replaces the file by one with this process' number. Only who holds the
// daemon's lock may call it.
func Write(path string) error {
	temp := path + tempSuffix
	if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	// O_EXCL follows no symlink that someone put there.
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(f, os.Getpid())
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil {
		_ = os.Remove(temp)
	}
	return err
}

// Remove removes the file and what was half written of it. It is not an error if
// there is none.
func Remove(path string) error {
	var all []error
	for _, p := range []string{path, path + tempSuffix} {
		if err := os.Remove(p); err != nil && !errors.Is(err, fs.ErrNotExist) {
			all = append(all, err)
		}
	}
	return errors.Join(all...)
}

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
