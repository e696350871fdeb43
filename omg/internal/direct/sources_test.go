package direct

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/wire"
)

// found requires that a search finds all packages of the given repositories.
func (w *testSystem) found(repositories ...string) *wire.SearchResult {
	w.t.Helper()
	want := []string{}
	for _, repo := range repositories {
		for _, p := range generated()[repo] {
			want = append(want, repo+"/"+p.Name)
		}
	}
	names, result, err := w.search(wire.SearchRequest{Repos: []string{"core", "extra", "multilib"}})
	require.NoError(w.t, err)
	require.ElementsMatch(w.t, want, names)
	return result
}

// TestBadDatabase checks that a bad database is reported and does not affect the other databases. The last index of the
// database is used instead, but never an index of another system.
func TestBadDatabase(t *testing.T) {
	counts := ask(newTestSystem(t), (*Backend).Status).Counts
	for _, b := range badDatabases() {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			t.Run("no index", func(t *testing.T) {
				w := newTestSystem(t)
				b.make(t, w.database("extra"))
				withoutExtra(t, w, b)
			})
			t.Run("others' indexes", func(t *testing.T) {
				w := newTestSystem(t)
				w.build(w.index("core"), "core")
				w.build(w.index("multilib"), "multilib")
				b.make(t, w.database("extra"))
				withoutExtra(t, w, b)
				require.Empty(t, w.notes, "no database is read")
			})
			t.Run("an index of another system", func(t *testing.T) {
				other := newTestSystem(t)
				other.buildOwn()
				w := newTestSystem(t)
				w.env["XDG_DATA_HOME"] = other.path("share")
				b.make(t, w.database("extra"))
				withoutExtra(t, w, b)
			})
			t.Run("an index without its origin", func(t *testing.T) {
				w := newTestSystem(t)
				w.buildOwn()
				require.NoError(t, os.Remove(w.index("extra")+".origin"))
				b.make(t, w.database("extra"))
				withoutExtra(t, w, b)
			})
			t.Run("its last index", func(t *testing.T) {
				w := newTestSystem(t)
				w.buildOwn()
				b.make(t, w.database("extra"))
				earlierExtra(t, w, b, &counts)
			})
			t.Run("a named index", func(t *testing.T) {
				w := newTestSystem(t)
				w.build(w.path("all.omgidx"), "core", "extra", "multilib")
				w.o.IndexPaths = []string{w.path("all.omgidx")}
				b.make(t, w.database("extra"))
				earlierExtra(t, w, b, &counts)
			})
			t.Run("a named directory", func(t *testing.T) {
				w := newTestSystem(t)
				w.buildOwn()
				w.o.IndexPaths = []string{filepath.Dir(w.index("core"))}
				w.env["XDG_DATA_HOME"] = w.path("nothing")
				b.make(t, w.database("extra"))
				earlierExtra(t, w, b, &counts)
			})
		})
	}
}

// withoutExtra requires that the results do not contain the packages of extra, and that they are marked as partial.
func withoutExtra(t *testing.T, w *testSystem, b bad) {
	t.Helper()
	result := w.found("core", "multilib")
	require.True(t, result.Partial)
	extra := source(t, result.Sources, "extra")
	require.Equal(t, b.state, extra.State)
	require.Contains(t, extra.Why, b.says)
	require.Equal(t, wire.SourceOK, source(t, result.Sources, "core").State)

	st := ask(w, (*Backend).Status)
	require.True(t, st.Partial)
	require.ElementsMatch(t, []string{"foreign", "updates", "ignored", "replacements"}, st.PartialCounts)
	require.Equal(t, extra, source(t, st.Sources, "extra"))
	require.NotNil(t, st.Counts.Updates)
	outdated := ask(w, (*Backend).Outdated)
	require.True(t, outdated.Partial)
	require.Equal(t, extra, source(t, outdated.Sources, "extra"))
	require.NotEmpty(t, outdated.Foreign, "packages of extra are listed as foreign")
	foreign, err := w.backend().Installed(t.Context(), &wire.InstalledRequest{Filter: wire.FilterForeign})
	require.NoError(t, err)
	require.True(t, foreign.Partial)
	require.Equal(t, extra, source(t, foreign.Sources, "extra"))
	for _, filter := range []string{"", wire.FilterExplicit, wire.FilterOrphans} {
		local, err := w.backend().Installed(t.Context(), &wire.InstalledRequest{Filter: filter})
		require.NoError(t, err)
		require.False(t, local.Partial, "the local database could be read")
	}

	_, info, err := w.info("core/nothing")
	require.NoError(t, err)
	require.False(t, info.Partial, "core could be read")
	for _, name := range []string{"nothing", "extra/nothing"} {
		_, info, err = w.info(name)
		require.NoError(t, err)
		require.True(t, info.Partial, name)
	}
	_, only, err := w.search(wire.SearchRequest{Repos: []string{"core"}})
	require.NoError(t, err)
	require.False(t, only.Partial)
	_, _, err = w.search(wire.SearchRequest{Repos: []string{"extra"}})
	require.Equal(t, wire.CodeNotReady, wire.CodeOf(err))
	require.ErrorContains(t, err, b.says)
}

