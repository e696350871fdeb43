package show

import (
	"bufio"
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/termtext"
	"github.com/omg-arch/omg/shared/wire"
)

func write(each func(*bufio.Writer)) string {
	var b bytes.Buffer
	w := bufio.NewWriter(&b)
	each(w)
	w.Flush()
	return b.String()
}

// TestPacman_Installed compares every installed package of the corpus with pacman -Qi, and the list with pacman -Q,
// piped and on terminals.
func TestPacman_Installed(t *testing.T) {
	w := corpusSystem(t)
	local, err := pacmandb.ReadLocal(t.Context(), w.db)
	require.NoError(t, err)
	system := snapshot.Build(snapshot.Inputs{DBPath: w.db, Local: snapshot.LocalInput{Packages: local}})
	found, err := system.Installed(&wire.InstalledRequest{Details: true})
	require.NoError(t, err)
	var packages []wire.InstalledPackage
	for _, p := range found.Packages {
		packages = append(packages, system.DescribeInstalled(p, true))
	}
	require.Greater(t, len(packages), 900)
	all := func(each func(*bufio.Writer, *wire.InstalledPackage)) string {
		return write(func(w *bufio.Writer) {
			for i := range packages {
				each(w, &packages[i])
			}
		})
	}
	requireSame(t, cleaned(w.piped(t, "", "-Qi")), all(Style{}.PrintInstalled))
	t.Setenv("COLUMNS", "")
	t.Setenv("NO_COLOR", "")
	for _, columns := range []int{40, 80, 132} {
		t.Run(fmt.Sprint(columns), func(t *testing.T) {
			_, tty := terminal(t, columns)
			s, err := NewStyle("auto", tty)
			require.NoError(t, err)
			requireSame(t, cleaned(w.onTerminal(t, columns, "-Qi")), all(s.PrintInstalled))
			requireSame(t, cleaned(w.onTerminal(t, columns, "-Q")), all(func(w *bufio.Writer, p *wire.InstalledPackage) {
				s.PrintNameVersion(w, p.Name, p.Version)
			}))
		})
	}
}

func TestInstalled_Unknown(t *testing.T) {
	out := write(func(w *bufio.Writer) { Style{}.PrintInstalled(w, &wire.InstalledPackage{HasScript: true}) })
	for _, line := range []string{
		"Install Date    : Thu Jan  1 00:00:00 1970\n", "Install Reason  : Unknown\n", "Install Script  : Yes\n", "Validated By    : Unknown\n",
	} {
		require.Contains(t, out, line)
	}
	out = write(func(w *bufio.Writer) {
		Style{}.PrintInstalled(w, &wire.InstalledPackage{Package: wire.Package{Validation: []string{"none"}}})
	})
	require.Contains(t, out, "Validated By    : None\n")
}

func TestUpdates(t *testing.T) {
	u := &wire.Update{Name: "git", Installed: "1-1", Version: "2-1", Repo: "extra"}
	print := func(s Style) string { return write(func(w *bufio.Writer) { s.PrintUpdate(w, u) }) }
	require.Equal(t, "git 1-1 -> 2-1\n", print(Style{}))
	u.Ignored = true
	require.Equal(t, "git 1-1 -> 2-1 [ignored]\n", print(Style{}))
	u.Fixes = []string{"AVG-1", "AVG-2"}
	require.Equal(t, "git 1-1 -> 2-1 [fixes AVG-1 AVG-2] [ignored]\n", print(Style{}))
	u.Fixes = nil
	require.Equal(t, "\x1b[0;1mgit \x1b[1;32m1-1\x1b[0m -> \x1b[1;32m2-1\x1b[0m [ignored]\n", print(Style{Color: true}))
	require.Equal(t, "git 3-1 newer than extra/2-1\n", write(func(w *bufio.Writer) {
		Style{}.PrintNewer(w, &wire.Update{Name: "git", Installed: "3-1", Version: "2-1", Repo: "extra"})
	}))
	require.Equal(t, "old 1-1 replaced by core/new 2-1 [ignored]\n", write(func(w *bufio.Writer) {
		Style{}.PrintReplacement(w, &wire.Replacement{
			ReplacedName: "old", Installed: "1-1", By: "new", Version: "2-1", Repo: "core", Ignored: true,
		})
	}))
}

func TestChain(t *testing.T) {
	chain := func(names, needs []string) string {
		return write(func(w *bufio.Writer) { Style{}.PrintChain(w, names, needs) })
	}
	require.Equal(t, "bash [explicit]\n", chain([]string{"bash"}, []string{""}))
	require.Equal(t, "a -> bash (sh) -> glibc -> tzdata (tzdata>=1)\n",
		chain([]string{"a", "bash", "glibc", "tzdata"}, []string{"sh", "glibc", "tzdata>=1", ""}))
}

