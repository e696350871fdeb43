package direct

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/shared/filesindex"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/sources"
	"github.com/omg-arch/omg/shared/wire"
)

// newFilesSystem makes a test system with lists of files.
func newFilesSystem(t *testing.T) *testSystem {
	t.Helper()
	w := newTestSystem(t)
	withLists := options
	withLists.FileLists = true
	require.NoError(t, os.RemoveAll(w.path("db")))
	require.NoError(t, fixture.WriteDatabases(w.path("db"), withLists))
	return w
}

// buildFiles writes the index of the list of files of a repository into a directory. The index has one more package than the list, by
// which answers show from where they are.
func (w *testSystem) buildFiles(dir, repo string) string {
	w.t.Helper()
	pacman := w.pacman()
	for i := range pacman.Repositories {
		r := &pacman.Repositories[i]
		if r.Name != repo {
			continue
		}
		b := filesindex.NewBuilder(repo, filesindex.BuildInfo{})
		f, _, err := r.ReadFileLists(w.t.Context(), b, filesindex.BuildInfo{Builder: "test"}, nil)
		require.NoError(w.t, err)
		require.NoError(w.t, b.Add("marker", "1-1", []string{"usr/bin/marker"}))
		path := sources.FilesIndexPath(dir, repo)
		require.NoError(w.t, os.MkdirAll(dir, 0o755))
		require.NoError(w.t, b.WriteFile(path))
		require.NoError(w.t, sources.IndexOrigins{sources.OriginOfFile(&f.File)}.Write(path))
		return path
	}
	w.t.Fatal("no repository " + repo)
	return ""
}

// owners returns the packages that have a file, as "repository/name".
func (w *testSystem) owners(file string, indexedOnly bool) (names []string, found *wire.FilesOwnerResult) {
	w.t.Helper()
	r := &backend.RepoOwnersRequest{FilesOwnerRequest: wire.FilesOwnerRequest{Names: []string{file}}, IndexedOnly: indexedOnly}
	found, err := w.backend().RepoOwners(w.t.Context(), r, func(o *wire.FileOwner) error {
		names = append(names, o.Repo+"/"+o.Name)
		return nil
	})
	require.NoError(w.t, err)
	return names, found
}

// TestFiles_Index checks when a list of files is read from its index, and when from the database.
func TestFiles_Index(t *testing.T) {
	w := newFilesSystem(t)
	own := paths.IndexDir(w.path("share/omg"))
	names, found := w.owners("marker", false)
	require.Empty(t, names, "there is no index")
	require.Equal(t, []string{"marker"}, found.Missing)
	require.False(t, found.Partial, "the databases were read")
	_, found = w.owners("marker", true)
	require.True(t, found.Partial, "reading the databases takes too long for a suggestion")

	index := w.buildFiles(own, "core")
	names, found = w.owners("marker", false)
	require.Equal(t, []string{"core/marker"}, names)
	require.False(t, found.Partial)

	database := w.path("db/sync/core.files")
	content, err := os.ReadFile(database)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(database, append(content, 0), 0o644))
	names, _ = w.owners("marker", false)
	require.Empty(t, names, "the list has changed since the index was built")
	require.NoError(t, os.Remove(database))
	names, found = w.owners("marker", false)
	require.Equal(t, []string{"core/marker"}, names, "the list is missing: the last index is used")
	require.Equal(t, wire.SourceStale, found.Sources[0].State)

	require.NoError(t, os.WriteFile(database, content, 0o644))
	require.NoError(t, os.WriteFile(index, []byte("damaged"), 0o644))
	names, _ = w.owners("marker", false)
	require.Empty(t, names)
	require.Len(t, w.notes, 1)
	require.Contains(t, w.notes[0], index)
}

