package setup

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/omg-arch/omg/shared/atomicfile"
	"github.com/omg-arch/omg/shared/paths"
)

// maxFileSize is the size of the largest file that is changed, in bytes.
const maxFileSize = 1 << 20

var (
	// ErrSudo means that omg runs as root for another user, whose files root must not change.
	ErrSudo = errors.New("omg setup does not run under sudo or doas: run it as the user whose files it should change")
	// errNotOwn means that a file is not the user's own regular file in the home directory.
	errNotOwn = errors.New("it is not your own file in your home directory")
)

// Change is a change of the block in a file. The zero value changes nothing.
type Change struct {
	// Path is the path of the file, as the user knows it. If it is a link, the file that the link leads to is changed.
	Path string
	// Diff has the lines to show to the user; it is empty if nothing changes.
	Diff []string

	target  string // the file itself
	old     string
	content string
	mode    fs.FileMode
}

// newChange returns the change that sets the lines of the block of a file, or removes the block if lines is empty.
func newChange(env paths.Env, path string, lines []string, atStart bool) (c Change, err error) {
	defer func() {
		if err != nil && !errors.Is(err, ErrSudo) {
			err = fmt.Errorf("%s is not changed: %w", path, err)
		}
	}()
	c = Change{Path: path, mode: 0o644}
	if c.target, err = resolve(env, path); err != nil {
		return Change{}, err
	}
	if c.old, c.mode, err = readOwn(env, c.target); err != nil {
		return Change{}, err
	}
	t, err := parse(c.old)
	if err != nil {
		return Change{}, err
	}
	if c.content = t.withBlock(lines, atStart); c.content != c.old {
		c.Diff = t.diff(lines)
	}
	return c, nil
}

// IsEmpty reports whether the change changes nothing.
func (c *Change) IsEmpty() bool { return len(c.Diff) == 0 }

// Apply writes the file. It returns an error if the file was changed after newChange has read it.
func (c *Change) Apply(env paths.Env) error {
	if c.IsEmpty() {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(c.target), 0o755); err != nil {
		return err
	}
	if err := env.CheckDirTrust(filepath.Dir(c.target)); err != nil {
		return err
	}
	now, _, err := readOwn(env, c.target)
	if err == nil && now != c.old {
		err = errors.New("it was changed by another program: run omg setup again")
	}
	if err == nil {
		err = atomicfile.Write(c.target, []byte(c.content), atomicfile.Options{Mode: c.mode, Sync: true})
	}
	if err != nil {
		return fmt.Errorf("%s is not changed: %w", c.Path, err)
	}
	return nil
}

// resolve follows the links in a path, and returns an error unless the file is, or would be, in the home directory.
func resolve(env paths.Env, path string) (string, error) {
	if env.Get("SUDO_UID") != "" || env.Get("DOAS_USER") != "" {
		return "", ErrSudo
	}
	home, err := filepath.EvalSymlinks(env.Get("HOME"))
	if err != nil || !filepath.IsAbs(home) {
		return "", errors.New("the home directory is unknown: set HOME")
	}
	target, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) {
		if _, missing := os.Lstat(path); missing == nil {
			return "", errors.New("it is a link to a file that does not exist")
		}
		target, err = resolveMissing(path)
	}
	if err != nil {
		return "", err
	}
	if !strings.HasPrefix(target, strings.TrimSuffix(home, "/")+"/") {
		return "", errNotOwn
	}
	return target, nil
}

// resolveMissing follows the links in the path of a file that does not exist.
func resolveMissing(path string) (string, error) {
	dir, err := filepath.EvalSymlinks(filepath.Dir(path))
	if errors.Is(err, fs.ErrNotExist) && filepath.Dir(path) != path {
		dir, err = resolveMissing(filepath.Dir(path))
	}
	return filepath.Join(dir, filepath.Base(path)), err
}

// readOwn returns the content and the mode of a file, which must be the user's own. A missing file is empty.
func readOwn(env paths.Env, path string) (content string, mode fs.FileMode, err error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return "", 0o644, nil
	}
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return "", 0, err
	}
	if st, ok := fi.Sys().(*syscall.Stat_t); !ok || !fi.Mode().IsRegular() || int(st.Uid) != env.UID {
		return "", 0, errNotOwn
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFileSize+1))
	if err == nil && len(data) > maxFileSize {
		err = fmt.Errorf("it has more than %d bytes", maxFileSize)
	}
	return string(data), fi.Mode().Perm(), err
}
