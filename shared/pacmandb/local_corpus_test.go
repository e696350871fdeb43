package pacmandb

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/corpus"
	"github.com/omg-arch/omg/shared/fixture"
)

func corpusOracle(t testing.TB) (*oracle, *Local) {
	o := newOracle(t, corpus.PrivateDBPath(t), "core", "extra", "multilib")
	l := mustRead(t, o.db)
	require.Len(t, l.Packages, 924)
	require.Empty(t, l.Warnings)
	return o, l
}

// TestLocal_PacmanSystems compares all results with those of pacman, on the corpus and on generated databases. The
// checks share the databases, because unpacking takes longer than most checks; no check writes to them.
func TestLocal_PacmanSystems(t *testing.T) {
	checks := map[string]func(t *testing.T, o *oracle, l *Local){
		"lists": checkLists, "fields": requireFieldsEqual, "files": checkFiles, "owners": checkOwners, "why": checkWhy,
	}
	run := func(t *testing.T, o *oracle, l *Local) {
		for name, check := range checks {
			t.Run(name, func(t *testing.T) { check(t, o.forTest(t), l) })
		}
	}
	t.Run("corpus", func(t *testing.T) {
		o, l := corpusOracle(t)
		run(t, o, l)
		t.Run("counts", func(t *testing.T) { checkCorpusCounts(t, o.forTest(t), l) })
		t.Run("search", func(t *testing.T) { checkSearch(t, o.forTest(t), l) })
		t.Run("satisfiers", func(t *testing.T) { checkSatisfiers(t, o.forTest(t), l) })
	})
	for _, options := range []fixture.Options{
		{Packages: 2000, Installed: 300, Seed: 1, DuplicatePackages: 60},
		{Packages: 500, Installed: 120, Seed: 2},
	} {
		t.Run(fmt.Sprintf("generated %d", options.Installed), func(t *testing.T) {
			o := newOracle(t, t.TempDir(), "core", "extra", "multilib")
			require.NoError(t, fixture.WriteDatabases(o.db, options))
			l := mustRead(t, o.db)
			require.Len(t, l.Packages, options.Installed)
			require.Empty(t, l.Warnings)
			run(t, o, l)
		})
	}
}

func checkCorpusCounts(t *testing.T, o *oracle, l *Local) {
	r := ComputeRelations(l.Packages)
	native, foreign := SplitForeign(l.Packages, o.config(), o.facts(l))
	require.Len(t, l.ExplicitPackages(), 99)
	require.Len(t, l.DependPackages(), 825)
	require.Len(t, r.Orphans(false), 12)
	require.Equal(t, []string{"google-chrome", "spotify", "visual-studio-code-bin", "yay-bin"}, names(foreign))
	require.Len(t, native, 920)
	require.Len(t, FindOutdated(l.Packages, o.config(), o.facts(l)).Updates, 48)
}

func checkLists(t *testing.T, o *oracle, l *Local) {
	r := ComputeRelations(l.Packages)
	facts, c := o.facts(l), o.config()
	native, foreign := SplitForeign(l.Packages, c, facts)
	for flags, got := range map[string][]*Installed{
		"-Qq": l.Packages, "-Qeq": l.ExplicitPackages(), "-Qdq": l.DependPackages(), "-Qdtq": r.Orphans(false), "-Qdttq": r.Orphans(true),
		"-Qnq": native, "-Qmq": foreign,
	} {
		require.NotEmpty(t, got, flags)
		require.Equal(t, o.lines(flags), names(got), flags)
	}
	for _, p := range l.Packages {
		require.Equal(t, slices.Contains(r.Orphans(false), p), !p.Explicit() && r.IsUnneeded(p.Name, false))
	}
	updates := updateLines(FindOutdated(l.Packages, c, facts))
	require.NotEmpty(t, updates)
	require.Equal(t, o.lines("-Qu"), updates)
}

// updateLines formats updates like the output of pacman -Qu.
func updateLines(out Outdated) []string {
	lines := []string{}
	for _, u := range out.Updates {
		line := fmt.Sprintf("%s %s -> %s", u.Name, u.Installed, u.Version)
		if u.Ignored {
			line += " [ignored]"
		}
		lines = append(lines, line)
	}
	return lines
}

