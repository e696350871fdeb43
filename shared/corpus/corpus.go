// Package corpus finds the real Arch Linux data that tests compare against.
//
// The data is not part of the project. It is looked for in $OMG_CORPUS, else
// in shared/corpus beside the project's root directory; a test that needs it
// is skipped with a message where it is absent.
package corpus

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// Dir returns the corpus directory, or skips the test.
func Dir(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("OMG_CORPUS")
	if dir == "" {
		dir = beside(t)
	}
	if _, err := os.Stat(filepath.Join(dir, "pacman-db.tar.gz")); err != nil {
		t.Skipf("the corpus of real databases is not at %s (set OMG_CORPUS)", dir)
	}
	return dir
}

// beside is ../shared/corpus seen from the directory that holds go.work.
func beside(t testing.TB) string {
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			return filepath.Join(filepath.Dir(dir), "shared", "corpus")
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Skip("no go.work above the test's directory: set OMG_CORPUS to the corpus")
		}
		dir = up
	}
}

// AUR returns the path of the AUR's metadata dump.
func AUR(t testing.TB) string {
	t.Helper()
	return filepath.Join(Dir(t), "packages-meta-ext-v1.json.gz")
}

// AVG returns the path of the security tracker's advisories.
func AVG(t testing.TB) string {
	t.Helper()
	return filepath.Join(Dir(t), "avg", "all.json")
}

// DB unpacks the corpus' pacman database directory into a directory of the
// test's own and returns it.
func DB(t testing.TB) string {
	t.Helper()
	f, err := os.Open(filepath.Join(Dir(t), "pacman-db.tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	zr, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	tr := tar.NewReader(zr)
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return dir
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := unpack(root, h, tr); err != nil {
			t.Fatal(err)
		}
	}
}

func unpack(root *os.Root, h *tar.Header, r io.Reader) error {
	name := filepath.Clean(h.Name)
	switch h.Typeflag {
	case tar.TypeDir:
		if err := root.Mkdir(name, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		return nil
	case tar.TypeReg:
		f, err := root.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o644)
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
