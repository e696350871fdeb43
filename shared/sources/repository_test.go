package sources

import (
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/sourcefile"
	"github.com/omg-arch/omg/shared/wire"
)

// TestExamine_Current checks that an index is used as long as the database has the content from which the index was built,
// even if other attributes of the database file change.
func TestExamine_Current(t *testing.T) {
	s := generate(t, fixture.Options{Packages: 60, Seed: 1})
	core := s.repository(t, "core")
	x := indexed(t, t.TempDir(), core)
	current := func(x *Index) {
		t.Helper()
		e := core.Examine(t.Context(), x)
		stamp := stampOf(t, core.DatabasePath)
		require.Equal(t, wire.Source{
			Name: "core", Kind: wire.KindRepository, State: e.State, Why: e.Why, AsOf: stamp.MtimeSeconds(), ChangedAt: stamp.CtimeSeconds(),
		}, e.IndexedSource.Source)
		require.Equal(t, x.File, e.Index)
		require.False(t, e.NeedsBuild)
		require.Equal(t, stamp, e.Stamp)
	}
	current(x)
	require.Equal(t, wire.SourceOK, core.Examine(t.Context(), x).State)
	now := time.Now()
	require.NoError(t, os.Chtimes(core.DatabasePath, now, now))
	current(x)
	copyFile(t, core.DatabasePath, core.DatabasePath+".new")
	require.NoError(t, os.Rename(core.DatabasePath+".new", core.DatabasePath))
	current(x)
	current(&Index{File: x.File}) // an index without origins

	e := core.Examine(t.Context(), nil)
	require.True(t, e.NeedsBuild)
	require.Nil(t, e.Index)
}

// TestExamine_Stamp checks that a database with the same stamp as the index's origin is not read.
func TestExamine_Stamp(t *testing.T) {
	s := generate(t, fixture.Options{Packages: 60, Seed: 1})
	core := s.repository(t, "core")
	x := indexed(t, t.TempDir(), core)
	content, err := os.ReadFile(core.DatabasePath)
	require.NoError(t, err)
	content[len(content)/2]++
	require.NoError(t, os.WriteFile(core.DatabasePath, content, 0o644))
	require.True(t, core.Examine(t.Context(), x).NeedsBuild)
	x.BuiltFrom[0].Stamp = stampOf(t, core.DatabasePath)
	require.False(t, core.Examine(t.Context(), x).NeedsBuild, "the content was not read")
	x.BuiltFrom[0].SHA256 = "another"
	require.True(t, core.Examine(t.Context(), x).NeedsBuild, "the index was built from a database with another digest than the origin's")
}

// TestExamine_Changed checks that the last index of a changed database is used until the next index is built.
func TestExamine_Changed(t *testing.T) {
	s, next := generate(t, fixture.Options{Packages: 60, Seed: 1}), generate(t, fixture.Options{Packages: 60, Seed: 2})
	core := s.repository(t, "core")
	x := indexed(t, t.TempDir(), core)
	before := stampOf(t, core.DatabasePath)
	copyFile(t, next.database("core"), core.DatabasePath)
	changed := func() ExaminedRepository {
		e := core.Examine(t.Context(), x)
		require.True(t, e.NeedsBuild)
		require.True(t, e.Outdated)
		require.Equal(t, x.File, e.Index)
		return e
	}

	e := changed()
	e.MarkIndexBuilding()
	require.Equal(t, wire.Source{
		Name: "core", Kind: wire.KindRepository, State: wire.SourceStale, Why: "the database has changed and is being indexed",
		AsOf: before.MtimeSeconds(), ChangedAt: before.CtimeSeconds(), Outdated: true,
	}, e.IndexedSource.Source)
	require.Equal(t, x.File, e.Index)
	require.False(t, e.Building, "a request can use the last index and need not wait")

	e = changed()
	f, err := core.BuildInMemory(t.Context(), nil)
	require.NoError(t, err)
	e.SetBuilt(f)
	after := stampOf(t, core.DatabasePath)
	require.Equal(t, wire.Source{
		Name: "core", Kind: wire.KindRepository, State: wire.SourceOK, AsOf: after.MtimeSeconds(), ChangedAt: after.CtimeSeconds(),
	}, e.IndexedSource.Source)
	require.Equal(t, f, e.Index)
	require.False(t, e.NeedsBuild)
}

// TestExamine_First checks that a repository has no index while its first index is built, and that Building is then set, so
// that requests wait.
func TestExamine_First(t *testing.T) {
	s := generate(t, fixture.Options{Packages: 60, Seed: 1})
	core := s.repository(t, "core")
	e := core.Examine(t.Context(), nil)
	require.True(t, e.NeedsBuild)
	require.False(t, e.Outdated)
	e.MarkIndexBuilding()
	require.True(t, e.Building)
	require.Equal(t, wire.SourceFailed, e.State)
	require.Equal(t, "the database is being indexed", e.Why)
	require.Nil(t, e.Index)
	require.False(t, e.NeedsBuild)
}

