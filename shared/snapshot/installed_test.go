package snapshot

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/wire"
)

// TestInstalled_Filters checks that each installed package is either explicit or a dependency, and that the basis contains
// the repositories only for a filter whose result depends on them.
func TestInstalled_Filters(t *testing.T) {
	const n = 400
	in := generated(t, fixture.Options{Packages: 2 * n, Installed: n, Seed: 3})
	s := build(t, in)
	ask := func(filter string) *InstalledMatches {
		f, err := s.Installed(&wire.InstalledRequest{Filter: filter})
		require.NoError(t, err)
		require.EqualValues(t, 7, f.Generation)
		require.EqualValues(t, checked, f.ConfirmedAt)
		require.False(t, f.Partial || f.Stale)
		require.Len(t, f.Sources, map[bool]int{true: 3}[filter == wire.FilterForeign])
		return f
	}
	all := ask("")
	require.Equal(t, in.Local.Packages.Packages, all.Packages)
	require.Len(t, all.Packages, n)
	explicit, deps := ask(wire.FilterExplicit).Packages, ask(wire.FilterDeps).Packages
	require.NotEmpty(t, explicit)
	require.NotEmpty(t, deps)
	require.Equal(t, n, len(explicit)+len(deps))
	orphans, required := names(ask(wire.FilterOrphans).Packages), names(ask(wire.FilterOrphansOrOptional).Packages)
	require.Subset(t, names(deps), required)
	require.Subset(t, required, orphans, "required also has the packages that are only optional for another package")
	foreign, known := s.ForeignNames()
	require.True(t, known)
	require.NotEmpty(t, foreign)
	require.Equal(t, foreign, names(ask(wire.FilterForeign).Packages))
	_, err := s.Installed(&wire.InstalledRequest{Filter: "nonsense"})
	requireCode(t, err, wire.CodeInvalid, "nonsense")

	result, err := s.Explicit()
	require.NoError(t, err)
	require.Equal(t, names(explicit), result.Names)
	require.Equal(t, wire.Basis{Generation: 7, ConfirmedAt: checked}, result.Basis)
}

// TestInstalled_Names checks that a request finds installed packages by their names or by names that they provide.
func TestInstalled_Names(t *testing.T) {
	provider := installed("bash-git", "5-1", pacmandb.ReasonExplicit)
	provider.Provides = []string{"bash=5.2"}
	s := build(t, Inputs{Local: local(provider, installed("a", "1-1", pacmandb.ReasonDepend))})
	ask := func(filter string, targets ...string) ([]string, []string) {
		f, err := s.Installed(&wire.InstalledRequest{Names: targets, Filter: filter})
		require.NoError(t, err)
		return names(f.Packages), f.NotInstalled
	}
	got, missing := ask("", "none", "bash", "a")
	require.Equal(t, []string{"bash-git", "a"}, got, "in the order of the names")
	require.Equal(t, []string{"none"}, missing)
	got, missing = ask(wire.FilterExplicit, "a", "bash")
	require.Equal(t, []string{"bash-git"}, got)
	require.Equal(t, []string{"a"}, missing, "installed, but not explicitly")
	got, _ = ask("", "bash>=5", "bash<5")
	require.Equal(t, []string{"bash-git"}, got)
}

// TestInstalled_Words checks that words match installed packages as they match packages in a search.
func TestInstalled_Words(t *testing.T) {
	s := build(t, Inputs{Local: local(installed("libfoo", "1-1", pacmandb.ReasonDepend), installed("foo", "1-1", pacmandb.ReasonExplicit))})
	ask := func(r wire.InstalledRequest) []string {
		f, err := s.Installed(&r)
		require.NoError(t, err)
		return names(f.Packages)
	}
	require.Equal(t, []string{"foo", "libfoo"}, ask(wire.InstalledRequest{Words: []string{"FOO"}}))
	require.Equal(t, []string{"libfoo"}, ask(wire.InstalledRequest{Words: []string{"foo", "lib"}}))
	require.Equal(t, []string{"foo"}, ask(wire.InstalledRequest{Words: []string{"^foo"}, Regex: true}))
	require.Empty(t, ask(wire.InstalledRequest{Words: []string{"^foo"}}))
	require.Equal(t, []string{"foo"}, ask(wire.InstalledRequest{Words: []string{"about"}, Filter: wire.FilterExplicit}))
	_, err := s.Installed(&wire.InstalledRequest{Words: []string{"("}, Regex: true})
	requireCode(t, err, wire.CodeInvalid, "regular expression")
}

