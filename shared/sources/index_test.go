package sources

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/need"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/sourcefile"
)

// TestIndexPath checks that repositories with different names have different index files, which are all in the directory.
func TestIndexPath(t *testing.T) {
	dir := t.TempDir()
	repositories := []string{
		"core", "Core", "core-testing", "core_testing", "core.files", "core%2efiles", "core%2Efiles", "aur", "AUR", "%61ur", "aurora", "aur.x",
		"a/b", "/etc/passwd", "..", ".", "../core", ".hidden", "with space", "new\nline", "nul\x00", "ünï", "\xff", "%", "%%", "-", "~",
		strings.Repeat("x", 200), strings.Repeat("x", 201), strings.Repeat("x", 5000), strings.Repeat("ü", 200), strings.Repeat("ü", 199),
	}
	seen := map[string]string{IndexPath(dir, pkgindex.KindAUR, "aur"): "the AUR"}
	for _, name := range repositories {
		path := IndexPath(dir, pkgindex.KindRepo, name)
		require.Equal(t, dir, filepath.Dir(path), "%q", name)
		require.Empty(t, seen[path], "%q", name)
		seen[path] = name
		base := filepath.Base(path)
		stem, ok := strings.CutSuffix(base, IndexSuffix)
		require.True(t, ok)
		require.NotContains(t, stem, ".", "the index of core.files could be confused with an index of core's file list")
		require.LessOrEqual(t, len(base+originSuffix)+len(".")+len(".2147483647.tmp"), 255, "%q: the name of a temporary file is too long", name)
		require.NoError(t, IndexOrigins{}.Write(path), "%q", name)

		files := FilesIndexPath(dir, name)
		require.Equal(t, filepath.Join(dir, stem+".files.omgidx"), files)
		require.Empty(t, seen[files], "%q", name)
		seen[files] = name
		require.LessOrEqual(t, len(filepath.Base(files)+originSuffix)+len(".")+len(".2147483647.tmp"), 255, "%q: the name of a temporary file is too long", name)
	}
	require.Equal(t, filepath.Join(dir, "core.omgidx"), IndexPath(dir, pkgindex.KindRepo, "core"))
	require.Equal(t, filepath.Join(dir, "aur.omgidx"), IndexPath(dir, pkgindex.KindAUR, "anything"))
	require.Equal(t, filepath.Join("/data", "index"), paths.IndexDir("/data"))
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, len(repositories))
}

func TestOrigins(t *testing.T) {
	s := generate(t, fixture.Options{Packages: 20, Seed: 1})
	file, err := sourcefile.Read(t.Context(), s.database("core"), drain)
	require.NoError(t, err)
	want := IndexOrigins{OriginOfFile(&file), {Path: "/other", SHA256: "x"}}
	index := filepath.Join(t.TempDir(), "core.omgidx")
	require.Nil(t, ReadOrigins(index, nil), "the index has no origin file")
	require.NoError(t, want.Write(index))
	require.Equal(t, want, ReadOrigins(index, nil))
	require.Equal(t, s.database("core"), want[0].Path)
	require.Equal(t, stampOf(t, s.database("core")), want[0].Stamp)
	require.Equal(t, file.HexDigest(), want[0].SHA256)
	require.Equal(t, &want[1], want.find("/other"))
	require.Nil(t, want.find("/none"))
	require.Nil(t, IndexOrigins(nil).find("/other"))
}

// TestReadOrigins_Refuses checks that origins that are damaged or not trusted are ignored.
func TestReadOrigins_Refuses(t *testing.T) {
	good := IndexOrigins{{Path: "/a", SHA256: "x"}}
	mine := func(uid uint32) bool { return int(uid) == os.Geteuid() }
	for name, spoil := range map[string]func(t *testing.T, path string){
		"cut off":         func(t *testing.T, path string) { require.NoError(t, os.Truncate(path, 9)) },
		"empty":           func(t *testing.T, path string) { require.NoError(t, os.Truncate(path, 0)) },
		"of another type": func(t *testing.T, path string) { require.NoError(t, os.WriteFile(path, []byte("\xa1x"), 0o644)) },
		"nested": func(t *testing.T, path string) {
			require.NoError(t, os.WriteFile(path, append(bytes.Repeat([]byte{0x91}, 100_000), 0xc0), 0o644))
		},
		"too large": func(t *testing.T, path string) { require.NoError(t, os.Truncate(path, maxOriginFileSize+1)) },
		"a pipe": func(t *testing.T, path string) {
			require.NoError(t, os.Remove(path))
			require.NoError(t, unix.Mkfifo(path, 0o600))
		},
		"writable by others":      func(t *testing.T, path string) { require.NoError(t, os.Chmod(path, 0o666)) },
		"writable by their group": func(t *testing.T, path string) { require.NoError(t, os.Chmod(path, 0o664)) },
		"of another user": func(t *testing.T, path string) {
			need.Root(t)
			require.NoError(t, os.Chown(path, 12345, 12345))
		},
	} {
		t.Run(name, func(t *testing.T) {
			index := filepath.Join(t.TempDir(), "core.omgidx")
			require.NoError(t, good.Write(index))
			require.Equal(t, good, ReadOrigins(index, mine))
			spoil(t, index+originSuffix)
			require.Nil(t, ReadOrigins(index, mine))
		})
	}
}

