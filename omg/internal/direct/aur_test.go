package direct

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/sources"
	"github.com/omg-arch/omg/shared/wire"
)

// TestAUR checks that the packages of the AUR are found if an index of the AUR exists.
func TestAUR(t *testing.T) {
	w := newTestSystem(t)
	w.buildOwn()
	inAUR := func() (wire.Source, error) {
		names, result, err := w.search(wire.SearchRequest{Words: []string{"yay"}})
		if err != nil {
			return wire.Source{}, err
		}
		i := slices.IndexFunc(result.Sources, func(s wire.Source) bool { return s.Kind == wire.KindAUR })
		require.False(t, result.Partial, "the repositories could be read")
		if i < 0 {
			require.NotContains(t, names, "aur/yay-bin")
			return wire.Source{}, nil
		}
		s := result.Sources[i]
		require.Equal(t, s.State == wire.SourceOK || s.State == wire.SourceStale, slices.Contains(names, "aur/yay-bin"))
		return s, nil
	}
	only := func() error {
		_, _, err := w.search(wire.SearchRequest{Repos: []string{wire.SourceAUR}})
		return err
	}

	s, err := inAUR()
	require.NoError(t, err)
	require.Empty(t, s, "the AUR is disabled and has no index")
	require.Equal(t, wire.CodeNetwork, wire.CodeOf(only()))

	w.write("config.toml", "[aur]\nenabled = true\n")
	s, err = inAUR()
	require.NoError(t, err)
	require.Equal(t, wire.Source{Name: wire.SourceAUR, Kind: wire.KindAUR, State: wire.SourceMissing, Why: "no data yet; omgd downloads it"}, s)
	require.Equal(t, wire.CodeNetwork, wire.CodeOf(only()))
	require.ErrorContains(t, only(), "no data yet; omgd downloads it")
	require.Empty(t, w.notes)
	outdated := ask(w, (*Backend).Outdated)
	require.NotEmpty(t, outdated.Foreign)
	for _, p := range outdated.Foreign {
		require.Equal(t, wire.ForeignUnknown, p.State)
	}
	require.Nil(t, ask(w, (*Backend).Status).Counts.AURUpdates, "unknown is not 0")

	w.buildAUR(w.index(wire.SourceAUR))
	s, err = inAUR()
	require.NoError(t, err)
	require.Equal(t, wire.SourceOK, s.State)
	require.NoError(t, only())
	require.NotNil(t, ask(w, (*Backend).Status).Counts.AURUpdates)
	require.Contains(t, ask(w, (*Backend).Status).Index.Files, w.index(wire.SourceAUR))
	w.write("config.toml", "[aur]\nenabled = false\n")
	s, err = inAUR()
	require.NoError(t, err)
	require.Equal(t, wire.SourceOK, s.State, "an index is used although the AUR is disabled")

	good, err := os.ReadFile(w.index(wire.SourceAUR))
	require.NoError(t, err)
	for _, b := range append(flips(good), nil, good[:len(good)/2], []byte("<html>")) {
		require.NoError(t, os.WriteFile(w.index(wire.SourceAUR), b, 0o644))
		s, err = inAUR()
		require.NoError(t, err)
		require.Equal(t, wire.SourceFailed, s.State)
		require.Contains(t, s.Why, w.index(wire.SourceAUR))
		require.Equal(t, []string{"cannot use the index of the AUR: " + s.Why}, w.notes)
		require.Equal(t, wire.CodeNetwork, wire.CodeOf(only()))
	}
	require.False(t, ask(w, (*Backend).Outdated).Partial, "the results of the repositories are not affected")
}

// TestAUR_Stale checks that a dump older than the configured age is marked stale.
func TestAUR_Stale(t *testing.T) {
	w := newTestSystem(t)
	w.buildOwn()
	w.buildAUR(w.index(wire.SourceAUR))
	w.write("config.toml", "[stale]\naur = \"1h\"\n")
	b := pkgindex.NewBuilder("test", 1)
	into := b.AddSource(wire.SourceAUR, pkgindex.KindAUR)
	require.NoError(t, into.Add(&wire.Package{Name: "yay-bin", Version: "1-1", AUR: &wire.AUR{}}))
	into.SetFileInfo("", 0, time.Now().Add(-3*time.Hour).Unix())
	w.writeIndex(w.index(wire.SourceAUR), b)
	_, result, err := w.search(wire.SearchRequest{Words: []string{"yay"}})
	require.NoError(t, err)
	s := source(t, result.Sources, wire.SourceAUR)
	require.Equal(t, wire.SourceStale, s.State)
	require.Equal(t, "the dump is 3 hours old", s.Why)
}

// TestAUR_NamedIndex checks that an index that the user named may contain the AUR, and that omg's own index of the AUR
// is then not used.
func TestAUR_NamedIndex(t *testing.T) {
	w := newTestSystem(t)
	w.write("config.toml", "")
	w.buildOwn()
	w.buildAUR(w.index(wire.SourceAUR))
	dir := filepath.Dir(w.index("core"))
	state := func(named ...string) wire.Source {
		w.o.IndexPaths = named
		_, result, err := w.search(wire.SearchRequest{Words: []string{"yay"}})
		require.NoError(t, err)
		return source(t, result.Sources, wire.SourceAUR)
	}
	require.Equal(t, wire.SourceOK, state(dir).State)
	require.Equal(t, wire.SourceOK, state(w.index("core"), w.index(wire.SourceAUR)).State)
	require.Equal(t, wire.SourceMissing, state(w.index("core")).State)
	require.NoError(t, os.WriteFile(w.index(wire.SourceAUR), []byte("<html>"), 0o644))
	s := state(dir)
	require.Equal(t, wire.SourceFailed, s.State)
	require.Contains(t, s.Why, w.index(wire.SourceAUR)+": not an omg index")
	require.Equal(t, []string{w.index(wire.SourceAUR) + ": not an omg index"}, w.notes)
}