// earlierExtra requires that the results contain the packages of extra, from an index that was built before the database
// became bad. The parameter counts holds the expected counts of the status.
func earlierExtra(t *testing.T, w *testSystem, b bad, counts *wire.Counts) {
	t.Helper()
	result := w.found("core", "extra", "multilib")
	require.False(t, result.Partial)
	require.Empty(t, w.notes, "the result contains the reason")
	extra := source(t, result.Sources, "extra")
	require.Equal(t, wire.SourceStale, extra.State)
	missing := b.state == wire.SourceMissing
	if missing {
		require.Equal(t, "no database: the last index is used", extra.Why)
	} else {
		require.Contains(t, extra.Why, b.says)
	}
	// If the database does not exist, an index that the user named is not considered outdated.
	require.Equal(t, !missing || w.o.IndexPaths == nil, extra.Outdated)
	require.EqualValues(t, 2022, year(extra.AsOf), "the time of the database that was indexed")
	st := ask(w, (*Backend).Status)
	require.False(t, st.Partial)
	require.Empty(t, st.PartialCounts)
	require.Equal(t, extra, source(t, st.Sources, "extra"))
	require.Equal(t, *counts, st.Counts)
}

// TestBadDatabase_All checks that without a readable database and a usable index, searches fail instead of finding
// nothing.
func TestBadDatabase_All(t *testing.T) {
	w := newTestSystem(t)
	for _, repo := range []string{"core", "extra", "multilib"} {
		require.NoError(t, os.WriteFile(w.database(repo), []byte("<html>"), 0o644))
	}
	_, _, err := w.search(wire.SearchRequest{Words: []string{"lib"}})
	require.Equal(t, wire.CodeNotReady, wire.CodeOf(err))
	require.ErrorContains(t, err, "no repository can be searched: core: read "+w.database("core"))
	_, _, err = w.info("glibc")
	require.Equal(t, wire.CodeNotReady, wire.CodeOf(err))
	_, err = w.backend().Outdated(t.Context())
	require.Equal(t, wire.CodeNotReady, wire.CodeOf(err))
	_, err = w.backend().Installed(t.Context(), &wire.InstalledRequest{Filter: wire.FilterForeign})
	require.Equal(t, wire.CodeNotReady, wire.CodeOf(err))
	st := ask(w, (*Backend).Status)
	require.True(t, st.Partial)
	require.Nil(t, st.Counts.Updates)
	require.Nil(t, st.Counts.Foreign)
	require.EqualValues(t, options.Installed, *st.Counts.Installed)

	require.NoError(t, os.RemoveAll(w.path("db/sync")))
	_, _, err = w.search(wire.SearchRequest{Words: []string{"lib"}})
	require.ErrorContains(t, err, "no package databases in "+w.path("db")+"/sync: download them with pacman -Syu")
	w.write("pacman.conf", "[options]\nDBPath = "+w.path("db")+"\n")
	_, _, err = w.search(wire.SearchRequest{Words: []string{"lib"}})
	require.ErrorContains(t, err, "no package databases in "+w.path("db")+"/sync: download them with pacman -Syu")
}