// TestExamine_OtherDirectory checks that an index of a database of the same name in another directory is used only if the
// contents of the two databases are equal.
func TestExamine_OtherDirectory(t *testing.T) {
	s, other := generate(t, fixture.Options{Packages: 60, Seed: 1}), generate(t, fixture.Options{Packages: 60, Seed: 2})
	core := s.repository(t, "core")
	x := indexed(t, t.TempDir(), other.repository(t, "core"))
	e := core.Examine(t.Context(), x)
	require.True(t, e.NeedsBuild)
	require.Nil(t, e.Index)
	require.False(t, e.Outdated)
	e.MarkIndexBuilding()
	require.Nil(t, e.Index)
	require.Equal(t, wire.SourceFailed, e.State)

	copyFile(t, other.database("core"), core.DatabasePath)
	e = core.Examine(t.Context(), x)
	require.False(t, e.NeedsBuild)
	require.Equal(t, x.File, e.Index)
	require.Equal(t, wire.SourceOK, e.State)
}

// TestExamine_OtherRepository checks that an index that does not contain the repository is ignored.
func TestExamine_OtherRepository(t *testing.T) {
	s := generate(t, fixture.Options{Packages: 60, Seed: 1})
	core := s.repository(t, "core")
	x := indexed(t, t.TempDir(), s.repository(t, "extra"))
	for _, given := range []bool{false, true} {
		x.UserChosen = given
		e := core.Examine(t.Context(), x)
		require.True(t, e.NeedsBuild)
		require.Nil(t, e.Index)
	}
}

// TestExamine_NamedIndex checks that an index that the user chose is never rebuilt.
func TestExamine_NamedIndex(t *testing.T) {
	s, other := generate(t, fixture.Options{Packages: 60, Seed: 1}), generate(t, fixture.Options{Packages: 60, Seed: 2})
	core := s.repository(t, "core")
	x := indexed(t, t.TempDir(), core)
	x.UserChosen = true
	e := core.Examine(t.Context(), x)
	require.Equal(t, wire.SourceOK, e.State)
	require.Equal(t, x.File, e.Index)

	copyFile(t, other.database("core"), core.DatabasePath)
	e = core.Examine(t.Context(), x)
	require.False(t, e.NeedsBuild, "omg does not rebuild an index that the user chose")
	require.Equal(t, wire.SourceStale, e.State)
	require.True(t, e.Outdated)
	require.Contains(t, e.Why, x.File.Path())
	require.Equal(t, x.File, e.Index)
}

// TestExamine_Stale checks that a database becomes stale when its last change on this machine is too long ago. The
// modification time of the database does not matter, because it comes from the mirror.
func TestExamine_Stale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := generate(t, fixture.Options{Packages: 20, Seed: 1})
		path := s.database("core")
		catchUp(t, path)
		x := indexed(t, t.TempDir(), s.repository(t, "core"))
		state := func(after time.Duration, x *Index) wire.Source {
			c := s.config()
			c.StaleAfter = after
			p, err := c.ReadPacmanSetup()
			require.NoError(t, err)
			return p.Repositories[0].Examine(t.Context(), x).IndexedSource.Source
		}
		require.Less(t, stampOf(t, path).MtimeSeconds(), stampOf(t, path).CtimeSeconds()-int64(day/time.Second), "the modification time is more than a day old")
		time.Sleep(time.Hour)
		for _, x := range []*Index{nil, x} {
			require.Equal(t, wire.SourceOK, state(0, x).State)
			require.Equal(t, wire.SourceOK, state(time.Hour, x).State)
			require.Equal(t, wire.SourceStale, state(time.Hour-time.Second, x).State)
		}
		time.Sleep(23 * time.Hour)
		require.Equal(t, wire.SourceOK, state(0, x).State)
		time.Sleep(time.Second)
		require.Equal(t, wire.SourceStale, state(0, x).State, "the default is a day")
		time.Sleep(time.Hour)
		stale := state(0, x)
		require.Equal(t, "not synchronized for 25 hours", stale.Why)
		require.False(t, stale.Outdated, "the database is old, but the index has its present content")
	})
	require.Equal(t, "47 hours", formatAge(48*time.Hour-time.Second))
	require.Equal(t, "3 days", formatAge(80*time.Hour))
}

// TestExamine_MissingWithIndex checks that omg's index of a missing database is used, and that the source then has the times
// of the database from which the index was built.
func TestExamine_MissingWithIndex(t *testing.T) {
	s := generate(t, fixture.Options{Packages: 20, Seed: 1})
	core := s.repository(t, "core")
	x := indexed(t, t.TempDir(), core)
	before := stampOf(t, core.DatabasePath)
	require.NoError(t, os.Remove(core.DatabasePath))
	for _, given := range []bool{false, true} {
		x.UserChosen = given
		e := core.Examine(t.Context(), x)
		require.Equal(t, wire.Source{
			Name: "core", Kind: wire.KindRepository, State: wire.SourceStale, Why: "no database: the last index is used",
			AsOf: before.MtimeSeconds(), ChangedAt: before.CtimeSeconds(), Outdated: !given,
		}, e.IndexedSource.Source)
		require.Equal(t, x.File, e.Index)
		require.Equal(t, sourcefile.Stamp{}, e.Stamp)
	}
}
