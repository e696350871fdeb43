package pacmandb

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// updateCases returns a database with at least one package for each update rule.
func updateCases(t testing.TB) *testDB {
	db := newTestDB(t)
	for _, p := range [][]string{
		{"plain", "1-1"},
		{"second-newer", "1-1"}, // the second repository has a newer version
		{"epoch", "5-1"},
		{"epoch-here", "1:1-1"},
		{"newer-here", "9-1"},
		{"same", "1-1"},
		{"ignored", "1-1"},
		{"glob-one", "1-1"},
		{"grouped", "1-1", "GROUPS", "held"},
		{"grouped-there", "1-1"}, // the repository's package is in the group "held", the installed package is not
		{"replaced", "1-1"},
		{"replaced-version", "1-1"},
		{"replaced-late", "1-1"}, // the repository "one" still has this package, and "two" has a replacement
		{"replaced-ignored", "1-1"},
		{"itself", "1-1"},
		{"itself-same", "1-1"},
		{"only-second", "1-1"},
		{"only-third", "1-1"},
		{"foreign", "1-1"},
		{"provider", "1-1", "PROVIDES", "virtual=2"},
		{"merged", "1-1"},
		{"merger", "1-1"},
		{"twice", "1-1"},
		{"rival", "1-1"},
		{"rival-too", "1-1"},
		// The names of some targets sort before the names of the packages that they replace, and others sort after them.
		{"b-target", "1-1"},
		{"c-of-target", "1-1"},
		{"c-elsewhere", "1-1"},
		{"a-before-target", "1-1"},
		{"held-target", "1-1"},
		{"i-of-held", "1-1"},
		{"j-twice", "1-1"},
	} {
		db.install(p[0], p[1], p[2:]...)
	}
	for _, p := range [][]string{
		{"one", "plain", "2-1"},
		{"one", "second-newer", "1-1"},
		{"two", "second-newer", "2-1"},
		{"one", "epoch", "1:1-1"},
		{"one", "epoch-here", "7-1"},
		{"one", "newer-here", "1-1"},
		{"one", "same", "1-1"},
		{"one", "ignored", "2-1"},
		{"one", "glob-one", "2-1"},
		{"one", "grouped", "2-1"},
		{"one", "grouped-there", "2-1", "GROUPS", "held"},
		{"one", "replacer", "3-1", "REPLACES", "replaced"},
		{"one", "replacer-version", "3-1", "REPLACES", "replaced-version<1"},
		{"one", "replaced-late", "2-1"},
		{"two", "replacer-late", "3-1", "REPLACES", "replaced-late"},
		{"one", "replacer-ignored", "3-1", "REPLACES", "replaced-ignored", "GROUPS", "held"},
		{"one", "itself", "2-1", "REPLACES", "itself"},
		{"one", "itself-same", "1-1", "REPLACES", "itself-same"},
		{"two", "only-second", "2-1"},
		{"three", "only-third", "2-1"},
		{"one", "of-virtual", "2-1", "REPLACES", "virtual"},
		{"one", "merger", "1-1", "REPLACES", "merged>=1"},
		{"one", "twice-by", "1-1", "REPLACES", "twice\ntwice>0"},
		{"one", "rival-by", "1-1", "REPLACES", "rival"},
		// pacman updates b-target from the repository "one", so it cannot also install b-target from "two".
		{"one", "b-target", "2-1", "REPLACES", "c-of-target\na-before-target"},
		{"two", "b-target", "3-1", "REPLACES", "c-elsewhere"},
		{"two", "c-other", "1-1", "REPLACES", "c-of-target"},
		// An ignored update does not make a package a target.
		{"one", "held-target", "2-1", "GROUPS", "held"},
		{"two", "held-target", "2-1", "REPLACES", "i-of-held"},
		// Two packages in the repository "one" replace j-twice. The search for replacements ends with that repository, so
		// it does not find j-three in the repository "two".
		{"one", "j-one", "1-1", "REPLACES", "j-twice"},
		{"one", "j-two", "1-1", "REPLACES", "j-twice"},
		{"two", "j-three", "1-1", "REPLACES", "j-twice"},
		{"two", "rival-by", "1-1", "REPLACES", "rival-too"},
	} {
		db.publish(p[0], p[1], p[2], p[3:]...)
	}
	db.finish()
	return db
}

func TestUpdates_Pacman(t *testing.T) {
	db := updateCases(t)
	for _, usages := range [][3]string{
		{"All", "All", "All"},
		{"", "", ""},
		{"Sync", "All", "All"},
		{"Search", "All", "Sync"},
		{"All", "Upgrade", "Install"},
		{"Upgrade", "All", "Search"},
		{"Install Upgrade", "Sync Search", "Upgrade Search"},
		{"Sync", "Sync", "Sync"},
	} {
		for _, options := range [][]string{
			nil,
			{"IgnorePkg = ignored glob-*", "IgnoreGroup = held"},
			{"IgnorePkg = *", "IgnorePkg = nothing"},
			{"IgnoreGroup = h?l[a-e]"},
			{"IgnorePkg = replacer merger"},
		} {
			t.Run(fmt.Sprint(usages, options), func(t *testing.T) {
				o := newOracle(t, db.dir, "one", "two", "three")
				o.options = options
				for i, u := range usages {
					o.repos[i].usage = strings.Fields(u)
				}
				l := mustRead(t, db.dir)
				out := FindOutdated(l.Packages, o.config(), o.facts(l))
				require.Equal(t, o.run("-Qu"), joinLines(updateLines(out)))
				native, foreign := SplitForeign(l.Packages, o.config(), o.facts(l))
				require.Equal(t, o.lines("-Qnq"), names(native))
				require.Equal(t, o.lines("-Qmq"), names(foreign))
				requireReplacementsEqual(t, o, out)
			})
		}
	}
}