// requireFieldsEqual compares, for every package, every field that pacman -Qi shows.
func requireFieldsEqual(t *testing.T, o *oracle, l *Local) {
	t.Helper()
	r := ComputeRelations(l.Packages)
	blocks := strings.Split(strings.TrimSuffix(o.run("-Qi"), "\n\n"), "\n\n")
	require.Len(t, blocks, len(l.Packages))
	for i, block := range blocks {
		p := l.Packages[i]
		want := map[string]string{}
		key := ""
		for line := range strings.SplitSeq(block, "\n") {
			if k, v, ok := strings.Cut(line, " : "); ok && line[0] != ' ' {
				key = strings.TrimSpace(k)
				want[key] = v
			} else { // optional dependencies, one per line
				want[key] += "\n" + strings.TrimSpace(line)
			}
		}
		list := func(items []string) string {
			if len(items) == 0 {
				return "None"
			}
			return strings.Join(items, "  ")
		}
		got := map[string]string{
			"Name": p.Name, "Version": p.Version, "Description": orNone(p.Desc), "Architecture": orNone(p.Arch),
			"URL": orNone(p.URL), "Licenses": list(p.Licenses), "Groups": list(p.Groups),
			"Provides": list(p.Provides), "Depends On": list(p.Depends),
			"Required By": list(r.RequiredBy(p.Name)), "Optional For": list(r.OptionalFor(p.Name)),
			"Conflicts With": list(p.Conflicts), "Replaces": list(p.Replaces), "Packager": orNone(p.Packager),
		}
		for k, v := range got {
			require.Equal(t, strings.Fields(want[k]), strings.Fields(v), "%s of %s", k, p.Name)
		}
		var optional []string
		for _, s := range p.OptDepends {
			dep, _, _ := strings.Cut(s, ": ")
			if r.Satisfier(dep) != nil {
				s += " [installed]"
			}
			optional = append(optional, s)
		}
		if len(optional) == 0 {
			optional = []string{"None"}
		}
		require.Equal(t, want["Optional Deps"], strings.Join(optional, "\n"), p.Name)
		reason := map[Reason]string{ReasonExplicit: "Explicitly installed", ReasonDepend: "Installed as a dependency for another package"}
		require.Equal(t, want["Install Reason"], cmp.Or(reason[p.Reason], "Unknown"), p.Name)
		for key, date := range map[string]int64{"Build Date": p.BuildDate, "Install Date": p.InstallDate} {
			shown := time.Unix(date, 0).UTC().Format("Mon Jan _2 15:04:05 2006")
			require.Equal(t, want[key], shown, "%s of %s", key, p.Name)
		}
		require.Equal(t, want["Installed Size"], shownSize(p.ISize), p.Name)
		shown := map[string]string{"none": "None", "md5": "MD5 Sum", "sha256": "SHA-256 Sum", "pgp": "Signature"}
		var checks []string
		for _, v := range p.Validation {
			checks = append(checks, shown[v])
		}
		if len(checks) == 0 {
			checks = []string{"Unknown"}
		}
		require.Equal(t, want["Validated By"], strings.Join(checks, "  "), p.Name)
	}
}

func orNone(s string) string { return cmp.Or(s, "None") }

func shownSize(n uint64) string {
	unit, value := 0, float64(n)
	for value > 2048 {
		value /= 1024
		unit++
	}
	return fmt.Sprintf("%.2f %s", value, []string{"B", "KiB", "MiB", "GiB"}[unit])
}

func checkFiles(t *testing.T, o *oracle, l *Local) {
	var got []string
	for _, p := range l.Packages {
		paths, err := PackageFiles(o.db, p)
		require.NoError(t, err)
		for _, path := range paths {
			got = append(got, p.Name+" "+o.root+"/"+path)
		}
	}
	require.Greater(t, len(got), len(l.Packages))
	require.Equal(t, o.lines("-Ql"), got)
}

func checkOwners(t *testing.T, o *oracle, l *Local) {
	o.root = "/"
	random := rand.New(rand.NewPCG(1, 2))
	paths := []string{
		"/usr", "/usr/", "/usr/bin", "/usr/bin/", "/usr//bin/../bin", "/", "//", "/nowhere", "/usr/bin/nothing",
		".", "..", "usr", "/usr/share/licenses", "/usr/share/licenses/", "/etc/../usr/share", "/usr/bin/.", "/usr/bin/..", "relative/",
	}
	for range 400 {
		files, err := PackageFiles(o.db, l.Packages[random.IntN(len(l.Packages))])
		require.NoError(t, err)
		if len(files) > 0 {
			paths = append(paths, "/"+files[random.IntN(len(files))])
		}
	}
	require.Greater(t, len(paths), 200)
	requireOwnersEqual(t, o, l, paths)
}

