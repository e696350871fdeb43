package direct

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/wire"
)

// TestLocal_Missing checks that the installed packages are unknown if there is no local database, and that omg prints no
// note about it.
func TestLocal_Missing(t *testing.T) {
	w := newTestSystem(t)
	w.buildOwn()
	require.NoError(t, os.RemoveAll(w.path("db/local")))
	w.found("core", "extra", "multilib")
	require.Empty(t, w.notes)
	for name, question := range map[string]func(*Backend, context.Context) error{
		"installed": func(b *Backend, ctx context.Context) error {
			_, err := b.Installed(ctx, &wire.InstalledRequest{})
			return err
		},
		"explicit": func(b *Backend, ctx context.Context) error { _, err := b.Explicit(ctx); return err },
	} {
		err := question(w.backend(), t.Context())
		require.ErrorIs(t, err, backend.ErrNoLocal, name)
		require.EqualError(t, err, "no local database at "+w.path("db/local"), name)
	}
	_, err := w.backend().Outdated(t.Context())
	require.Equal(t, wire.CodeNotReady, wire.CodeOf(err))
	st := ask(w, (*Backend).Status)
	require.True(t, st.Stale)
	require.Equal(t, wire.Counts{}, st.Counts, "unknown is not 0")
	require.Empty(t, w.notes)
}

// TestLocal_Damaged checks that a damaged local database does not affect the repositories.
func TestLocal_Damaged(t *testing.T) {
	for name, c := range map[string]struct {
		make func(w *testSystem)
		says string
	}{
		"another version": {func(w *testSystem) { w.write("db/local/ALPM_DB_VERSION", "8\n") }, "wrong version"},
		"no version":      {func(w *testSystem) { require.NoError(w.t, os.Remove(w.path("db/local/ALPM_DB_VERSION"))) }, "wrong version"},
		"a link to itself": {func(w *testSystem) {
			require.NoError(w.t, os.RemoveAll(w.path("db/local")))
			require.NoError(w.t, os.Symlink("local", w.path("db/local")))
		}, "too many levels"},
	} {
		w := newTestSystem(t)
		w.buildOwn()
		c.make(w)
		w.found("core", "extra", "multilib")
		require.Len(t, w.notes, 1, name)
		require.Contains(t, w.notes[0], "the installed packages are unknown: ", name)
		require.Contains(t, w.notes[0], c.says, name)
		_, err := w.backend().Installed(t.Context(), &wire.InstalledRequest{})
		require.ErrorContains(t, err, c.says, name)
		require.NotErrorIs(t, err, backend.ErrNoLocal, name)
		_, err = w.backend().Installed(t.Context(), &wire.InstalledRequest{Filter: wire.FilterForeign})
		require.Equal(t, wire.CodeNotReady, wire.CodeOf(err), name)
		require.ErrorContains(t, err, c.says, name)
		_, err = w.backend().Outdated(t.Context())
		require.ErrorContains(t, err, c.says, name)
		st := ask(w, (*Backend).Status)
		require.True(t, st.Stale, name)
		require.Contains(t, st.Why, c.says, name)
		require.Equal(t, wire.Counts{}, st.Counts, name)
	}
}

// TestLocal_Unread checks that a package whose description cannot be read is counted as installed, with unknown reason
// and dependencies.
func TestLocal_Unread(t *testing.T) {
	w := newTestSystem(t)
	w.buildOwn()
	local, err := pacmandb.ReadLocal(t.Context(), w.path("db"))
	require.NoError(t, err)
	p := local.Packages[0]
	entry := p.Name + "-" + p.Version
	require.NoError(t, os.Remove(w.path("db/local/"+entry+"/desc")))
	const says = " has no desc"

	st := ask(w, (*Backend).Status)
	require.EqualValues(t, options.Installed, *st.Counts.Installed)
	require.True(t, st.Partial)
	require.Equal(t, []string{"explicit", "orphans", "orphans_required"}, st.PartialCounts)
	require.Equal(t, []wire.Problem{{Name: "local", State: "incomplete", Why: "local/" + entry + says}}, st.Problems)
	explicit := ask(w, (*Backend).Explicit)
	require.True(t, explicit.Partial)
	require.Equal(t, "local/"+entry+says, explicit.Why)
	for _, filter := range []string{"", wire.FilterExplicit, wire.FilterDeps, wire.FilterOrphans, wire.FilterOrphansOrOptional, wire.FilterForeign} {
		list, err := w.backend().Installed(t.Context(), &wire.InstalledRequest{Filter: filter})
		require.NoError(t, err)
		require.True(t, list.Partial, filter)
		require.Equal(t, "local/"+entry+says, list.Why, filter)
	}
}

// TestInstalled checks that the lists of installed packages match the local database, and contain details only on
// request.
func TestInstalled(t *testing.T) {
	w := newTestSystem(t)
	local, err := pacmandb.ReadLocal(t.Context(), w.path("db"))
	require.NoError(t, err)
	list := func(r wire.InstalledRequest) *wire.InstalledResult {
		result, err := w.backend().Installed(t.Context(), &r)
		require.NoError(t, err)
		return result
	}
	all := list(wire.InstalledRequest{})
	require.Len(t, all.Packages, options.Installed)
	for i, p := range all.Packages {
		require.Equal(t, local.Packages[i].Name, p.Name)
		require.Equal(t, local.Packages[i].Version, p.Version)
		require.Equal(t, "local", p.Repo)
		require.Empty(t, p.URL)
	}
	details := list(wire.InstalledRequest{Details: true})
	require.True(t, slices.ContainsFunc(details.Packages, func(p wire.InstalledPackage) bool { return p.URL != "" && len(p.RequiredBy) > 0 }))
	require.Equal(t, len(local.ExplicitPackages()), len(list(wire.InstalledRequest{Filter: wire.FilterExplicit}).Packages))
	require.Equal(t, len(local.ExplicitPackages()), len(ask(w, (*Backend).Explicit).Names))
	require.Equal(t, options.Installed, len(local.ExplicitPackages())+len(list(wire.InstalledRequest{Filter: wire.FilterDeps}).Packages))
	require.Empty(t, w.notes, "no database is read")

	name := local.Packages[0].Name
	one := list(wire.InstalledRequest{Names: []string{name, "nothing"}})
	require.Len(t, one.Packages, 1)
	require.Equal(t, []string{"nothing"}, one.Missing)
	require.NotEmpty(t, list(wire.InstalledRequest{Words: []string{strings.ToUpper(name)}}).Packages)
	_, err = w.backend().Installed(t.Context(), &wire.InstalledRequest{Words: []string{"("}, Regex: true})
	require.Equal(t, wire.CodeInvalid, wire.CodeOf(err))

	foreign := list(wire.InstalledRequest{Filter: wire.FilterForeign})
	require.NotEmpty(t, foreign.Packages)
	inRepos := map[string]bool{}
	for _, packages := range generated() {
		for _, p := range packages {
			inRepos[p.Name] = true
		}
	}
	for _, p := range all.Packages {
		is := slices.ContainsFunc(foreign.Packages, func(f wire.InstalledPackage) bool { return f.Name == p.Name })
		require.Equal(t, !inRepos[p.Name], is, p.Name)
	}
}