func joinLines(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	return strings.Join(lines, "\n") + "\n"
}

// requireReplacementsEqual compares the replacements with pacman's questions and warnings.
func requireReplacementsEqual(t *testing.T, o *oracle, out Outdated) {
	t.Helper()
	stdout, stderr := o.try("-Su") // pacman ends after its questions, because it cannot download the packages
	var want, got []string
	for text := range strings.SplitSeq(stdout+"\n"+stderr, "\n") {
		for _, line := range strings.SplitAfter(text, "[Y/n] ") {
			var old, repo, by string
			if _, err := fmt.Sscanf(line, ":: Replace %s with %s", &old, &by); err == nil {
				repo, by, _ = strings.Cut(strings.TrimSuffix(by, "?"), "/")
				if old != by {
					want = append(want, old+" "+repo+"/"+by)
				}
			}
			if rest, ok := strings.CutPrefix(line, "warning: ignoring package replacement ("); ok {
				old, by, _ := strings.Cut(strings.TrimSuffix(rest, ")"), " => ")
				oldName, _, _ := splitEntry(old)
				byName, _, _ := splitEntry(by)
				if oldName != byName {
					want = append(want, oldName+" ignored "+byName)
				}
			}
			if _, err := fmt.Sscanf(line, "warning: cannot replace %s by %s", &old, &by); err == nil {
				want = want[:len(want)-1] // pacman does not make the replacement about which it has just asked
			}
		}
	}
	for _, r := range out.Replacements {
		if r.Ignored {
			got = append(got, r.ReplacedName+" ignored "+r.By)
		} else {
			got = append(got, r.ReplacedName+" "+r.Repo+"/"+r.By)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	require.Equal(t, want, got, stdout+stderr)
}

func TestUpdates_NewerHere(t *testing.T) {
	db := updateCases(t)
	o := newOracle(t, db.dir, "one", "two", "three")
	l := mustRead(t, db.dir)
	out := FindOutdated(l.Packages, o.config(), o.facts(l))
	require.Equal(t, []Update{
		{Name: "epoch-here", Installed: "1:1-1", Version: "7-1", Repo: "one"},
		{Name: "newer-here", Installed: "9-1", Version: "1-1", Repo: "one"},
	}, out.LocalNewer)
}

// TestGlobMatch_Pacman compares globMatch with the packages that pacman marks as ignored for a pattern in IgnorePkg.
func TestGlobMatch_Pacman(t *testing.T) {
	db := newTestDB(t)
	all := []string{"a", "ab", "abc", "a-b", "lib32-x", "linux", "linux-lts", "c++", "x.y", "x_y", "A", "a1", "z9", "b]", "a^", "foo@bar", "é", "aéb", "ωα"}
	for _, name := range all {
		db.install(name, "1-1")
		db.publish("one", name, "2-1")
	}
	db.finish()
	for _, pattern := range []string{
		"*", "a", "a*", "*b", "*b*", "?", "??", "linux*", "linux?*", "[ab]", "[!a]", "[^a]", "[a-c]?", "[[:digit:]]", "a[[:digit:]]",
		"[[:alpha:]]", "[[:upper:]]", "[]]", "b[]]", "b]", "a\\^", "c++", "x.y", "x[._]y", "\\a", "[a", "[", "a[", "*[b-]*", "[!-]*",
		"l*x", "l*-*s", "**a**", "[[:nope:]]", "a[^1]", "foo@*", "[[:punct:]a]*", "*[[:xdigit:]]", "[[:lower:][:digit:]]*[[:alnum:]]", "*[!a-z]", "[z-a]", "a\\", "[\\]]", "b[\\]]", "[a-]b",
		"*[[=b=]]", "a[[.-.]]*", "[[=b", "a?b", "*[é]*", "?[[:alpha:]]?", "[α-ω]*",
	} {
		o := newOracle(t, db.dir, "one")
		o.options = []string{"IgnorePkg = " + pattern}
		var want, got []string
		for _, line := range o.lines("-Qu") {
			if strings.HasSuffix(line, "[ignored]") {
				want = append(want, strings.Fields(line)[0])
			}
		}
		slices.Sort(all)
		for _, name := range all {
			if globMatch(pattern, name) {
				got = append(got, name)
			}
		}
		require.Equal(t, want, got, pattern)
	}
}

func FuzzGlob(f *testing.F) {
	for _, s := range []string{"*", "[a-", "[[:digit:]]*", "\\", "[!]a]", "*a*a*a*a*a*a*b"} {
		f.Add(s, "aaaaaaaaaaaaaaaa")
	}
	f.Fuzz(func(t *testing.T, pattern, s string) {
		if globMatch(pattern, s) && !strings.ContainsAny(pattern, `*?[\`) {
			require.Equal(t, pattern, s)
		}
		require.True(t, globMatch("*", s))
		require.True(t, globMatch("*"+quoteGlob(s)+"*", "x"+s))
	})
}

// quoteGlob returns a pattern that matches only s.
func quoteGlob(s string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(s)
}