// TestFiles_NamedIndex checks that an index that the user names is used even if the list has changed.
func TestFiles_NamedIndex(t *testing.T) {
	w := newFilesSystem(t)
	index := w.buildFiles(w.path("elsewhere"), "extra")
	require.NoError(t, os.Truncate(w.path("db/sync/extra.files"), 100))
	for _, path := range []string{index, filepath.Dir(index)} {
		w.o.IndexPaths = []string{path}
		names, found := w.owners("marker", true)
		require.Equal(t, []string{"extra/marker"}, names)
		require.Equal(t, wire.SourceStale, found.Sources[1].State)
		_, err := w.backend().Search(t.Context(), &wire.SearchRequest{Words: []string{"lib"}}, func(*wire.Package) error { return nil }, nil)
		require.NoError(t, err, "the packages are read from the databases")
	}
}

// TestFiles_Unreadable checks that a list that cannot be read does not affect the others.
func TestFiles_Unreadable(t *testing.T) {
	w := newFilesSystem(t)
	require.NoError(t, os.Remove(w.path("db/sync/core.files")))
	require.NoError(t, os.Remove(w.path("db/sync/multilib.files")))
	require.NoError(t, os.Mkdir(w.path("db/sync/multilib.files"), 0o755))
	w.buildFiles(paths.IndexDir(w.path("share/omg")), "extra")
	names, found := w.owners("marker", false)
	require.Equal(t, []string{"extra/marker"}, names)
	require.True(t, found.Partial)
	require.Equal(t, []wire.SourceState{wire.SourceMissing, wire.SourceOK, wire.SourceFailed}, []wire.SourceState{found.Sources[0].State, found.Sources[1].State, found.Sources[2].State})
}

// TestFiles_Downloaded checks that a list that omgd has downloaded is used if it is as new as pacman's.
func TestFiles_Downloaded(t *testing.T) {
	w := newFilesSystem(t)
	w.write("config.toml", "[aur]\nenabled = false\n[sync]\nfiles = true\n")
	dir := w.path("share/omg/" + sources.FilesDownloadDir)
	w.buildFiles(dir, "core")
	content, err := os.ReadFile(w.path("db/sync/core.files"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "core.files"), content, 0o644))
	names, found := w.owners("marker", false)
	require.Equal(t, []string{"core/marker"}, names)
	require.True(t, found.Sources[0].Downloaded)
	w.o.DBPath = w.path("db")
	names, _ = w.owners("marker", false)
	require.Empty(t, names, "the downloaded list belongs to the default database directory")
}

// TestFiles_Results checks the answers about packages and commands, and that they say which packages are installed.
func TestFiles_Results(t *testing.T) {
	w := newFilesSystem(t)
	w.buildFiles(paths.IndexDir(w.path("share/omg")), "core")
	w.write("db/local/marker-0-1/desc", "%NAME%\nmarker\n\n%VERSION%\n0-1\n\n")
	w.write("db/local/marker-0-1/files", "")
	commands, err := w.backend().Command(t.Context(), &wire.CommandRequest{Names: []string{"marker", "markre"}})
	require.NoError(t, err)
	owner := wire.RepositoryPackage{Repo: "core", Name: "marker", Version: "1-1", InstalledVersion: "0-1"}
	require.Equal(t, []wire.CommandOwner{{Command: "marker", RepositoryPackage: owner, Path: "usr/bin/marker"}}, commands.Commands)
	require.Len(t, commands.Missing, 1)
	require.Contains(t, commands.Missing[0].Similar, wire.CommandOwner{Command: "marker", RepositoryPackage: owner, Path: "usr/bin/marker"})
	var lists []wire.RepositoryFiles
	files, err := w.backend().RepoFiles(t.Context(), &wire.FilesListRequest{Names: []string{"marker", "none"}}, func(f *wire.RepositoryFiles) error {
		lists = append(lists, *f)
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, []string{"none"}, files.Missing)
	require.Equal(t, []wire.RepositoryFiles{{RepositoryPackage: owner, Paths: []string{"usr/bin/marker"}}}, lists)
}
