package sources

import (
	"archive/tar"
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/filesindex"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/sourcefile"
	"github.com/omg-arch/omg/shared/wire"
)

// filesIndexed writes an index of a repository's file lists into a directory and opens it.
func filesIndexed(t testing.TB, dir string, r *Repository) *FilesIndex {
	t.Helper()
	b := filesindex.NewBuilder(r.Name, filesindex.BuildInfo{})
	f, skipped, err := r.ReadFileLists(t.Context(), b, filesindex.BuildInfo{Builder: "test", BuiltAt: 1}, nil)
	require.NoError(t, err)
	require.Empty(t, skipped)
	path := FilesIndexPath(dir, r.Name)
	require.NoError(t, b.WriteFile(path))
	require.NoError(t, IndexOrigins{OriginOfFile(&f.File)}.Write(path))
	x, err := OpenFilesIndex(path, nil)
	require.NoError(t, err)
	t.Cleanup(func() { _ = x.File.Close() })
	return x
}

// TestReadFileLists compares the packages of an index with those of the database.
func TestReadFileLists(t *testing.T) {
	s := generate(t, fixture.Options{Packages: 60, Seed: 1, FileLists: true})
	groupCount := 0
	for _, name := range []string{"core", "extra"} {
		r := s.repository(t, name)
		x := filesIndexed(t, t.TempDir(), r)
		stamp := stampOf(t, r.FilesDatabasePath())
		digest, err := sourcefile.DigestOfPath(t.Context(), r.FilesDatabasePath())
		require.NoError(t, err)
		info := x.File.Info()
		require.Equal(t, filesindex.BuildInfo{
			Repository: name, Builder: "test", BuiltAt: 1, SHA256: digest, FileSize: stamp.Size, AsOf: stamp.MtimeSeconds(),
			PackageCount: info.PackageCount, PathCount: info.PathCount,
		}, *info)
		count := 0
		f, err := pacmandb.ReadSyncFiles(t.Context(), r.FilesDatabasePath(), func(l *pacmandb.FileList) error {
			p, paths, found, err := x.File.PackageFiles(l.Name)
			require.NoError(t, err)
			require.True(t, found)
			require.Equal(t, filesindex.Package{Name: l.Name, Version: l.Version, Groups: l.Groups}, p)
			var all []string
			for path, err := range paths {
				require.NoError(t, err)
				all = append(all, path)
			}
			require.Equal(t, l.Paths, all)
			groupCount += len(p.Groups)
			count++
			return nil
		})
		require.NoError(t, err)
		require.EqualValues(t, count, info.PackageCount)
		require.EqualValues(t, f.PathCount, info.PathCount)
	}
	require.NotZero(t, groupCount)
}

// TestReadFileLists_LeftOut checks that the index says which packages it does not contain, or not completely.
func TestReadFileLists_LeftOut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "my.files")
	var content bytes.Buffer
	w := tar.NewWriter(&content)
	for name, list := range map[string]string{"a": "usr/a\n", "b": strings.Repeat("x", filesindex.MaxPathLen+1) + "\n", "c": "usr/c"} {
		list = "%FILES%\n" + list
		require.NoError(t, w.WriteHeader(&tar.Header{Name: name + "-1-1/files", Mode: 0o644, Size: int64(len(list))}))
		_, err := w.Write([]byte(list))
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	require.NoError(t, os.WriteFile(path, content.Bytes(), 0o644))
	r, err := RepositoryFromFilesDatabase(path)
	require.NoError(t, err)
	b := filesindex.NewBuilder(r.Name, filesindex.BuildInfo{})
	counted := 0
	_, skipped, err := r.ReadFileLists(t.Context(), b, filesindex.BuildInfo{}, func() { counted++ })
	require.NoError(t, err)
	require.Equal(t, 3, counted)
	require.Len(t, skipped, 1)
	index := filepath.Join(t.TempDir(), "index")
	require.NoError(t, b.WriteFile(index))
	f, err := filesindex.Open(index, nil)
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.Close() })
	require.EqualValues(t, 2, f.Info().PackageCount)
	require.EqualValues(t, 2, f.Info().LeftOutCount)
	require.Equal(t, `entry "c-1-1" has a files that ends too early, so that paths may be missing`, f.Info().LeftOutReason)
}

