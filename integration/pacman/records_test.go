package pacman

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/need"
)

// numbered returns n lines. Each line is the number of the line, formatted with the format string form.
func numbered(form string, n int) string {
	lines := make([]string, n)
	for i := range lines {
		lines[i] = fmt.Sprintf(form, i)
	}
	return strings.Join(lines, "\n")
}

// TestRecords compares records that repo-add does not write: files of a package that are not next to each other, two
// versions of one package, descriptions that are empty or absent, and lists and texts larger than a request may be.
func TestRecords(t *testing.T) {
	need.Program(t, "pacman")
	s := harness.New(t, harness.WithoutDatabases())
	const many = 60_000
	long := strings.Repeat("many words ", 40_000) + "at last"
	harness.WriteFile(t, s.SyncDBPath("one"), harness.BuildDatabase(t,
		harness.NewPackageEntry("apart", "1-1", "DESC", "in two files"),
		harness.NewPackageEntry("twice", "1-1", "DESC", "the old one", "DEPENDS", "x"),
		harness.NewPackageEntry("none", "1-1"),
		harness.NewPackageEntry("blank", "1-1", "DESC", ""),
		harness.DatabaseEntry{Path: "apart-1-1/depends", Text: "%PROVIDES%\nvirtual=2\n\n%REPLACES%\nold\n\n"},
		harness.NewPackageEntry("twice", "2-1", "DESC", "the new one", "DEPENDS", "y", "CSIZE", "2048"),
	))
	harness.WriteFile(t, s.SyncDBPath("two"), harness.BuildDatabase(t,
		harness.NewPackageEntry("long", "1-1", "DESC", long),
		harness.NewPackageEntry("provider", "1-1", "PROVIDES", numbered("virtual-library-%d=1", many), "DEPENDS", numbered("dep-%d>=1", 3000)),
		harness.NewPackageEntry("last", "2-1", "DESC", "after them"),
	))
	s.Install("blank", "1-1", "DESC", "")
	s.Install("none", "1-1")
	s.Install("twice", "1-1")
	s.Install("old", "1-1")
	s.Install("last", "1-1", "DEPENDS", "virtual-library-49999=1")
	s.Install("provider", "1-1", "PROVIDES", numbered("virtual-library-%d=1", many), "REASON", "1")
	w := newComparison(t, s.SecondSystem(t, "[options]\nArchitecture = x86_64\nSigLevel = Never\n[one]\nServer = file:///nowhere\n[two]\nServer = file:///nowhere\n"))
	w.same(
		newQuestion("-Qu", "outdated"),
		newQuestion("-Ssq ^$", "search -q -x ^$"),
		newQuestion("-Qsq ^$", "installed -q -x ^$"),
		newQuestion("-Ss ^virtual$", "search -x ^virtual$"),
		newQuestion("-Ssq last", "search -q --sort repo last"),
		newQuestion("-Ssq ^virtual-library-59999$", "search -q -x ^virtual-library-59999$"),
		newQuestion("-Qi blank none last provider", "info -i blank none last provider"),
		newQuestion("-Qdt", "orphans"),
	)
	for _, name := range []string{"apart", "twice", "long", "provider"} {
		want := w.pacman("-Si", name)
		for _, way := range w.ways {
			// pacman also shows the installed version.
			got := way.Omg("info", name)
			lines := strings.Split(got.Stdout, "\n")
			for i := 0; i < len(lines); i++ {
				if strings.HasPrefix(lines[i], "Installed  ") {
					lines = append(lines[:i], lines[i+1:]...)
				}
			}
			requireSameLines(t, want.Stdout, strings.Join(lines, "\n"), way.Name+" "+name+got.Stderr)
		}
	}
	for _, way := range w.ways {
		var all struct {
			Packages []struct {
				Provides []string `json:"provides"`
			} `json:"packages"`
		}
		require.NoError(t, json.Unmarshal([]byte(way.Omg("info", "--json", "provider").Stdout), &all))
		require.Len(t, all.Packages[0].Provides, many)
	}
}

// TestRecords_LeftOut checks that status counts and names what an index lacks.
func TestRecords_LeftOut(t *testing.T) {
	s := harness.New(t, harness.WithoutDatabases())
	harness.WriteFile(t, s.SyncDBPath("one"), harness.BuildDatabase(t,
		harness.NewPackageEntry("good", "1-1"), harness.DatabaseEntry{Path: "bad/desc", Text: "x"}, harness.DatabaseEntry{Path: "worse/desc", Text: "x"},
	))
	s.Install("good", "1-1")
	w := &comparison{System: s.SecondSystem(t, "[options]\nSigLevel = Never\n[one]\nServer = file:///nowhere\n")}
	for _, way := range w.start().ways {
		status := way.Omg("status").Stdout
		require.Contains(t, status, `repository one: incomplete: entry "bad" is not named name-version-release and was left out, and 1 more`, way.Name)
		require.Equal(t, "good\n", way.Omg("search", "-q", "good").Stdout, way.Name)
	}
}
