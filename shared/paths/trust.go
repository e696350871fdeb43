package paths

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrUntrusted means that someone else could put or replace a file.
var ErrUntrusted = errors.New("not to be trusted")

// maxLinks is how many symbolic links the kernel follows in a path.
const maxLinks = 40

// CheckParent refuses a directory in which others can replace files, or which
// they can replace: on the way from the root to it, links included, everything
// must belong to this user or root, and no directory may be writable by others
// unless it is sticky.
func (e Env) CheckParent(dir string) error {
	return checkWay(dir, func(uid uint32) bool { return uid == 0 || int(uid) == e.UID })
}

// CheckOrigin is CheckParent for a file that is only read: it may come from the
// system user as well.
func (e Env) CheckOrigin(dir string) error { return checkWay(dir, e.Trusts) }

func checkWay(dir string, trust func(uid uint32) bool) error {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	at, links := "/", 0 // at has no link in it
	if _, err := checkStep(at, trust); err != nil {
		return err
	}
	for rest := parts(abs); len(rest) > 0; {
		next := filepath.Join(at, rest[0]) // of .., too: at is what it seems to be
		rest = rest[1:]
		target, err := checkStep(next, trust)
		if err != nil {
			return err
		}
		if target == "" {
			at = next
			continue
		}
		if links++; links > maxLinks {
			return &os.PathError{Op: "open", Path: dir, Err: unix.ELOOP}
		}
		if filepath.IsAbs(target) {
			at = "/"
		}
		rest = slices.Concat(parts(target), rest)
	}
	return nil
}

func parts(path string) []string {
	return slices.DeleteFunc(strings.Split(path, "/"), func(p string) bool { return p == "" || p == "." })
}

// checkStep checks a directory, or a link to one, whose target it returns.
func checkStep(path string, trust func(uid uint32) bool) (target string, err error) {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return "", &os.PathError{Op: "stat", Path: path, Err: err}
	}
	kind := st.Mode & unix.S_IFMT
	switch {
	case kind != unix.S_IFDIR && kind != unix.S_IFLNK:
		return "", &os.PathError{Op: "open", Path: path, Err: unix.ENOTDIR}
	case !trust(st.Uid):
		return "", fmt.Errorf("%s: %w: it belongs to user %d", path, ErrUntrusted, st.Uid)
	case kind == unix.S_IFLNK:
		return os.Readlink(path)
	case st.Mode&0o022 != 0 && st.Mode&unix.S_ISVTX == 0:
		return "", fmt.Errorf("%s: %w: others can replace files in it (mode %04o)", path, ErrUntrusted, st.Mode&0o7777)
	}
	return "", nil
}
