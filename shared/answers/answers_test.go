package answers

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"

	"github.com/omg-arch/omg/shared/catalog"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/inventory"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/wire"
)

// generated is the data of a generated system.
func generated(t testing.TB, o fixture.Options) *Data {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "db")
	require.NoError(t, fixture.Write(dir, o))
	repos, err := catalog.Config{DBPath: dir}.ReadRepos()
	require.NoError(t, err)
	f, err := repos.Memory(t.Context())
	require.NoError(t, err)
	local, err := pacmandb.ReadLocal(t.Context(), dir)
	require.NoError(t, err)
	view := repos.View()
	set, err := pkgindex.NewSet([]*pkgindex.File{f}, view)
	require.NoError(t, err)
	inv, err := inventory.Take(repos, set, local)
	require.NoError(t, err)
	return &Data{Set: set, Generation: 7, Sources: repos.Sources(nil), Inventory: inv}
}

// parts collects the parts of an answer, each checked as a client checks it.
func parts(t testing.TB, answer func(Emit) error) [][]byte {
	t.Helper()
	var out [][]byte
	last := true
	require.NoError(t, answer(func(b []byte, more bool) error {
		require.True(t, last, "nothing follows the last part")
		require.LessOrEqual(t, len(b), 4*MaxPart)
		require.NoError(t, wire.Check(b))
		out = append(out, slices.Clone(b))
		last = more
		return nil
	}))
	require.False(t, last, "the last part says so")
	return out
}

func searchAll(t testing.TB, d *Data, r *wire.SearchRequest) wire.SearchResult {
	t.Helper()
	var result wire.SearchResult
	for _, b := range parts(t, func(e Emit) error { return d.Search(r, e) }) {
		require.NoError(t, wire.DecodeSearch(b, &result, func(p *wire.Package) error {
			result.Packages = append(result.Packages, *p)
			return nil
		}))
	}
	return result
}

func TestSearchInParts(t *testing.T) {
	const packages = 1800
	d := generated(t, fixture.Options{Packages: packages, Installed: 100, Seed: 3})
	all := searchAll(t, d, &wire.SearchRequest{Words: []string{""}})
	require.EqualValues(t, 7, all.Generation)
	require.EqualValues(t, packages, all.Total)
	require.Len(t, all.Packages, packages)
	require.Len(t, all.Sources, 3)
	require.Greater(t, len(parts(t, func(e Emit) error { return d.Search(&wire.SearchRequest{Words: []string{""}}, e) })), 2)
	seen, installed := map[string]bool{}, 0
	for _, p := range all.Packages {
		require.False(t, seen[p.Repo+"/"+p.Name])
		seen[p.Repo+"/"+p.Name] = true
		require.Equal(t, d.Inventory.Versions[p.Name], p.Installed)
		if p.Installed != "" {
			installed++
		}
	}
	require.Equal(t, 100-len(d.Inventory.Foreign), installed)
}

func TestInfoIsWhatWasIndexed(t *testing.T) {
	o := fixture.Options{Packages: 300, Installed: 20, Seed: 3, Duplicates: 5}
	d := generated(t, o)
	require.NotEmpty(t, slices.Collect(fixture.Packages(o)))
	for p := range fixture.Packages(o) {
		var got []wire.Package
		var result wire.InfoResult
		for _, b := range parts(t, func(e Emit) error {
			return d.Info(&wire.InfoRequest{Names: []string{p.Repo + "/" + p.Name}}, e)
		}) {
			require.NoError(t, wire.DecodeInfo(b, &result, func(p *wire.Package) error {
				got = append(got, *p)
				return nil
			}))
		}
		require.Len(t, got, 1, p.Name)
		p.Installed = d.Inventory.Versions[p.Name]
		require.Equal(t, p, got[0])
	}
}

