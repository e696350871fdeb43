package harness

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/fixture"
)

// ReadFile returns a file's content.
func ReadFile(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return b
}

// ListDir returns the names in a directory, sorted.
func ListDir(t testing.TB, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// WriteFile writes a file, and creates its directories.
func WriteFile[T string | []byte](t testing.TB, path string, content T) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(content), 0o644))
}

// WriteProgram writes a program or script that a test runs, and creates its directories.
func WriteProgram[T string | []byte](t testing.TB, path string, content T) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, fixture.WriteExecutable(path, []byte(content)))
}

// ReplaceFile replaces a file by a rename, as pacman does.
func ReplaceFile[T string | []byte](t testing.TB, path string, content T) {
	t.Helper()
	part := path + ".part"
	WriteFile(t, part, content)
	require.NoError(t, os.Rename(part, path))
}

// Gzip compresses bytes.
func Gzip(t testing.TB, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, err := z.Write(b)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return out.Bytes()
}

// DatabaseEntry is a file in a repository's database: its path, such as "name-1.0-1/desc", and its text.
type DatabaseEntry struct{ Path, Text string }

// BuildDatabase returns a repository's database with these files.
func BuildDatabase(t testing.TB, entries ...DatabaseEntry) []byte {
	t.Helper()
	var out bytes.Buffer
	tape := tar.NewWriter(&out)
	for _, e := range entries {
		require.NoError(t, tape.WriteHeader(&tar.Header{Name: e.Path, Mode: 0o644, Size: int64(len(e.Text))}))
		_, err := tape.Write([]byte(e.Text))
		require.NoError(t, err)
	}
	require.NoError(t, tape.Close())
	return Gzip(t, out.Bytes())
}

// NewPackageEntry returns the desc of a package as an entry for BuildDatabase. The parameter more adds fields: each pair of
// elements is the name of a field and its lines.
func NewPackageEntry(name, version string, more ...string) DatabaseEntry {
	return DatabaseEntry{name + "-" + version + "/desc", Desc(name, version, more...)}
}

// NewFilesEntry returns the list of files of a package as an entry for BuildDatabase.
func NewFilesEntry(name, version string, paths ...string) DatabaseEntry {
	return DatabaseEntry{name + "-" + version + "/files", "%FILES%\n" + strings.Join(paths, "\n") + "\n"}
}

// Desc returns the desc of a package.
func Desc(name, version string, more ...string) string {
	var b bytes.Buffer
	fields := append([]string{"FILENAME", name + "-" + version + "-any.pkg.tar.zst", "NAME", name, "VERSION", version, "ARCH", "any"}, more...)
	for i := 0; i+1 < len(fields); i += 2 {
		fmt.Fprintf(&b, "%%%s%%\n%s\n\n", fields[i], fields[i+1])
	}
	return b.String()
}

// Install adds a package to the local database, which is created if necessary.
func (s *System) Install(name, version string, more ...string) {
	s.T.Helper()
	if version, err := os.ReadFile(filepath.Join(s.DB, "local", "ALPM_DB_VERSION")); err != nil {
		WriteFile(s.T, filepath.Join(s.DB, "local", "ALPM_DB_VERSION"), "9\n")
	} else {
		require.Equal(s.T, "9\n", string(version))
	}
	dir := filepath.Join(s.DB, "local", name+"-"+version)
	written := dir
	if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
		// A daemon that runs must not read half of the entry: the end of pacman's lock would have it read again, but here is no lock.
		written = filepath.Join(s.DB, "."+filepath.Base(dir))
	}
	WriteFile(s.T, filepath.Join(written, "desc"), Desc(name, version, more...))
	WriteFile(s.T, filepath.Join(written, "files"), "%FILES%\nusr/\nusr/share/\nusr/share/"+name+"\n\n")
	if written != dir {
		require.NoError(s.T, os.Rename(written, dir))
	}
}
