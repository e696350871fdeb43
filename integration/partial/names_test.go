package partial

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/wire"
)

// makepkg refuses these names, but pacman lists packages that have them. On a command line, another program would not
// read them as names of packages.
var (
	impossible = []string{"$(id)", "`id`", "a b", ";id", "*", "~", "a\u00a0b", "x\u202ey"}
	dashed     = []string{"-Rdd", "--noconfirm", ".hidden"}
)

// TestOddNames checks lists that are made for other programs, and output for people. The lists leave out each package
// whose name another program would take for something else, such as an option. omg counts and names the packages that
// it has left out. The output for people is the same as pacman's.
func TestOddNames(t *testing.T) {
	t.Parallel()
	s := harness.New(t, harness.WithoutDatabases())
	harness.WriteFile(t, s.PacmanConf, config)
	entries := []harness.DatabaseEntry{harness.NewPackageEntry("tool", "2-1", "DESC", "a thing"), harness.NewPackageEntry("lonely", "1-1", "DESC", "a thing")}
	for _, name := range slices.Concat(impossible, dashed) {
		entries = append(entries, harness.NewPackageEntry(name, "2-1", "DESC", "a thing"))
		s.Install(name, "1-1", "REASON", "1", "DEPENDS", "needed")
	}
	s.Install("explicit-x", "1-1", "DESC", "a thing")
	s.Install("-Syu", "1-1", "DESC", "a thing") // installed on purpose
	s.Install("tool", "1-1", "DESC", "a thing")
	s.Install("needed", "1-1", "REASON", "1")
	s.Install("orphan", "1-1", "REASON", "1")
	harness.WriteFile(t, s.SyncDBPath("good"), harness.BuildDatabase(t, entries...))
	d := s.StartDaemon()
	for _, omg := range []func(...string) harness.Result{s.RunWithoutDaemon, d.Omg} {
		for line, want := range map[string]string{
			"search -q thing":                          "good/--noconfirm good/-Rdd good/.hidden lonely tool",
			"search --format {{.name}} thing":          "lonely tool",
			"installed -q":                             "explicit-x needed orphan tool",
			"installed --format {{.name}}":             "explicit-x needed orphan tool",
			"installed -q thing":                       "explicit-x tool",
			"installed -q --deps":                      "needed orphan",
			"explicit -q":                              "explicit-x tool",
			"orphans -q":                               "orphan",
			"orphans -q --required":                    "orphan",
			"installed -q --orphans":                   "orphan",
			"foreign -q":                               "explicit-x needed orphan",
			"outdated -q":                              "tool",
			"owns -q /usr/share/$(id) /usr/share/tool": "tool",
			"info -i -q":                               "explicit-x needed orphan tool",
		} {
			r := omg(strings.Fields(line)...)
			require.Equal(t, answered, r.Code, "%s: %s", line, r.Stderr)
			require.Equal(t, strings.Fields(want), slices.Sorted(slices.Values(r.Lines())), line)
			require.Contains(t, r.Stderr, "note: left out ", line)
		}
		require.Contains(t, omg("orphans").Stdout, "-Rdd 1-1\n", "people see what pacman sees")
		require.NotContains(t, omg("orphans").Stdout, "needed", "what such a package needs is needed")
		text := omg("status").Stdout
		require.Contains(t, text, "local: incomplete: local/")
		require.Contains(t, text, " has a name that no package can have, and 7 more")
		for _, name := range []string{"-Rdd", ".hidden", "$(id)", "a b"} {
			require.Contains(t, omg("search", "thing").Stdout, "good/"+name+" 2-1 ")
			require.Contains(t, omg("outdated").Stdout, name+" 1-1 -> 2-1\n")
		}
		r := omg("installed", "-q")
		require.Contains(t, r.Stderr, "omg: note: left out 12 packages whose names could be taken for something else on a command line: \"")
		require.NotContains(t, r.Stderr, "\u202e")
		require.Equal(t, 1, strings.Count(r.Stderr, "\n"))
	}
	st := d.Status()
	require.False(t, st.Partial, "all is known of these packages")
	require.EqualValues(t, len(impossible)+len(dashed)+5, *st.Counts.Installed)
	require.Contains(t, s.Run("omg-index", "build", "--output", s.Path("other"), "--dbpath", s.DB, "--pacman-config", s.PacmanConf).Stderr, "has a name that no package can have")
	r := s.Run("omg-probe", "--deadline", "0", "--status", "-f", "json")
	require.Contains(t, r.Stdout, `"degraded":["local"]`)
	require.Equal(t, wire.SourceOK, st.Sources[0].State)
}
