// Package corpus gives tests the real Arch Linux data that they compare with.
// need.Corpus says where it lies.
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

	"github.com/omg-arch/omg/shared/need"
)

// Dir returns the corpus directory, or skips the test.
func Dir(t testing.TB) string {
	t.Helper()
	return need.Corpus(t)
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