func TestStatus(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	n := func(v uint32) *uint32 { return &v }
	st := &wire.StatusResult{
		Basis: wire.Basis{
			ConfirmedAt: now.Unix() - 30,
			Sources:     []wire.Source{{Name: "core", Kind: wire.KindRepository, State: wire.SourceStale, Why: "not synchronized for 2 days", AsOf: now.Unix() - 2*86400, ChangedAt: now.Unix()}},
		},
		Counts: wire.Counts{
			Installed: n(924), Explicit: n(99), Orphans: n(12), OrphansOrOptional: n(15), Foreign: n(4),
			Updates: n(0), Ignored: n(2), Replacements: n(1),
			AURUpdates: n(3), AUR: &wire.AURCounts{Ignored: 1, VCS: 2, OutOfDate: 1},
		},
		Index: wire.IndexStatus{Packages: 15000, BuiltAt: now.Unix() - 7200, Files: []string{"/d/core.omgidx", "/d/aur.omgidx"}},
	}
	show := func() string { return write(func(w *bufio.Writer) { Style{}.PrintStatus(w, st, 0, now) }) }
	require.Equal(t, `Data            : current, checked just now
Installed       : 924
Explicit        : 99
Orphans         : 12, and 3 only optionally required
Foreign         : 4 not from a repository (AUR or local)
Updates         : 0 (and 2 ignored)
AUR Updates     : 3
                  1 ignored, 2 unknown (VCS), 1 out of date
AUR Findings    : unknown (see omg aur check)
Replacements    : 1
Security        : unknown
Index           : 15000 packages, built 2 hours ago
                  /d/core.omgidx
                  /d/aur.omgidx
Sources         : core  stale  not synchronized for 2 days, 2 days old, downloaded just now
Hint            : set sync.enabled = true in config.toml: omgd then downloads databases itself and counts updates with them
`, show())
	st.ComparedSources = []wire.Source{
		{Name: "core", Kind: wire.KindRepository, State: wire.SourceOK, AsOf: now.Unix() - 86400, ChangedAt: now.Unix() - 120, Downloaded: true},
		{Name: "extra", Kind: wire.KindRepository, State: wire.SourceOK, Why: "refused", AsOf: now.Unix() - 86400, ChangedAt: now.Unix() - 7200, Downloaded: true},
	}
	require.Contains(t, show(), "\nUpdates         : 0 (and 2 ignored), as of 2 hours ago\n")
	_, lines, _ := strings.Cut(show(), "downloaded just now\n")
	require.Equal(t, `Compared With   : core (downloaded by omgd)   ok  1 day old, confirmed by a mirror 2 minutes ago
                  extra (downloaded by omgd)  ok  refused, 1 day old, confirmed by a mirror 2 hours ago
`, lines)
	*st = wire.StatusResult{
		Basis:    wire.Basis{ConfirmedAt: st.ConfirmedAt, Stale: true, Why: "local/ cannot be read"},
		Problems: []wire.Problem{{Name: "libalpm", State: "missing"}},
	}
	require.Equal(t, `Data            : stale, last checked just now: local/ cannot be read
Installed       : unknown
Explicit        : unknown
Orphans         : unknown
Foreign         : unknown
Updates         : unknown
AUR Updates     : unknown
AUR Findings    : unknown (see omg aur check)
Replacements    : unknown
Security        : unknown
Index           : None
Sources         : None
Degraded        : libalpm: missing
`, show())
}

// TestHostileText_Lists checks that text of packages in lists cannot control the terminal or forge a line.
func TestHostileText_Lists(t *testing.T) {
	for _, s := range hostileTexts {
		u := &wire.Update{Name: s, Installed: s, Version: s, Repo: s, Fixes: []string{s}}
		vulnerable := &wire.VulnerablePackage{
			Name: s, Installed: s, Update: s, Foreign: true,
			Advisories: []wire.Advisory{{Name: s, Severity: s, Verdict: s, Issues: []string{s}}},
		}
		for name, one := range map[string]string{
			"line":   write(func(w *bufio.Writer) { Style{}.PrintNameVersion(w, s, s) }),
			"update": write(func(w *bufio.Writer) { Style{}.PrintUpdate(w, u) }),
			"newer":  write(func(w *bufio.Writer) { Style{}.PrintNewer(w, u) }),
			"replaced": write(func(w *bufio.Writer) {
				Style{}.PrintReplacement(w, &wire.Replacement{ReplacedName: s, Installed: s, By: s, Version: s, Repo: s})
			}),
			"owner":      write(func(w *bufio.Writer) { Style{}.PrintOwner(w, s, s, s) }),
			"file":       write(func(w *bufio.Writer) { Style{}.PrintPackageFile(w, s, s) }),
			"vulnerable": write(func(w *bufio.Writer) { Style{}.PrintVulnerable(w, vulnerable) }),
			"issues":     write(func(w *bufio.Writer) { Style{}.PrintIssues(w, vulnerable) }),
			"chain":      write(func(w *bufio.Writer) { Style{}.PrintChain(w, []string{s, s}, []string{"x" + s, ""}) }),
		} {
			require.Equal(t, 1, strings.Count(one, "\n"), name)
			require.Equal(t, termtext.Clean(strings.TrimSuffix(one, "\n"))+"\n", one, name)
		}
		p := wire.InstalledPackage{
			Package: *hostile(s), Reason: s, RequiredBy: []string{s}, OptionalFor: []string{s}, InstalledOptDepends: []string{s},
		}
		st := &wire.StatusResult{
			Basis: wire.Basis{
				Why: s, Stale: true, Partial: true, Sources: []wire.Source{{Name: s, Kind: wire.KindRepository, State: wire.SourceState(s), Why: s}},
			},
			Index: wire.IndexStatus{Files: []string{s}}, Problems: []wire.Problem{{Name: s, State: s, Why: s}},
		}
		for _, columns := range []int{0, 1, 40, 80} {
			for name, block := range map[string]string{
				"installed": write(func(w *bufio.Writer) { Style{Width: columns}.PrintInstalled(w, &p) }),
				"status":    write(func(w *bufio.Writer) { Style{Width: columns}.PrintStatus(w, st, 0, time.Unix(0, 0)) }),
			} {
				for l := range strings.Lines(strings.TrimSuffix(block, "\n")) {
					l = strings.TrimSuffix(l, "\n")
					require.Equal(t, termtext.Clean(l), l, name)
					require.True(t, strings.HasPrefix(l, blanks) || l[labelWidth-1:valueColumn] == ": ", "%s: %q", name, l)
				}
			}
		}
	}
}