// TestRemoveUnusedIndexes checks that RemoveUnusedIndexes removes only indexes of this system's databases whose repositories are not
// configured, together with the temporary files of these indexes.
func TestRemoveUnusedIndexes(t *testing.T) {
	s, other := generate(t, fixture.Options{Packages: 20, Seed: 1}), generate(t, fixture.Options{Packages: 20, Seed: 2})
	dir := t.TempDir()
	for _, name := range []string{"core", "extra"} {
		indexed(t, dir, s.repository(t, name))
	}
	indexed(t, dir, other.repository(t, "multilib"))
	require.NoError(t, os.Rename(s.database("multilib"), s.database("my.own")))
	s.configure(t, "[core]\n[extra]\n[my.own]\n")
	gone := indexed(t, dir, s.repository(t, "my.own")).File.Path()
	core, err := os.ReadFile(IndexPath(dir, pkgindex.KindRepo, "core"))
	require.NoError(t, err)
	for _, name := range []string{"core", "my.own"} {
		path := FilesIndexPath(dir, name)
		require.NoError(t, os.WriteFile(path, nil, 0o644))
		require.NoError(t, IndexOrigins{{Path: filepath.Join(s.db, "sync", name+".files")}}.Write(path))
	}
	// These files are not indexes that omg built from a database of this system.
	kept := map[string]IndexOrigins{
		"aur": {{Path: "/data/aur.json.gz"}}, "no-origin": nil, "my.files": {{Path: filepath.Join(s.db, "sync", "my2.files")}},
		"extra.files": {{Path: filepath.Join(s.db, "sync", "extra.files")}},
		"two":         {{Path: s.database("two")}, {Path: s.database("three")}}, "another-name": {{Path: s.database("gone")}},
	}
	for name, origins := range kept {
		path := filepath.Join(dir, name+IndexSuffix)
		require.NoError(t, os.WriteFile(path, core, 0o644))
		if origins != nil {
			require.NoError(t, origins.Write(path))
		}
	}
	for _, temporary := range []string{".my%2eown.omgidx.999999999.tmp", ".my%2eown.omgidx.origin.999999999.tmp"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, temporary), nil, 0o644))
	}

	before := list(t, dir)
	require.Empty(t, s.read(t).RemoveUnusedIndexes(dir, nil), "all repositories are configured")
	s.configure(t, "")
	require.Empty(t, s.read(t).RemoveUnusedIndexes(dir, nil), "nothing is")
	require.Equal(t, before, list(t, dir))
	s.configure(t, "[core]\n[extra]\n")
	require.Empty(t, s.read(t).RemoveUnusedIndexes(dir, func(uint32) bool { return false }), "the owner of the origins is not trusted")
	require.Equal(t, []string{gone, FilesIndexPath(dir, "my.own")}, s.read(t).RemoveUnusedIndexes(dir, nil))
	after := slices.DeleteFunc(before, func(name string) bool { return strings.Contains(name, "my%2eown") })
	require.Equal(t, after, list(t, dir))
	require.Empty(t, s.read(t).RemoveUnusedIndexes(filepath.Join(dir, "none"), nil))
}

// TestRemoveOldIndexes checks that only the index files of earlier versions are removed.
func TestRemoveOldIndexes(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(paths.IndexDir(dir), 0o755))
	for _, name := range []string{"repos.omgidx", "repos.omgidx.stamps", "aur.omgidx", "aur.omgidx.stamps", "store", "index/aur.omgidx"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, 0o644))
	}
	RemoveOldIndexes(dir)
	require.Equal(t, []string{"index", "store"}, list(t, dir))
	require.Equal(t, []string{"aur.omgidx"}, list(t, paths.IndexDir(dir)))
	RemoveOldIndexes(filepath.Join(dir, "none"))
}

func TestIndexFiles(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{
		"extra.omgidx", "core.omgidx", "core.omgidx.origin", ".core.omgidx", ".core.omgidx.7.tmp", "text", "aur.omgidx",
		"extra.files.omgidx", "core.files.omgidx", "core.files.omgidx.origin", ".core.files.omgidx",
	} {
		require.NoError(t, os.WriteFile(at(name), nil, 0o644))
	}
	require.NoError(t, os.Mkdir(at("below.omgidx"), 0o755))
	require.NoError(t, os.Symlink("core.omgidx", at("link.omgidx")))
	for path, want := range map[string][]string{
		dir:                {at("aur.omgidx"), at("core.omgidx"), at("extra.omgidx"), at("link.omgidx")},
		at("text"):         {at("text")},
		at("none"):         {at("none")},
		at("below.omgidx"): nil,
	} {
		got, err := IndexFiles(path)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	for path, want := range map[string][]string{
		dir:                     {at("core.files.omgidx"), at("extra.files.omgidx")},
		at("core.files.omgidx"): {at("core.files.omgidx")},
		at("none.files.omgidx"): {at("none.files.omgidx")},
		at("core.omgidx"):       nil,
		at("below.omgidx"):      nil,
	} {
		got, err := FilesIndexFiles(path)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

// list returns the names of the files in a directory.
func list(t testing.TB, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