// TestDescribeInstalled checks that the details of an installed package include its relations to other installed packages.
func TestDescribeInstalled(t *testing.T) {
	db := t.TempDir()
	lib, tool, gui := installed("lib", "1-1", pacmandb.ReasonDepend), installed("tool", "1-1", pacmandb.ReasonExplicit, "lib>=1"), installed("gui", "1-1", 7)
	gui.OptDepends = []string{"lib: for libraries", "tool", "none: not installed"}
	gui.Filename, gui.InstallDate, gui.InstalledFromRepo = "gui.pkg.tar.zst", 5, "extra"
	require.NoError(t, os.MkdirAll(filepath.Join(db, "local", "tool-1-1"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(db, "local", "tool-1-1", "install"), nil, 0o644))
	s := build(t, Inputs{DBPath: db, Local: local(lib, tool, gui)})

	d := s.DescribeInstalled(lib, true)
	require.Equal(t, "local", d.Repo)
	require.Equal(t, "dependency", d.Reason)
	require.Equal(t, []string{"tool"}, d.RequiredBy)
	require.Equal(t, []string{"gui"}, d.OptionalFor)
	require.False(t, d.HasScript)
	d = s.DescribeInstalled(tool, true)
	require.Equal(t, "explicit", d.Reason)
	require.True(t, d.HasScript)
	require.Equal(t, []string{"lib>=1"}, d.Depends)
	d = s.DescribeInstalled(gui, true)
	require.Empty(t, d.Reason, "the reason 7 is neither explicit nor dependency")
	require.Equal(t, []string{"lib: for libraries", "tool"}, d.InstalledOptDepends)
	require.EqualValues(t, 5, d.InstallDate)
	require.Equal(t, "extra", d.InstalledFromRepo)
	require.Equal(t, wire.InstalledPackage{Package: wire.Package{Repo: "local", Name: "gui", Version: "1-1", Desc: "about gui"}}, s.DescribeInstalled(gui, false))
	require.Equal(t, wire.InstalledPackage{
		Package: wire.Package{Repo: "local", Name: "tool", Version: "1-1", Desc: "about tool"}, Reason: "explicit",
	}, s.DescribeInstalled(tool, false))
	require.Empty(t, gui.Repo, "Describe must not change the package of the local database")
}

// TestOutdated checks updates, newer packages and replacements. An installed package is compared only with the first
// repository that has it.
func TestOutdated(t *testing.T) {
	replacer := wire.Package{Name: "new", Version: "3-1", Replaces: []string{"old"}}
	extra := currentSource("extra", index(t, "repo", "extra", append(packages("update", "9-1", "ignored", "2-1", "second", "2-1"), replacer)...))
	in := Inputs{
		Generation: 7, PacmanConfig: &pacmandb.Config{IgnorePkg: []string{"ign*"}},
		Repositories: []IndexedSource{repository(t, "core", "update", "2-1", "newer", "1-1", "same", "1-1"), extra},
		Local: local(
			installed("update", "1-1", pacmandb.ReasonExplicit), installed("ignored", "1-1", pacmandb.ReasonExplicit),
			installed("newer", "2-1", pacmandb.ReasonExplicit), installed("same", "1-1", pacmandb.ReasonExplicit),
			installed("second", "1-1", pacmandb.ReasonExplicit), installed("old", "1-1", pacmandb.ReasonExplicit),
			installed("foreign", "1-1", pacmandb.ReasonExplicit),
		),
	}
	r, err := build(t, in).Outdated()
	require.NoError(t, err)
	require.Equal(t, &wire.OutdatedResult{
		Basis: wire.Basis{Generation: 7, Sources: []wire.Source{in.Repositories[0].Source, extra.Source}},
		Updates: []wire.Update{
			{Name: "ignored", Installed: "1-1", Version: "2-1", Repo: "extra", Ignored: true},
			{Name: "second", Installed: "1-1", Version: "2-1", Repo: "extra"},
			{Name: "update", Installed: "1-1", Version: "2-1", Repo: "core"},
		},
		InstalledNewer: []wire.Update{{Name: "newer", Installed: "2-1", Version: "1-1", Repo: "core"}},
		Replacements:   []wire.Replacement{{ReplacedName: "old", Installed: "1-1", By: "new", Version: "3-1", Repo: "extra"}},
		Foreign: []wire.ForeignPackage{
			{Name: "foreign", Installed: "1-1", State: wire.ForeignUnknown}, {Name: "old", Installed: "1-1", State: wire.ForeignUnknown},
		},
	}, r)
	s := build(t, in)
	list, ok := s.ForeignNames()
	require.True(t, ok)
	require.Equal(t, []string{"foreign", "old"}, list)
	f, err := s.Installed(&wire.InstalledRequest{Filter: wire.FilterForeign})
	require.NoError(t, err)
	require.Equal(t, list, names(f.Packages))
}

// TestOutdated_Generated checks that a generated system has updates and foreign packages, and that each package is listed
// once.
func TestOutdated_Generated(t *testing.T) {
	in := generated(t, fixture.Options{Packages: 800, Installed: 300, Seed: 3})
	r, err := build(t, in).Outdated()
	require.NoError(t, err)
	require.NotEmpty(t, r.Updates)
	require.NotEmpty(t, r.Foreign)
	var seen []string
	for _, u := range slices.Concat(r.Updates, r.InstalledNewer) {
		p := in.Local.Packages.Find(u.Name)
		require.NotNil(t, p, u.Name)
		require.Equal(t, p.Version, u.Installed)
		require.NotEqual(t, u.Version, u.Installed)
		seen = append(seen, u.Name)
	}
	for _, p := range r.Foreign {
		require.NotNil(t, in.Local.Packages.Find(p.Name), p.Name)
		seen = append(seen, p.Name)
	}
	slices.Sort(seen)
	require.Equal(t, seen, slices.Compact(slices.Clone(seen)))
}

// TestFacts checks that ComparisonFacts returns the contents of pacman's databases, without repositories that could not be read.
func TestFacts(t *testing.T) {
	s := build(t, Inputs{
		PacmanConfig: &pacmandb.Config{IgnorePkg: []string{"x"}, Repos: []pacmandb.Repo{{Name: "core"}, {Name: "lost"}, {Name: "extra"}}},
		Repositories: []IndexedSource{repository(t, "core", "a", "1-1"), lost(repository(t, "lost"), wire.SourceFailed, "damaged"), repository(t, "extra", "a", "2-1")},
	})
	config, facts := s.ComparisonFacts()
	require.Equal(t, []string{"x"}, config.IgnorePkg)
	require.Equal(t, []pacmandb.Repo{{Name: "core", Usage: pacmandb.UsageAll}, {Name: "extra", Usage: pacmandb.UsageAll}}, config.Repos, "the repositories that could be read")
	for i, want := range []string{"1-1", "2-1"} {
		version, ok := facts.Lookup(i, "a")
		require.True(t, ok)
		require.Equal(t, want, version)
	}
	_, ok := facts.Lookup(0, "b")
	require.False(t, ok)
}

// TestOutdated_Sizes compares the sizes of updates with those that pacmandb reads from the databases.
func TestOutdated_Sizes(t *testing.T) {
	in := generated(t, fixture.Options{Packages: 800, Installed: 300, Seed: 3})
	s := build(t, in)
	out, err := s.Outdated()
	require.NoError(t, err)
	require.NotEmpty(t, out.Updates)
	known := 0
	for _, u := range out.Updates {
		info, err := s.Info(&wire.InfoRequest{Names: []string{u.Repo + "/" + u.Name}})
		require.NoError(t, err)
		offered := found(t, s, info, true)[0]
		installed := in.Local.Packages.Find(u.Name)
		require.Equal(t, u.Version, offered.Version)
		require.Equal(t, offered.BuildDate, u.BuiltAt)
		if offered.CSize == 0 {
			require.Nil(t, u.DownloadSize)
			continue
		}
		require.Equal(t, offered.CSize, *u.DownloadSize)
		if offered.ISize > 0 && installed.ISize > 0 {
			require.Equal(t, int64(offered.ISize), int64(installed.ISize)+*u.SizeChange)
			known++
		} else {
			require.Nil(t, u.SizeChange)
		}
	}
	require.NotZero(t, known)
}
