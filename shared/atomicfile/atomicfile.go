// Package atomicfile replaces files atomically: a reader sees either the complete old content or the complete new
// content. The next writer of a file removes the temporary files that killed writers left.
package atomicfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Options control how a file is replaced.
type Options struct {
	// Mode is the file's mode; the umask does not apply.
	Mode fs.FileMode
	// Sync flushes the content and the directory to disk before returning, for files that must survive a power failure.
	Sync bool
}

// Write replaces the file at path by a file with the given content.
func Write(path string, content []byte, o Options) error {
	return WriteTo(path, o, func(f *File) error {
		_, err := f.Write(content)
		return err
	})
}

// WriteTo replaces the file at path by a new file, whose content the function fill writes. If fill returns an error, the
// old file stays.
func WriteTo(path string, o Options, fill func(*File) error) error {
	f, err := Begin(path, o)
	if err != nil {
		return err
	}
	defer f.Discard()
	if err := fill(f); err != nil {
		return f.withPath(err)
	}
	return f.Commit()
}

// File is a temporary file that is to replace the file at its path. The caller must call Commit or Discard; Discard
// after Commit does nothing.
type File struct {
	*os.File
	path    string
	options Options
	ended   bool
}

// Begin creates a temporary file in the directory of path, and removes the temporary files of dead writers of path. Two
// goroutines of a process must not replace the same path concurrently.
func Begin(path string, o Options) (*File, error) {
	if fi, err := os.Lstat(path); err == nil && fi.IsDir() {
		// A directory cannot be replaced, but the error of the system call rename would be misleading.
		return nil, &fs.PathError{Op: "write", Path: path, Err: unix.EISDIR}
	}
	removeLeftovers(path, true)
	// O_EXCL does not follow a link that someone put there.
	file := &File{path: path, options: o}
	err := injectedError(OpCreate, path)
	if err == nil {
		file.File, err = os.OpenFile(tempPath(path), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	}
	if err != nil {
		return nil, file.withPath(err)
	}
	return file, nil
}

// Commit renames the temporary file to the path of the file that it replaces.
func (f *File) Commit() error {
	err := f.Chmod(f.options.Mode)
	if err == nil && f.options.Sync {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = f.rename()
	}
	f.ended = true
	if err != nil {
		_ = os.Remove(f.Name())
		return f.withPath(err)
	}
	if f.options.Sync {
		return syncDir(f.path)
	}
	return nil
}

// Discard removes the temporary file. The old file stays.
func (f *File) Discard() {
	if f.ended {
		return
	}
	f.ended = true
	_ = f.Close()
	_ = os.Remove(f.Name())
}

// withPath returns err with the path of the file to replace, not the path of the temporary file, which no longer
// exists.
func (f *File) withPath(err error) error {
	if e := new(fs.PathError); errors.As(err, &e) && e.Path == tempPath(f.path) {
		e.Path = f.path
	}
	return err
}

// syncDir flushes the rename of a file to disk. Some file systems cannot sync a directory.
func syncDir(path string) error {
	if err := injectedError(OpSyncDir, path); err != nil {
		return err
	}
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, unix.EINVAL) {
		return err
	}
	return nil
}

// Remove removes a file and the temporary files of dead writers. A missing file is not an error.
func Remove(path string) error {
	RemoveLeftovers(path)
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// RemoveLeftovers removes the temporary files that dead writers of path left.
func RemoveLeftovers(path string) { removeLeftovers(path, false) }

// tempPath returns the path of this process's temporary file. The file's name contains the process number, which shows
// RemoveLeftovers whether the writer is alive.
func tempPath(path string) string {
	dir, base := filepath.Split(path)
	return filepath.Join(dir, fmt.Sprintf(".%s.%d.tmp", base, os.Getpid()))
}

// removeLeftovers removes the temporary files of dead writers. If includeOwn is true, it also removes a temporary file
// with the number of this process; an earlier process with the same number has left it.
func removeLeftovers(path string, includeOwn bool) {
	dir, base := filepath.Split(path)
	if dir == "" {
		dir = "."
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		number, isTemp := strings.CutPrefix(e.Name(), "."+base+".")
		number, isSuffix := strings.CutSuffix(number, ".tmp")
		pid, err := strconv.Atoi(number)
		if !isTemp || !isSuffix || err != nil || pid <= 0 {
			continue
		}
		if pid == os.Getpid() && includeOwn || pid != os.Getpid() && !alive(pid) {
			_ = os.Remove(filepath.Join(dir, e.Name()))
		}
	}
}

func alive(pid int) bool {
	return !errors.Is(unix.Kill(pid, 0), unix.ESRCH)
}
