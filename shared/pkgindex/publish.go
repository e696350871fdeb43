package pkgindex

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

// WriteFile writes the index to path, whole or not at all; see Publish.
func (b *Builder) WriteFile(path string) error {
	return Publish(path, func(f *os.File) error { return b.writeFile(f) })
}

// Publish replaces the file at path by what write writes, whole or not at all:
// into a temporary file in the same directory, which is synced and renamed.
// Temporary files that dead writers left there are removed first.
func Publish(path string, write func(*os.File) error) error {
	dir, base := filepath.Split(path)
	if dir == "" {
		dir = "."
	}
	if fi, err := os.Lstat(path); err == nil && fi.IsDir() {
		return &fs.PathError{Op: "write", Path: path, Err: unix.EISDIR} // rename would say something else
	}
	RemoveDead(path)
	tmp := filepath.Join(dir, tempName(base))
	f, err := os.OpenFile(tmp, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return named(err, tmp, path)
	}
	err = write(f)
	if err == nil {
		err = f.Chmod(0o644) // readable for all whatever the umask, writable for us alone
	}
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(tmp, path)
	}
	if err != nil {
		_ = os.Remove(tmp)
		return named(err, tmp, path)
	}
	return syncDir(dir)
}

// named has an error name the file that was meant, not the temporary one that is
// gone.
func named(err error, tmp, path string) error {
	if e := new(fs.PathError); errors.As(err, &e) && e.Path == tmp {
		e.Path = path
	}
	return err
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	// Some file systems cannot sync a directory; the rename stands all the same.
	if err := d.Sync(); err != nil && !errors.Is(err, unix.EINVAL) {
		return err
	}
	return nil
}

// tempName is the temporary file's name: hidden, with the writer's process
// number, by which RemoveDead knows whose it was.
func tempName(base string) string {
	return fmt.Sprintf(".%s.%d.tmp", base, os.Getpid())
}

// RemoveDead removes temporary files of path that writers left which are no
// longer there.
func RemoveDead(path string) {
	dir, base := filepath.Split(path)
	if dir == "" {
		dir = "."
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		rest, ok := strings.CutPrefix(e.Name(), "."+base+".")
		rest, tmp := strings.CutSuffix(rest, ".tmp")
		if !ok || !tmp {
			continue
		}
		pid, err := strconv.Atoi(rest)
		if err != nil || pid <= 0 || pid == os.Getpid() {
			continue
		}
		if _, err := os.Stat("/proc/" + rest); errors.Is(err, fs.ErrNotExist) {
			_ = os.Remove(filepath.Join(dir, e.Name()))
		}
	}
}