// TestBadDatabase_Back checks that a database is read again once it is readable.
func TestBadDatabase_Back(t *testing.T) {
	w := newTestSystem(t)
	w.buildOwn()
	good, err := os.ReadFile(w.database("extra"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(w.database("extra"), []byte("<html>"), 0o644))
	require.Equal(t, wire.SourceStale, source(t, w.found("core", "extra", "multilib").Sources, "extra").State)
	require.NoError(t, os.WriteFile(w.database("extra"), good, 0o644))
	require.Equal(t, wire.SourceOK, source(t, w.found("core", "extra", "multilib").Sources, "extra").State)
	require.Empty(t, w.notes, "the index matches the database")
}

// TestOwnIndex checks that an index that matches the database is used, and the database is not read.
func TestOwnIndex(t *testing.T) {
	w := newTestSystem(t)
	result := w.found("core", "extra", "multilib")
	require.False(t, result.Partial)
	require.Equal(t, []string{"no index, so omg read the databases themselves (slower): omg-index build creates one"}, w.notes)
	require.Empty(t, ask(w, (*Backend).Status).Index.Files)

	w.buildOwn()
	w.found("core", "extra", "multilib")
	require.Empty(t, w.notes)
	st := ask(w, (*Backend).Status)
	require.Equal(t, []string{w.index("core"), w.index("extra"), w.index("multilib")}, st.Index.Files)
	require.EqualValues(t, options.Packages, st.Index.Packages)

	// An index also matches a database with the same content but another stamp.
	text, err := os.ReadFile(w.database("core"))
	require.NoError(t, err)
	require.NoError(t, os.Remove(w.database("core")))
	require.NoError(t, os.WriteFile(w.database("core"), text, 0o644))
	w.found("core", "extra", "multilib")
	require.Empty(t, w.notes)

	// An index also matches a database with the same content in another directory.
	other := newTestSystem(t)
	other.env["XDG_DATA_HOME"] = w.path("share")
	other.found("core", "extra", "multilib")
	require.Empty(t, other.notes)

	// --data-dir replaces the default path.
	w.o.DataDir = w.path("elsewhere")
	w.found("core", "extra", "multilib")
	require.NotEmpty(t, w.notes)
}

// TestOwnIndex_Earlier checks that if every database has an index and one database has changed, only this database is
// read.
func TestOwnIndex_Earlier(t *testing.T) {
	w := newTestSystem(t)
	w.buildOwn()
	other := options
	other.Seed++
	require.NoError(t, fixture.WriteDatabases(w.path("other"), other))
	require.NoError(t, os.Rename(w.path("other/sync/extra.db"), w.database("extra")))
	want := []string{}
	for p := range fixture.GeneratePackages(other) {
		if p.Repo == "extra" {
			want = append(want, "extra/"+p.Name)
		}
	}
	names, result, err := w.search(wire.SearchRequest{Repos: []string{"extra"}})
	require.NoError(t, err)
	require.ElementsMatch(t, want, names)
	require.Equal(t, wire.SourceOK, source(t, result.Sources, "extra").State)
	require.False(t, source(t, result.Sources, "extra").Outdated)
	require.Equal(t, []string{"omg read the databases themselves (slower): " + w.index("extra") + ": the database has changed since this index was built"}, w.notes)
	require.Equal(t, []string{w.index("core"), w.index("multilib")}, ask(w, (*Backend).Status).Index.Files)
}

// flips returns copies of a file with one flipped bit each. The bits are spread over the file.
func flips(good []byte) (list [][]byte) {
	const places = 24
	for i := range places {
		b := bytes.Clone(good)
		b[i*(len(good)-1)/(places-1)] ^= 0x10
		list = append(list, b)
	}
	return list
}

// TestIndex_FlippedBit checks that an index with a flipped bit is never used, because the bit could hide a package.
func TestIndex_FlippedBit(t *testing.T) {
	w := newTestSystem(t)
	w.buildOwn()
	good, err := os.ReadFile(w.index("core"))
	require.NoError(t, err)
	for _, b := range flips(good) {
		require.NoError(t, os.WriteFile(w.index("core"), b, 0o644))
		require.False(t, w.found("core", "extra", "multilib").Partial)
		require.Len(t, w.notes, 1)
		require.Contains(t, w.notes[0], "omg read the databases themselves (slower): "+w.index("core")+": ")
	}
	require.NoError(t, os.WriteFile(w.index("core"), good, 0o644))
	w.found("core", "extra", "multilib")
	require.Empty(t, w.notes)

	named := w.path("named.omgidx")
	w.build(named, "core", "extra", "multilib")
	w.o.IndexPaths = []string{named}
	good, err = os.ReadFile(named)
	require.NoError(t, err)
	for _, b := range flips(good) {
		require.NoError(t, os.WriteFile(named, b, 0o644))
		w.found("core", "extra", "multilib")
		require.Len(t, w.notes, 1)
		require.Contains(t, w.notes[0], "omg read the databases themselves (slower): "+named+": ")
	}
}

// TestConfiguration checks that all existing databases are used if pacman.conf has no repositories, and that an invalid
// pacman.conf is an error.
func TestConfiguration(t *testing.T) {
	w := newTestSystem(t)
	w.write("pacman.conf", "[options]\nDBPath = "+w.path("db")+"\n")
	w.found("core", "extra", "multilib")
	w.write("pacman.conf", "[options\n")
	_, _, err := w.search(wire.SearchRequest{Words: []string{"lib"}})
	require.ErrorContains(t, err, "pacman.conf")
	require.NoError(t, os.Remove(w.path("pacman.conf")))
	_, _, err = w.search(wire.SearchRequest{Words: []string{"lib"}})
	require.ErrorIs(t, err, os.ErrNotExist)
	require.True(t, strings.HasPrefix(err.Error(), "open "+w.path("pacman.conf")), err.Error())

	w = newTestSystem(t)
	w.write("db/db.lck", "")
	st := ask(w, (*Backend).Status)
	require.Equal(t, []wire.Problem{{Name: "db.lck", State: "busy", Why: "pacman is running"}}, st.Problems)
}
