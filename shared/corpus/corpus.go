// Package corpus gives tests access to a corpus of real Arch Linux data to compare with. need.Corpus finds the
// directory of this data.
package corpus

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/omg-arch/omg/shared/need"
)

// Dir returns the corpus directory, or skips the test if there is no corpus.
func Dir(t testing.TB) string {
	t.Helper()
	return need.Corpus(t)
}

// AURDump returns the path of the AUR's metadata dump.
func AURDump(t testing.TB) string {
	t.Helper()
	return filepath.Join(Dir(t), "packages-meta-ext-v1.json.gz")
}

// Advisories returns the path of the security tracker's advisories.
func Advisories(t testing.TB) string {
	t.Helper()
	return filepath.Join(Dir(t), "avg", "all.json")
}

// PrivateDBPath unpacks the corpus' pacman database directory into a directory for this test alone, and returns that directory.
// Tests that only read the databases use SharedDBPath.
func PrivateDBPath(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	if err := unpackArchive(dir, databaseArchivePath(t), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// SharedDBPath returns a pacman database directory that all tests share, because unpacking its 1,800 files takes more than a
// second. Tests must not change it. The directory is in build/corpus of the project, which the command `make clean`
// removes.
func SharedDBPath(t testing.TB) string {
	t.Helper()
	path := databaseArchivePath(t)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(need.ProjectRoot(t), "build", "corpus", fmt.Sprintf("%x", sha256.Sum256(content))[:16])
	readable := func() bool {
		_, err := os.ReadDir(filepath.Join(dir, "local"))
		return err == nil
	}
	if readable() || unpackShared(dir, path) == nil && readable() {
		return dir
	}
	return PrivateDBPath(t) // the shared directory cannot be created, for example because build/ belongs to another user
}

// unpackShared unpacks the archive into a temporary directory beside dir, and then renames the temporary directory to dir.
func unpackShared(dir, archive string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	temporary, err := os.MkdirTemp(filepath.Dir(dir), "new-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temporary)
	if err := errors.Join(os.Chmod(temporary, 0o755), unpackArchive(temporary, archive, 0o444)); err != nil {
		return err
	}
	if err := os.Rename(temporary, dir); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil // ErrExist means that another test has just unpacked the archive
}

func databaseArchivePath(t testing.TB) string {
	t.Helper()
	return filepath.Join(Dir(t), "pacman-db.tar.gz")
}

// unpackArchive unpacks an archive into a directory and gives all files the same mode.
func unpackArchive(dir, archive string, mode fs.FileMode) error {
	f, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer f.Close()
	zr, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	tr := tar.NewReader(zr)
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := unpackEntry(root, h, tr, mode); err != nil {
			return err
		}
	}
}

func unpackEntry(root *os.Root, h *tar.Header, r io.Reader, mode fs.FileMode) error {
	name := filepath.Clean(h.Name)
	switch h.Typeflag {
	case tar.TypeDir:
		if err := root.Mkdir(name, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		return nil
	case tar.TypeReg:
		f, err := root.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, mode)
		if err != nil {
			return err
		}
		if _, err := io.Copy(f, r); err != nil {
			f.Close()
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
		return root.Chtimes(name, h.ModTime, h.ModTime)
	default:
		return nil
	}
}
