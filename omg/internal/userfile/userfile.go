// Package userfile reads and writes small JSON files in a user's own directories, which apply to this user only.
package userfile

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/atomicfile"
	"github.com/omg-arch/omg/shared/paths"
)

// File is a file of a user.
type File struct {
	path     string
	maxBytes int64
	env      paths.Env
}

// At returns the file at a path, whose size is limited. It does not need to exist.
func At(env paths.Env, path string, maxBytes int64) *File { return &File{path, maxBytes, env} }

// Open returns the file with a name in the user's state directory.
func Open(env paths.Env, name string, maxBytes int64) (*File, error) {
	dir := env.StateDir()
	if dir == "" {
		return nil, errors.New("neither XDG_STATE_HOME nor HOME is an absolute path")
	}
	return At(env, filepath.Join(dir, name), maxBytes), nil
}

// Path returns the path of the file.
func (f *File) Path() string { return f.path }

// ErrContent means that the content of the file is not what Read decodes.
var ErrContent = errors.New("not the expected JSON")

// contentError is an error of the decoder. errors.Is(err, ErrContent) is true for it.
type contentError struct{ error }

func (contentError) Is(target error) bool { return target == ErrContent }
func (e contentError) Unwrap() error      { return e.error }

// Read decodes the file into v. It reports whether there is a file. The file must belong to this user, and must not be a symbolic link.
func (f *File) Read(v any) (exists bool, err error) {
	file, err := os.OpenFile(f.path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if errors.Is(err, unix.ELOOP) {
		return false, fmt.Errorf("%s is a symbolic link, which could lead to the file of another user: replace it by the file", f.path)
	}
	if err != nil {
		return false, err
	}
	defer file.Close()
	content, _, err := paths.ReadTrustedFile(file, f.maxBytes, func(uid uint32) bool { return int(uid) == f.env.UID })
	if err != nil {
		return false, fmt.Errorf("%s: %w", f.path, err)
	}
	if err := json.Unmarshal(content, v); err != nil {
		return false, fmt.Errorf("%s: %w", f.path, contentError{err})
	}
	return true, nil
}

// ErrTooLarge means that the content is larger than the limit of the file.
var ErrTooLarge = errors.New("too large")

// Write replaces the file. Only the user can read it. The error wraps ErrTooLarge if the content is too large.
func (f *File) Write(v any) error {
	dir := filepath.Dir(f.path)
	if err := f.env.CheckRootWrites(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	content, err := json.MarshalIndent(v, "", "\t")
	if err != nil {
		return err
	}
	if int64(len(content)) >= f.maxBytes {
		return fmt.Errorf("%s: %w: more than %d bytes", f.path, ErrTooLarge, f.maxBytes)
	}
	return atomicfile.Write(f.path, append(content, '\n'), atomicfile.Options{Mode: 0o600, Sync: true})
}
