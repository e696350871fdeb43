package badinput

import (
	"archive/tar"
	"bytes"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
)

// maxFilesMemory is the limit of peak memory for omg-index build --files with any input.
const maxFilesMemory = 400 << 20

// TestFilesDatabase_Damaged checks that a damaged database with file lists does not replace its last index, and is named.
func TestFilesDatabase_Damaged(t *testing.T) {
	t.Parallel()
	s := harness.New(t)
	build := append([]string{"build", "--files"}, s.PathFlags()...)
	for _, repo := range repos {
		// A database without file lists is a database with empty file lists.
		harness.ReplaceFile(t, filesDatabase(s, repo), harness.ReadFile(t, s.SyncDBPath(repo)))
	}
	r := s.Run("omg-index", build...)
	require.Zero(t, r.Code, r.Stderr)
	index := filepath.Join(filepath.Dir(s.IndexPath("extra")), "extra.files.omgidx")
	old := harness.ReadFile(t, index)
	path := filesDatabase(s, "extra")
	for _, c := range damages(t, harness.ReadFile(t, path)) {
		t.Run(c.name, func(t *testing.T) {
			s := s.ForSubtest(t)
			harness.ReplaceFile(t, path, c.db)
			r, peak := measure(s, "omg-index", build...)
			require.Contains(t, r.Stdout, "core: 16 packages, 0 paths\nmultilib: 16 packages, 0 paths\n", "the others are built")
			r.Stdout = ""
			harness.RequireError(t, r, "omg-index", failed, path, c.says, "pacman -Fyy")
			require.Less(t, peak, int64(maxFilesMemory))
			require.Equal(t, old, harness.ReadFile(t, index), "the old index was lost")
		})
	}
}

func filesDatabase(s *harness.System, repo string) string {
	return filepath.Join(filepath.Dir(s.SyncDBPath(repo)), repo+".files")
}

// TestFilesDatabase_ManyPaths checks that a package with ten million paths is left out with one warning and little memory, and that paths
// with odd characters are safe to print.
func TestFilesDatabase_ManyPaths(t *testing.T) {
	t.Parallel()
	s := harness.New(t)
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for name, list := range map[string][]byte{
		"many-1-1/files":       append([]byte("%FILES%\n"), bytes.Repeat([]byte("usr/share/many/file\n"), 10_000_000)...),
		"odd\x1b[1m-1-1/files": []byte("%FILES%\n/etc/\x1b[31mred\n../../etc/passwd\nusr/\xff\nusr/x"),
	} {
		require.NoError(t, w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(list))}))
		_, err := w.Write(list)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	path := filesDatabase(s, "extra")
	harness.ReplaceFile(t, path, harness.Gzip(t, b.Bytes()))
	out := filepath.Join(t.TempDir(), "extra.files.omgidx")
	r, peak := measure(s, "omg-index", "build", "--files", "--db", path, "-o", out)
	require.Zero(t, r.Code, r.Stderr)
	harness.RequireSafeOutput(t, r)
	require.Contains(t, r.Stderr, `: entry "many-1-1" has a files of 200000008 bytes, and at most 67108864 are read: the package was left out`)
	require.Contains(t, r.Stdout, "extra: 1 packages, 4 paths\n")
	require.Less(t, peak, int64(maxFilesMemory))
	for _, command := range []string{"info", "verify", "dump"} {
		r, peak := measure(s, "omg-index", command, out)
		require.Zero(t, r.Code, r.Stderr)
		harness.RequireSafeOutput(t, r)
		require.Less(t, peak, int64(maxMemory))
	}
}
