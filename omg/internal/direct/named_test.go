package direct

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/wire"
)

// TestNamedIndex checks that an index that the user named is used for the repositories in it, and that a directory
// means all indexes in the directory.
func TestNamedIndex(t *testing.T) {
	w := newTestSystem(t)
	all := w.path("all.omgidx")
	w.build(all, "core", "extra", "multilib")
	w.buildOwn()
	dir := filepath.Dir(w.index("core"))
	w.env["XDG_DATA_HOME"] = w.path("nothing")
	for _, named := range [][]string{{all}, {dir}, {all, dir}, {w.index("core"), w.index("extra"), w.index("multilib")}} {
		w.o.IndexPaths = named
		w.found("core", "extra", "multilib")
		require.Empty(t, w.notes)
	}
	w.o.IndexPaths = nil
	w.env["OMG_INDEX"] = w.index("core") + ":" + all
	w.found("core", "extra", "multilib")
	require.Empty(t, w.notes)
	require.Equal(t, []string{w.index("core"), all}, ask(w, (*Backend).Status).Index.Files)

	// If no named index contains a repository, its database is read, even if omg's own index contains the repository.
	w.env["XDG_DATA_HOME"] = w.path("share")
	w.env["OMG_INDEX"] = w.index("core")
	w.found("core", "extra", "multilib")
	require.Equal(t, []string{"omg read the databases themselves (slower): none of the given indexes contains extra; none of the given indexes contains multilib"}, w.notes)
	require.Equal(t, []string{w.index("core")}, ask(w, (*Backend).Status).Index.Files)

	// If a database has changed since its index was built, the database is read instead of the index.
	require.NoError(t, os.WriteFile(w.path("old"), nil, 0o644))
	text, err := os.ReadFile(w.database("multilib"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(w.database("core"), text, 0o644))
	w.env["OMG_INDEX"] = all
	result, _, err := w.info("core/glibc")
	require.NoError(t, err)
	require.Empty(t, result, "the package was only in the earlier database")
	require.Equal(t, []string{"omg read the databases themselves (slower): the database is newer than the index " + all}, w.notes)
}

// TestNamedIndex_NoDatabases checks that an index that the user named is used if there are no databases.
func TestNamedIndex_NoDatabases(t *testing.T) {
	w := newTestSystem(t)
	all := w.path("all.omgidx")
	w.build(all, "core", "extra", "multilib")
	require.NoError(t, os.RemoveAll(w.path("db")))
	w.write("pacman.conf", "[options]\nDBPath = "+w.path("db")+"\n")
	w.o.IndexPaths = []string{all}
	result := w.found("core", "extra", "multilib")
	require.False(t, result.Partial)
	require.Empty(t, w.notes)
	for _, repo := range []string{"core", "extra", "multilib"} {
		s := source(t, result.Sources, repo)
		require.Equal(t, wire.SourceStale, s.State)
		require.Equal(t, "no database: the last index is used", s.Why)
		require.False(t, s.Outdated)
		require.EqualValues(t, 2022, year(s.AsOf))
	}
	// Without databases, omg's own index is not used: it could have been built from the databases of another system.
	w.copyIndex(all)
	w.o.IndexPaths = nil
	_, _, err := w.search(wire.SearchRequest{Words: []string{"lib"}})
	require.Equal(t, wire.CodeNotReady, wire.CodeOf(err))
}

// copyIndex copies an index and its origin to the path of omg's own index of core.
func (w *testSystem) copyIndex(named string) {
	w.t.Helper()
	for _, suffix := range []string{"", ".origin"} {
		text, err := os.ReadFile(named + suffix)
		require.NoError(w.t, err)
		require.NoError(w.t, os.MkdirAll(filepath.Dir(w.index("core")), 0o755))
		require.NoError(w.t, os.WriteFile(w.index("core")+suffix, text, 0o644))
	}
}

// TestNamedIndex_Bad checks that an unusable index is reported and the databases are read instead. Without a
// pacman.conf and databases, only the index could list the repositories, and the command fails.
func TestNamedIndex_Bad(t *testing.T) {
	w := newTestSystem(t)
	good := w.path("good.omgidx")
	w.build(good, "core", "extra", "multilib")
	text, err := os.ReadFile(good)
	require.NoError(t, err)
	named := w.path("named.omgidx")
	cases := map[string]struct {
		make func()
		says string
	}{
		"missing":        {func() {}, "no such file"},
		"empty":          {func() { require.NoError(t, os.WriteFile(named, nil, 0o644)) }, "not an omg index"},
		"something else": {func() { require.NoError(t, os.WriteFile(named, []byte("#!/bin/sh\necho\n"), 0o644)) }, "not an omg index"},
		"cut off":        {func() { require.NoError(t, os.WriteFile(named, text[:len(text)/2], 0o644)) }, "damaged"},
		"writable by others": {func() {
			require.NoError(t, os.WriteFile(named, text, 0o644))
			require.NoError(t, os.Chmod(named, 0o666))
		}, "chmod go-w"},
		"an empty directory": {func() { require.NoError(t, os.Mkdir(named, 0o755)) }, "no index in " + named},
	}
	if os.Getuid() == 0 {
		cases["another user's"] = struct {
			make func()
			says string
		}{func() {
			require.NoError(t, os.WriteFile(named, text, 0o644))
			require.NoError(t, os.Chown(named, 12345, 12345))
		}, "belongs to user 12345"}
	}
	conf, err := os.ReadFile(w.path("pacman.conf"))
	require.NoError(t, err)
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, os.RemoveAll(named))
			c.make()
			w.write("pacman.conf", string(conf))
			w.o.IndexPaths = []string{named}
			require.False(t, w.found("core", "extra", "multilib").Partial)
			require.Len(t, w.notes, 1)
			require.Contains(t, w.notes[0], "omg read the databases themselves (slower): ")
			require.Contains(t, w.notes[0], c.says)

			// Of two indexes, the good one is used.
			w.o.IndexPaths = []string{named, good}
			w.found("core", "extra", "multilib")
			require.Len(t, w.notes, 1)
			require.NotContains(t, w.notes[0], "read the databases")
			require.Contains(t, w.notes[0], c.says)

			w.write("pacman.conf", "[options]\nDBPath = "+w.path("db")+"\n")
			_, _, err := w.search(wire.SearchRequest{Words: []string{"lib"}})
			require.ErrorContains(t, err, c.says)
		})
	}
}