// requireOwnersEqual compares the owners of all paths with the output of one call of pacman -Qo.
func requireOwnersEqual(t *testing.T, o *oracle, l *Local, paths []string) {
	t.Helper()
	var resolved []ResolvedPath
	for _, path := range paths {
		if p, err := ResolveOwned(o.root, path); err == nil {
			resolved = append(resolved, p)
		} else {
			require.ErrorIs(t, err, ErrOutside)
		}
	}
	owners, unread, err := l.Owners(context.Background(), o.db, resolved)
	require.NoError(t, err)
	require.Zero(t, unread)
	var got []string
	for i := range resolved {
		for _, p := range owners[i] {
			got = append(got, fmt.Sprintf("%s is owned by %s %s", resolved[i].Path, p.Name, p.Version))
		}
	}
	require.NotEmpty(t, got)
	require.Equal(t, o.lines(append([]string{"-Qo"}, paths...)...), got)
}

func checkSearch(t *testing.T, o *oracle, l *Local) {
	for _, words := range [][]string{
		{"python"},
		{"lib", "x11"},
		{"^lib"},
		{"sh"},
		{"xorg-apps"},
		{"base-devel"},
		{"nothing-like-it"},
		{"FONT", "mono"},
		{"libgl"},
		{"a"},
		{"c", "d"},
		{"sane"},
		{"rust"},
		{"so$"},
		{"editor"},
	} {
		var list []SearchWord
		for _, w := range words {
			list = append(list, SearchWord{w, regexp.MustCompile("(?i)" + w).MatchString})
		}
		require.Equal(t, o.run(append([]string{"-Qsq"}, words...)...), shownNames(l.Search(list)), words)
	}
}

func shownNames(pkgs []*Installed) string {
	if len(pkgs) == 0 {
		return ""
	}
	return strings.Join(names(pkgs), "\n") + "\n"
}

func checkSatisfiers(t *testing.T, o *oracle, l *Local) {
	r := ComputeRelations(l.Packages)
	for _, target := range []string{
		"sh", "bash", "glibc>=2.30", "glibc<2", "libgl", "opengl-driver", "awk", "libcurl.so=4-64", "libcurl.so", "nope",
		"ttf-font", "java-runtime", "libc.so", "glibc=2.36", "python3", "=", "a=b", "local/bash", "local/sh", "local/local/bash", "bash: with words",
	} {
		want := strings.TrimSpace(o.run("-Qq", target))
		got := ""
		if p := r.Satisfier(target); p != nil {
			got = p.Name
		}
		require.Equal(t, want, got, target)
	}
}

// checkWhy checks, for every package, that each dependency in the chains of Why and DependencyChains exists.
func checkWhy(t *testing.T, _ *oracle, l *Local) {
	r := ComputeRelations(l.Packages)
	orphans := names(r.Orphans(true))
	for _, p := range l.Packages {
		chains := r.Why(p.Name)
		if p.Explicit() {
			require.Equal(t, Chain{{Name: p.Name}}, chains[0])
		}
		length := 0
		for _, c := range chains {
			require.GreaterOrEqual(t, len(c), length)
			length = len(c)
			require.Equal(t, p.Name, c[len(c)-1].Name)
			require.True(t, l.Find(c[0].Name).Explicit())
			for i, link := range c[:len(c)-1] {
				require.Contains(t, l.Find(link.Name).Depends, link.DependOnNext)
				require.Contains(t, r.RequiredBy(c[i+1].Name), link.Name)
				require.False(t, i > 0 && l.Find(link.Name).Explicit(), "the chain should start at %s", link.Name)
			}
		}
		if slices.Contains(orphans, p.Name) {
			require.Empty(t, chains)
		}
		for _, c := range r.DependencyChains(p.Name) {
			require.Equal(t, p.Name, c[0].Name)
			for i, link := range c[:len(c)-1] {
				require.Contains(t, r.RequiredBy(c[i+1].Name), link.Name)
			}
		}
	}
	require.Nil(t, r.Why("nope"))
	require.Nil(t, r.DependencyChains("nope"))
}