// TestExamineFiles checks the states of a database with file lists.
func TestExamineFiles(t *testing.T) {
	s := generate(t, fixture.Options{Packages: 60, Seed: 1, FileLists: true})
	core := s.repository(t, "core")
	path := core.FilesDatabasePath()
	e := core.ExamineFiles(t.Context(), nil)
	require.True(t, e.NeedsBuild)
	require.Nil(t, e.Index)
	e.MarkIndexBuilding()
	require.Equal(t, wire.SourceFailed, e.State)
	require.True(t, e.Building)

	dir := t.TempDir()
	x := filesIndexed(t, dir, core)
	stamp := stampOf(t, path)
	current := func(why string) {
		t.Helper()
		e := core.ExamineFiles(t.Context(), x)
		require.Equal(t, wire.Source{
			Name: "core", Kind: wire.KindFiles, State: wire.SourceOK, AsOf: stamp.MtimeSeconds(), ChangedAt: stampOf(t, path).CtimeSeconds(),
		}, e.Source, why)
		require.Equal(t, x.File, e.Index)
		require.False(t, e.NeedsBuild)
		require.Equal(t, stampOf(t, path), e.Stamp)
	}
	current("unchanged")
	// As for pacman -F, the repository's other database does not matter.
	later := time.Now().Add(time.Hour)
	require.NoError(t, os.Chtimes(core.DatabasePath, later, later))
	current("older than the other database")
	require.NoError(t, os.Remove(core.DatabasePath))
	current("no other database")

	other := s.repository(t, "extra").ExamineFiles(t.Context(), x)
	require.True(t, other.NeedsBuild, "the index of another repository")
	require.Nil(t, other.Index)

	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, append(slices.Clone(content), 0), 0o644))
	e = core.ExamineFiles(t.Context(), x)
	require.True(t, e.NeedsBuild)
	require.True(t, e.Outdated)
	require.Equal(t, x.File, e.Index)
	e.MarkIndexBuilding()
	require.Equal(t, wire.SourceStale, e.State)
	require.False(t, e.Building)
	e.SetBuilt(x.File)
	require.False(t, e.Outdated)

	require.NoError(t, os.WriteFile(path, content[:len(content)/2], 0o644))
	b := filesindex.NewBuilder("core", filesindex.BuildInfo{})
	_, _, err = core.ReadFileLists(t.Context(), b, filesindex.BuildInfo{}, nil)
	require.ErrorIs(t, err, sourcefile.ErrTruncated)
	require.ErrorContains(t, err, path)
	require.ErrorContains(t, err, "download it again with pacman -Fyy")
	e = core.ExamineFiles(t.Context(), x)
	e.SetFailed(err)
	require.Equal(t, wire.SourceStale, e.State)
	require.Equal(t, err.Error(), e.Why)
	require.Equal(t, stamp.MtimeSeconds(), e.AsOf)
	e = core.ExamineFiles(t.Context(), nil)
	e.SetFailed(err)
	require.Equal(t, wire.SourceFailed, e.State)

	require.NoError(t, os.Remove(path))
	e = core.ExamineFiles(t.Context(), x)
	require.Equal(t, wire.SourceStale, e.State)
	require.Equal(t, x.File, e.Index)
	e = core.ExamineFiles(t.Context(), &FilesIndex{File: x.File})
	require.Equal(t, wire.SourceMissing, e.State)
	require.Equal(t, "no database: download it with pacman -Fy", e.Why)
	require.Nil(t, e.Index)
	e = core.ExamineFiles(t.Context(), &FilesIndex{File: x.File, UserChosen: true})
	require.Equal(t, wire.SourceStale, e.State)
	require.Equal(t, x.File, e.Index)
}

// TestOpenFilesIndex_Trust checks that an index that another user could have written is refused.
func TestOpenFilesIndex_Trust(t *testing.T) {
	s := generate(t, fixture.Options{Packages: 20, Seed: 1, FileLists: true})
	dir := t.TempDir()
	path := filesIndexed(t, dir, s.repository(t, "core")).File.Path()
	_, err := OpenFilesIndex(path, func(uint32) bool { return false })
	require.ErrorContains(t, err, path)
	require.NoError(t, os.Chmod(path, 0o666))
	_, err = OpenFilesIndex(path, nil)
	require.Error(t, err)
	require.NoError(t, os.Chmod(path, 0o644))
	require.NoError(t, os.Chmod(path+originSuffix, 0o666))
	x, err := OpenFilesIndex(path, nil)
	require.NoError(t, err)
	require.Nil(t, x.BuiltFrom, "an origin that others can write is not used")
	require.NoError(t, x.File.Close())
	_, err = OpenFilesIndex(filepath.Join(dir, "none"), nil)
	require.ErrorIs(t, err, os.ErrNotExist)
}