func TestInfoOfWhatIsNotThere(t *testing.T) {
	d := generated(t, fixture.Options{Packages: 300, Installed: 20, Seed: 3})
	var result wire.InfoResult
	for _, b := range parts(t, func(e Emit) error {
		return d.Info(&wire.InfoRequest{Names: []string{"firefxo", "core/nothing", "", "a/b/c"}}, e)
	}) {
		require.NoError(t, wire.DecodeInfo(b, &result, func(*wire.Package) error { return nil }))
	}
	require.Len(t, result.Missing, 4)
	require.Equal(t, wire.Missing{Name: "firefxo", Close: []string{"firefox"}}, result.Missing[0])

	err := d.Info(&wire.InfoRequest{Names: []string{"aur/firefox", "aur/yay"}}, func([]byte, bool) error {
		t.Error("an answer")
		return nil
	})
	require.ErrorIs(t, err, ErrAUR, "nothing is known of the AUR")
	require.NoError(t, d.Info(&wire.InfoRequest{Names: []string{"aur/firefox", "firefox"}}, func([]byte, bool) error { return nil }))
}

func TestWhatIsNotKnownIsNotZero(t *testing.T) {
	d := generated(t, fixture.Options{Packages: 50, Installed: 5, Seed: 3})
	d.Inventory, d.InstalledWhy = nil, "local is on fire"
	for _, answer := range []func(Emit) error{
		d.Explicit, d.Outdated,
		func(e Emit) error { return d.Installed(&wire.InstalledRequest{}, e) },
	} {
		err := answer(func([]byte, bool) error { t.Error("an answer"); return nil })
		require.ErrorIs(t, err, ErrUnknown)
		require.ErrorContains(t, err, "on fire")
	}
	var status wire.StatusResult
	require.NoError(t, msgpack.Unmarshal(parts(t, d.Status)[0], &status))
	require.Equal(t, wire.Counts{}, status.Counts, "every number is nil")
	require.True(t, status.Stale)
}

func TestInstalled(t *testing.T) {
	const packages = 400
	d := generated(t, fixture.Options{Packages: 2 * packages, Installed: packages, Seed: 3})
	require.Greater(t, len(parts(t, func(e Emit) error { return d.Installed(&wire.InstalledRequest{Details: true}, e) })), 2)
	ask := func(r *wire.InstalledRequest) (all wire.InstalledResult) {
		for _, b := range parts(t, func(e Emit) error { return d.Installed(r, e) }) {
			var part wire.InstalledResult
			require.NoError(t, msgpack.Unmarshal(b, &part))
			all.Packages = append(all.Packages, part.Packages...)
			all.Missing = append(all.Missing, part.Missing...)
		}
		return all
	}
	require.Len(t, ask(&wire.InstalledRequest{Details: true}).Packages, packages)
	explicit := ask(&wire.InstalledRequest{Filter: wire.FilterExplicit}).Packages
	deps := ask(&wire.InstalledRequest{Filter: wire.FilterDeps}).Packages
	require.Equal(t, packages, len(explicit)+len(deps))
	require.Len(t, ask(&wire.InstalledRequest{Filter: wire.FilterForeign}).Packages, len(d.Inventory.Foreign))
	name := explicit[0].Name
	one := ask(&wire.InstalledRequest{Names: []string{name, "nothing"}, Details: true})
	require.Len(t, one.Packages, 1)
	require.Equal(t, []string{"nothing"}, one.Missing)
	require.Equal(t, "explicit", one.Packages[0].Reason)
	require.Equal(t, "local", one.Packages[0].Repo)
	found := ask(&wire.InstalledRequest{Words: []string{name}}).Packages
	require.True(t, slices.ContainsFunc(found, func(p wire.InstalledPackage) bool { return p.Name == name }))
	err := d.Installed(&wire.InstalledRequest{Words: []string{"("}, Regex: true}, func([]byte, bool) error { return nil })
	require.ErrorIs(t, err, pkgindex.ErrQuery)
	err = d.Installed(&wire.InstalledRequest{Filter: "nonsense"}, func([]byte, bool) error { return nil })
	require.Error(t, err)
}
