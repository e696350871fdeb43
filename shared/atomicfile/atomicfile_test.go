package atomicfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(b)
}

func names(t *testing.T, dir string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func TestWrite(t *testing.T) {
	defer unix.Umask(unix.Umask(0o077))
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	for _, sync := range []bool{false, true} {
		for _, content := range []string{"one", "two", ""} {
			require.NoError(t, Write(path, []byte(content), Options{Mode: 0o644, Sync: sync}))
			require.Equal(t, content, read(t, path))
		}
	}
	fi, err := os.Stat(path)
	require.NoError(t, err)
	require.EqualValues(t, 0o644, fi.Mode(), "whatever the umask")
	require.Equal(t, []string{"file"}, names(t, dir))
}

func TestWriteTo_Fails(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	require.NoError(t, Write(path, []byte("one"), Options{Mode: 0o644}))
	for name, fail := range map[string]func(*File) error{
		"in the middle": func(f *File) error { _, _ = f.WriteString("tw"); return unix.ENOSPC },
		"at the end":    func(f *File) error { return errors.Join(f.Close(), unix.ENOSPC) },
	} {
		t.Run(name, func(t *testing.T) {
			require.ErrorIs(t, WriteTo(path, Options{Mode: 0o644}, fail), unix.ENOSPC)
			require.Equal(t, "one", read(t, path))
			require.Equal(t, []string{"file"}, names(t, dir))
		})
	}
	require.ErrorIs(t, Write(dir, nil, Options{Mode: 0o644}), unix.EISDIR)
	err := Write(filepath.Join(dir, "none", "file"), nil, Options{Mode: 0o644})
	var where *fs.PathError
	require.ErrorAs(t, err, &where)
	require.Equal(t, filepath.Join(dir, "none", "file"), where.Path, "the error must have the path of the file to replace")
}

func TestFile_DiscardAndCommit(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	f, err := Begin(path, Options{Mode: 0o600})
	require.NoError(t, err)
	_, err = f.WriteString("one")
	require.NoError(t, err)
	require.NoFileExists(t, path)
	f.Discard()
	require.Empty(t, names(t, dir))

	f, err = Begin(path, Options{Mode: 0o600})
	require.NoError(t, err)
	require.NoError(t, f.Commit())
	f.Discard()
	require.FileExists(t, path)
}

// TestRemoveLeftovers checks that the temporary files of dead writers are removed, and that the files of living writers
// and files with similar names stay. A link in the place of the temporary file must not be followed.
func TestRemoveLeftovers(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	temp := func(pid int) string { return fmt.Sprintf(".file.%d.tmp", pid) }
	living := os.Getppid()
	for _, name := range []string{temp(999_999_999), temp(living), ".file.x.tmp", ".other.999999999.tmp", ".file.999999999"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
	}
	kept := []string{".file.999999999", temp(living), ".file.x.tmp", ".other.999999999.tmp"}
	RemoveLeftovers(path)
	require.ElementsMatch(t, kept, names(t, dir))

	victim := filepath.Join(t.TempDir(), "victim")
	require.NoError(t, os.WriteFile(victim, []byte("precious"), 0o600))
	require.NoError(t, os.Symlink(victim, filepath.Join(dir, temp(os.Getpid()))), "like a temporary file of an earlier process with this number")
	require.NoError(t, Write(path, []byte("one"), Options{Mode: 0o600}))
	require.Equal(t, "precious", read(t, victim))
	require.ElementsMatch(t, append(kept, "file"), names(t, dir))

	require.NoError(t, Remove(path))
	require.NoError(t, Remove(path))
	require.ElementsMatch(t, kept, names(t, dir))
}

// TestCommit_Fails checks that the old file stays and no temporary file is left if Commit fails.
func TestCommit_Fails(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	f, err := Begin(path, Options{Mode: 0o600})
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(filepath.Join(path, "full"), 0o700), "so that rename fails")
	require.Error(t, f.Commit())
	f.Discard()
	require.Equal(t, []string{"file"}, names(t, dir))
}

// TestWrite_Replaces checks that a process that has the old file open reads the old content to the end.
func TestWrite_Replaces(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, Write(path, []byte("one"), Options{Mode: 0o600}))
	old, err := os.Open(path)
	require.NoError(t, err)
	defer old.Close()
	require.NoError(t, Write(path, []byte("two"), Options{Mode: 0o600}))
	got, err := io.ReadAll(old)
	require.NoError(t, err)
	require.Equal(t, "one", string(got))
	require.Equal(t, "two", read(t, path))
}

// TestWrite_Link checks that a link is replaced, and that the link's target is not written to.
func TestWrite_Link(t *testing.T) {
	dir := t.TempDir()
	target, path := filepath.Join(dir, "target"), filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(target, []byte("one"), 0o600))
	require.NoError(t, os.Symlink("target", path))
	require.NoError(t, Write(path, []byte("two"), Options{Mode: 0o600}))
	require.Equal(t, "one", read(t, target))
	require.Equal(t, "two", read(t, path))
}

// TestWrite_RelativePath checks that a path without a directory means a file in the current directory.
func TestWrite_RelativePath(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, os.WriteFile(".file.999999999.tmp", nil, 0o600))
	require.NoError(t, Write("file", []byte("one"), Options{Mode: 0o600, Sync: true}))
	require.Equal(t, []string{"file"}, names(t, "."))
	require.ErrorIs(t, Remove("file/below"), unix.ENOTDIR)
}
