package pacman

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/need"
)

// casesSystem returns a system with a package for each rule by which pacman finds updates.
func casesSystem(t *testing.T) *harness.System {
	t.Helper()
	s := harness.New(t, harness.WithoutDatabases())
	for _, p := range [][]string{
		{"plain", "1-1"},
		{"newer-in-the-second", "1-1"},
		{"epoch", "5-1"},
		{"epoch-here", "1:1-1"},
		{"newer-here", "9-1"},
		{"release", "1-1"},
		{"same", "1-1"},
		{"ignored", "1-1"},
		{"glob-one", "1-1"},
		{"grouped", "1-1", "GROUPS", "held"},
		{"replaced", "1-1"},
		{"virtual-one", "1-1", "PROVIDES", "virtual=2"},
		{"needs-virtual", "1-1", "DEPENDS", "virtual>=2"},
		{"only-second", "1-1", "REASON", "1"},
		{"only-third", "1-1"},
		{"foreign", "1-1", "REASON", "1"},
	} {
		s.Install(p[0], p[1], p[2:]...)
	}
	local := func(path, text string) { harness.WriteFile(t, filepath.Join(s.DB, "local", path), text) }
	local("nodesc-1-1/files", "%FILES%\nusr/\n\n")
	local("nofiles-1-1/desc", harness.Desc("nofiles", "1-1"))
	local("empty-1-1/desc", "")
	local("stray/x", "")
	for repo, packages := range map[string][][]string{
		"one": {
			{"plain", "2-1"},
			{"newer-in-the-second", "1-1"},
			{"epoch", "1:1-1"},
			{"epoch-here", "7-1"},
			{"newer-here", "1-1"},
			{"release", "1-2"},
			{"same", "1-1"},
			{"ignored", "2-1"},
			{"glob-one", "2-1"},
			{"grouped", "2-1"},
			{"replacer", "3-1", "REPLACES", "replaced"},
			{"of-virtual", "2-1", "REPLACES", "virtual", "PROVIDES", "virtual=3"},
			{"nodesc", "2-1"},
			{"empty", "2-1"},
		},
		"two":   {{"newer-in-the-second", "2-1"}, {"only-second", "2-1"}, {"plain", "3-1"}},
		"three": {{"only-third", "2-1"}},
	} {
		var entries []harness.DatabaseEntry
		for _, p := range packages {
			entries = append(entries, harness.NewPackageEntry(p[0], p[1], p[2:]...))
		}
		harness.WriteFile(t, s.SyncDBPath(repo), harness.BuildDatabase(t, entries...))
	}
	return s
}

// TestUpdates_EachRule compares omg's lists with pacman's. For each rule by which pacman finds updates, the system has
// at least one package to which the rule applies. The test also uses configurations that change the result of a rule.
func TestUpdates_EachRule(t *testing.T) {
	need.Program(t, "pacman")
	s := casesSystem(t)
	for name, c := range map[string]struct{ options, one, two, three string }{
		"plain":         {},
		"ignored":       {options: "IgnorePkg = ignored glob-*\nIgnoreGroup = h?ld"},
		"all ignored":   {options: "IgnorePkg = *"},
		"sync only":     {one: "Usage = Sync"},
		"sync, install": {two: "Usage = Sync Install", three: "Usage = Sync"},
		"search only":   {one: "Usage = Search", two: "Usage = Upgrade"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newComparison(t, s.SecondSystem(t, fmt.Sprintf("[options]\nArchitecture = x86_64\nSigLevel = Never\n%s\n"+
				"[one]\nServer = file:///nowhere\n%s\n[two]\nServer = file:///nowhere\n%s\n[three]\nServer = file:///nowhere\n%s\n",
				c.options, c.one, c.two, c.three)))
			require.NotEmpty(t, w.pacman("-Qu").Lines())
			w.same(
				newQuestion("-Q", "installed"),
				newQuestion("-Qu", "outdated"),
				newQuestion("-Quq", "outdated -q"),
				newQuestion("-Qm", "foreign"),
				newQuestion("-Qe", "explicit"),
				newQuestion("-Qd", "installed --deps"),
				newQuestion("-Qdt", "orphans"),
				newQuestion("-Qi", "info -i"),
				newQuestion("-Qs virtual", "installed virtual"),
			)
			w.sameFiles(w.pacman("-Qq").Lines(), true)
			for _, way := range w.ways {
				// Like pacman, omg lists these replacements only if the repository is used for upgrades.
				require.Equal(t, c.one == "", strings.Contains(way.Omg("outdated", "--all", "--json").Stdout, `"by":"replacer"`), way.Name)
			}
		})
	}
}

// faults are changes that damage a local database.
func faults() map[string]string {
	desc := func(name, version, more string) string {
		return "%NAME%\n" + name + "\n\n%VERSION%\n" + version + "\n\n" + more
	}
	return map[string]string{
		"nodesc-1-1/files":    "%FILES%\nusr/\n",
		"empty-1-1/desc":      "",
		"cut-1-1/desc":        "%NAME%\ncut\n\n%VERS",
		"noreason-2:1-1/desc": desc("noreason", "2:1-1", "%DEPENDS%\nvirtual>=2\n\n"),
		"provider-1-1/desc":   desc("provider", "1-1", "%REASON%\n1\n\n%PROVIDES%\nvirtual=2.5\n\n"),
		"provider2-1-1/desc":  desc("provider2", "1-1", "%REASON%\n1\n\n%PROVIDES%\nvirtual=1\n\n"),
		"optional-1-1/desc":   desc("optional", "1-1", "%REASON%\n1\n\n"),
		"wants-1-1/desc":      desc("wants", "1-1", "%OPTDEPENDS%\noptional: for fun\nnothere: never\n\n%VALIDATION%\nnone\n\n"),
		"oddreason-1-1/desc":  desc("oddreason", "1-1", "%REASON%\n7\n\n"),
		"script-1-1/desc":     desc("script", "1-1", ""),
		"script-1-1/install":  "post_install() { :; }\n",
		"stray/x":             "",
		"strayfile":           "",
		"other-1-1/desc":      desc("another", "1-1", ""),
		"strange-1-1/desc":    desc("strange", "1-1", "%GROUPS%\nodd group\n\n%NEW%\nwhat pacman will have\n\n"),
	}
}

// TestLists_Generated compares omg's lists with pacman's, for generated databases that are undamaged or damaged.
func TestLists_Generated(t *testing.T) {
	need.Program(t, "pacman")
	for name, faults := range map[string]map[string]string{"as it is": nil, "faults": faults()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := harness.New(t, harness.WithGenerated(fixture.Options{Packages: 1500, Installed: 400, DuplicatePackages: 60, Seed: 11}))
			for path, text := range faults {
				harness.WriteFile(t, filepath.Join(s.DB, "local", path), text)
			}
			w := newComparison(t, s)
			all := w.pacman("-Qq").Lines()
			require.GreaterOrEqual(t, len(all), 400)
			w.same(
				newQuestion("-Q", "installed"),
				newQuestion("-Qu", "outdated"),
				newQuestion("-Qm", "foreign"),
				newQuestion("-Qe", "explicit"),
				newQuestion("-Qeq", "explicit -q"),
				newQuestion("-Qd", "installed --deps"),
				newQuestion("-Qdt", "orphans"),
				newQuestion("-Qdtt", "orphans --required"),
				newQuestion("-Qi", "info -i"),
				newQuestion("-Qs lib", "installed lib"),
				newQuestion("-Qs .", "installed -x ."),
			)
			w.sameFiles(all, faults != nil)
		})
	}
}
