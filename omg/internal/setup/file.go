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
	// ErrOtherUser means that omg runs as root for another user, whose files root must not change.
	ErrOtherUser = errors.New("omg setup does not run under sudo, doas or pkexec: run it as the user whose files it should change")
	errNotOwn    = errors.New("it is not your own regular file in your home directory")
	errHasLinks  = errors.New("it has more than one hard link, and only one of them would be changed")
	errNoHome    = errors.New("the home directory is unknown: set HOME")
	errChanged   = errors.New("it was changed by another program: run omg setup again")
)

// CheckUser returns ErrOtherUser if this process runs as root for another user.
func CheckUser(env paths.Env) error {
	for _, variable := range []string{"SUDO_UID", "SUDO_USER", "DOAS_USER", "PKEXEC_UID"} {
		if env.Get(variable) != "" {
			return ErrOtherUser
		}
	}
	return nil
}

// Change is a change of a file. The zero value changes nothing.
type Change struct {
	// Path is the path of the file, as the user knows it. If it is a link, the file that the link leads to is changed.
	Path string
	// Diff has the lines to show to the user; it is empty if nothing changes.
	Diff []string

	target       string // the file itself
	old          file
	content      string
	removesEmpty bool // an empty file is removed
	removesDir   bool // and so is its directory, if nothing else is in it
}

// file is what a change must find when it is applied.
type file struct {
	exists bool
	text   string
	mode   fs.FileMode
	group  uint32
}

func notChanged(path string, err error) error {
	if errors.Is(err, ErrOtherUser) {
		return err
	}
	return fmt.Errorf("%s is not changed: %w", path, err)
}

// openChange reads a file, and returns the change that leaves it as it is. It returns an error if the file could not be written.
func openChange(env paths.Env, path string) (c Change, err error) {
	c.Path = path
	if c.target, err = resolve(env, path); err == nil {
		err = checkClosestDir(env, filepath.Dir(c.target))
	}
	if err == nil {
		c.old, err = readOwn(env, c.target)
	}
	if err != nil {
		return Change{}, notChanged(path, err)
	}
	c.content = c.old.text
	return c, nil
}

// newChange returns the change that sets the lines of the block of a file, or removes the block if lines is empty.
func newChange(env paths.Env, path string, lines []string) (Change, error) {
	c, err := openChange(env, path)
	if err != nil {
		return Change{}, err
	}
	t, err := parse(c.old.text)
	if err != nil {
		return Change{}, notChanged(path, err)
	}
	note := t.noteFor(c.old.exists)
	if c.content = t.withBlock(note, lines); c.content != c.old.text {
		c.Diff = t.diff(note, lines)
	}
	c.removesEmpty = t.note == createdNote
	return c, nil
}

// IsEmpty reports whether the change changes nothing.
func (c *Change) IsEmpty() bool { return len(c.Diff) == 0 }

// Apply writes the file. It returns an error if the file was changed after openChange has read it.
func (c *Change) Apply(env paths.Env) error {
	if c.IsEmpty() {
		return nil
	}
	if err := c.apply(env); err != nil {
		return notChanged(c.Path, err)
	}
	return nil
}

func (c *Change) apply(env paths.Env) error {
	now, err := openChange(env, c.Path)
	if err != nil {
		return errors.Unwrap(err)
	}
	if now.target != c.target || now.old != c.old {
		return errChanged
	}
	dir := filepath.Dir(c.target)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := env.CheckDirTrust(dir); err != nil {
		return err
	}
	if c.content == "" && c.removesEmpty {
		err := atomicfile.Remove(c.target)
		if err == nil && c.removesDir {
			_ = os.Remove(dir) // fails if other files are in it
		}
		return err
	}
	return atomicfile.WriteTo(c.target, atomicfile.Options{Mode: c.old.mode, Sync: true}, func(f *atomicfile.File) error {
		if c.old.exists {
			if err := keepAttributes(f.File, c.target, c.old.group); err != nil {
				return err
			}
		}
		_, err := f.WriteString(c.content)
		return err
	})
}

// checkClosestDir returns an error if another user could replace files in the directory dir or, if it does not exist, in the
// closest directory above it that exists.
func checkClosestDir(env paths.Env, dir string) error {
	for {
		err := env.CheckDirTrust(dir)
		if !errors.Is(err, fs.ErrNotExist) || dir == filepath.Dir(dir) {
			return err
		}
		dir = filepath.Dir(dir)
	}
}

// resolve follows the links in a path, and returns an error unless the file is, or would be, in the home directory.
func resolve(env paths.Env, path string) (string, error) {
	if err := CheckUser(env); err != nil {
		return "", err
	}
	home, err := filepath.EvalSymlinks(env.Get("HOME"))
	if err != nil || !filepath.IsAbs(home) {
		return "", errNoHome
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

// readOwn reads a file, which must be the user's own. A missing file is empty, and is created for this user only.
func readOwn(env paths.Env, path string) (file, error) {
	missing := file{mode: 0o600}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return missing, nil
	}
	if err != nil {
		return missing, err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return missing, err
	}
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok || !fi.Mode().IsRegular() || int(st.Uid) != env.UID {
		return missing, errNotOwn
	}
	if st.Nlink > 1 {
		return missing, errHasLinks
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFileSize+1))
	if err == nil && len(data) > maxFileSize {
		err = fmt.Errorf("it has more than %d bytes", maxFileSize)
	}
	return file{exists: true, text: string(data), mode: fi.Mode().Perm(), group: st.Gid}, err
}