// writeDownload creates a downloaded database: it writes a database and its index to the directory in which omgd keeps
// downloaded databases. The parameter at is the modification time of the database.
func (w *testSystem) writeDownload(repo string, o fixture.Options, at time.Time) {
	w.t.Helper()
	dir := w.path("download")
	require.NoError(w.t, fixture.WriteDatabases(dir, o))
	own := filepath.Join(w.path("share/omg"), sources.DownloadDir)
	require.NoError(w.t, os.MkdirAll(own, 0o755))
	path := filepath.Join(own, repo+".db")
	require.NoError(w.t, os.Rename(filepath.Join(dir, "sync", repo+".db"), path))
	require.NoError(w.t, os.RemoveAll(dir))
	require.NoError(w.t, os.Chtimes(path, at, at))
	r, err := sources.RepositoryFromFile(path)
	require.NoError(w.t, err)
	b := pkgindex.NewBuilder("test", 1)
	_, _, err = r.ReadPackages(w.t.Context(), b.AddSource(repo, pkgindex.KindRepo), nil)
	require.NoError(w.t, err)
	w.writeIndex(sources.IndexPath(own, pkgindex.KindRepo, repo), b)
}

// TestDownloads checks that updates are computed from downloaded databases, which are also searched if the
// configuration says so.
func TestDownloads(t *testing.T) {
	newer := options
	newer.Seed++
	now := time.Now()
	w := newTestSystem(t)
	w.buildOwn()
	plain := ask(w, (*Backend).Status)
	w.write("config.toml", "[aur]\nenabled = false\n[sync]\nenabled = true\n")
	for _, repo := range []string{"core", "extra"} {
		w.writeDownload(repo, newer, now)
	}
	st := ask(w, (*Backend).Status)
	require.Len(t, st.ComparedSources, 3)
	for _, repo := range []string{"core", "extra"} {
		s := source(t, st.ComparedSources, repo)
		require.True(t, s.Downloaded)
		require.Equal(t, wire.SourceOK, s.State)
		require.Equal(t, now.Unix(), s.AsOf)
		require.False(t, source(t, st.Sources, repo).Downloaded, "searches use pacman's databases")
	}
	multilib := source(t, st.ComparedSources, "multilib")
	require.False(t, multilib.Downloaded)
	require.Equal(t, "omgd's download: not downloaded yet", multilib.Why)
	require.False(t, st.Partial)
	require.NotEqual(t, plain.Counts, st.Counts, "other packages have updates")
	w.found("core", "extra", "multilib")
	require.True(t, source(t, ask(w, (*Backend).Outdated).Sources, "core").Downloaded)

	// Downloaded databases are not used with a database directory that the user named.
	w.o.DBPath = w.path("db")
	require.Equal(t, plain.Counts, ask(w, (*Backend).Status).Counts)
	require.Nil(t, ask(w, (*Backend).Status).ComparedSources)
	w.o.DBPath = ""

	// If pacman's database cannot be read, the downloaded one is still used for updates, but not searched.
	require.NoError(t, os.WriteFile(w.database("extra"), []byte("<html>"), 0o644))
	require.NoError(t, os.Remove(w.index("extra")))
	require.False(t, ask(w, (*Backend).Outdated).Partial)
	require.True(t, w.found("core", "multilib").Partial)
	w.write("config.toml", "[aur]\nenabled = false\n[sync]\nenabled = true\nsearch = true\n")
	_, result, err := w.search(wire.SearchRequest{Words: []string{"lib"}})
	require.NoError(t, err)
	require.False(t, result.Partial)
	require.True(t, source(t, result.Sources, "extra").Downloaded)
	require.Nil(t, ask(w, (*Backend).Status).ComparedSources)
}

// TestDownloads_Bad checks that pacman's database is used instead of a downloaded database that is unusable or older.
// For an unusable one, the status shows the reason.
func TestDownloads_Bad(t *testing.T) {
	w := newTestSystem(t)
	w.buildOwn()
	plain := ask(w, (*Backend).Status).Counts
	w.write("config.toml", "[aur]\nenabled = false\n[sync]\nenabled = true\n")
	w.writeDownload("core", options, time.Now())
	index := sources.IndexPath(filepath.Join(w.path("share/omg"), sources.DownloadDir), pkgindex.KindRepo, "core")
	good, err := os.ReadFile(index)
	require.NoError(t, err)
	for _, b := range append(flips(good)[:5], nil, []byte("<html>")) {
		require.NoError(t, os.WriteFile(index, b, 0o644))
		st := ask(w, (*Backend).Status)
		s := source(t, st.ComparedSources, "core")
		require.False(t, s.Downloaded)
		require.Equal(t, wire.SourceOK, s.State)
		require.Contains(t, s.Why, "omgd's download: "+index+": ")
		require.Equal(t, plain, st.Counts)
	}
	require.NoError(t, os.WriteFile(index, good, 0o644))
	require.True(t, source(t, ask(w, (*Backend).Status).ComparedSources, "core").Downloaded)
	later := time.Now().Add(time.Hour)
	require.NoError(t, os.Chtimes(w.database("core"), later, later))
	s := source(t, ask(w, (*Backend).Status).ComparedSources, "core")
	require.False(t, s.Downloaded)
	require.Empty(t, s.Why)
	require.NoError(t, os.Remove(index))
	require.Equal(t, "omgd's download: not downloaded yet", source(t, ask(w, (*Backend).Status).ComparedSources, "core").Why)
}
