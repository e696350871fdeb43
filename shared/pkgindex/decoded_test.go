package pkgindex

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/wire"
)

// requireMatches requires that exactly these packages, as repository/name, match a query one by one, also as installed packages.
func requireMatches(t *testing.T, packages []wire.Package, want []string, r wire.SearchRequest) {
	t.Helper()
	q, err := ParseQuery(&r)
	require.NoError(t, err)
	var got []string
	for i := range packages {
		p := &packages[i]
		matches := q.Match(p)
		if matches {
			got = append(got, p.Repo+"/"+p.Name)
		}
		if p.AUR == nil {
			installed := wire.InstalledPackage{Package: *p, InstalledFromRepo: p.Repo}
			installed.Repo = "local"
			require.Equal(t, matches, q.MatchInstalled(&installed), "%+v matches %+v", p, r)
		}
	}
	require.ElementsMatch(t, want, got, "%+v", r)
}

// TestMatch_EqualsSearch checks that a decoded package matches a query if and only if the search in an index finds it.
// TestSearch_EqualsOracle compares both with the oracle for plain words.
func TestMatch_EqualsSearch(t *testing.T) {
	packages := tinyPackages(5, 600)
	for i := range packages {
		p := &packages[i]
		switch i % 7 {
		case 0:
			p.Desc = ""
		case 1:
			p.Desc, p.EmptyDesc = "", true
		case 2:
			p.Name = strings.ToUpper(p.Name) + "+."
		case 3:
			if p.AUR != nil {
				p.AUR.CoMaintainers, p.AUR.Keywords = []string{"Cab"}, []string{"ab", "C"}
			}
		}
		if p.AUR != nil && i%11 == 0 {
			p.AUR.Maintainer = ""
		}
	}
	set := NewFileSet([]*File{build(t, packages, "core", "extra"), build(t, packages, "aur")}, FileSetOptions{})
	for _, words := range [][]string{
		{"a"},
		{"a", "not:b"},
		{"a", "not:group:=b"},
		{"a", "not:depends:a", "not:maint:a"},
		{"keyword:ab"},
		{"maint:cab"},
		{"depends:aa"},
		{"provides:a", "name:a"},
		{"a", "repo:core"},
		{"repo:aur"},
		{"repo:core", "repo:extra"},
		{"aur:a"},
		{"B", "É"},
		{"+."},
		{""},
		{"not:a", "repo:core"},
	} {
		for _, r := range []wire.SearchRequest{{}, {NameOnly: true}, {NoAUR: true}, {OnlyAUR: true}, {Repos: []string{"extra"}}, {AllRepos: true, Sort: wire.SortName}} {
			r.Words = words
			want, _ := find(t, set, 0, r)
			requireMatches(t, packages, want, r)
		}
	}
	for _, words := range [][]string{
		{"^a"}, {"a$"}, {"a.*b"}, {"name:^.a"}, {"+."}, {"desc:^a|b$"}, {"provides:^a$"}, {"group:a"}, {"depends:^a"}, {"maint:^$"}, {"maint:c"}, {"keyword:^c$"}, {"a", "not:^b"}, {"desc:^$"}, {".", "not:maint:a"},
	} {
		for _, nameOnly := range []bool{false, true} {
			r := wire.SearchRequest{Words: words, Regex: true, NameOnly: nameOnly}
			if _, err := ParseQuery(&r); err != nil {
				require.Equal(t, []string{"+."}, words)
				r.Words = []string{"[+]."}
			}
			want, _ := find(t, set, 0, r)
			requireMatches(t, packages, want, r)
		}
	}
	all, _ := find(t, set, 0, wire.SearchRequest{AllRepos: true})
	requireMatches(t, packages, all, wire.SearchRequest{AllRepos: true})
}

// TestMatch_States checks that the states of decoded packages decide as in a search.
func TestMatch_States(t *testing.T) {
	installed := wire.Package{Repo: "core", Name: "a", Version: "2", InstalledVersion: "1"}
	other := wire.Package{Repo: "core", Name: "ab", Version: "2"}
	for words, want := range map[string][3]bool{ // of an explicitly installed package, of a dependency, of another package
		"a is:installed":     {true, true, false},
		"a not:is:installed": {false, false, true},
		"is:explicit":        {true, false, false},
		"a not:is:explicit":  {false, true, true},
	} {
		q, err := ParseQuery(&wire.SearchRequest{Words: strings.Fields(words)})
		require.NoError(t, err)
		require.Equal(t, want[1], q.Match(&installed), words)
		q.ExplicitNames = map[string]bool{"a": true}
		require.Equal(t, want[0], q.Match(&installed), words)
		require.Equal(t, want[2], q.Match(&other), words)
		require.Equal(t, want[0], q.MatchInstalled(&wire.InstalledPackage{Package: installed, Reason: "explicit"}), words)
		require.Equal(t, want[1], q.MatchInstalled(&wire.InstalledPackage{Package: installed, Reason: "dependency"}), words)
	}
}

// BenchmarkMatch matches 60,000 decoded packages, one after the other.
func BenchmarkMatch(b *testing.B) {
	packages := slices.Collect(fixture.GeneratePackages(fixture.Options{Packages: 60_000, Seed: 1}))
	for _, words := range []string{"lib", "name:lib not:is:installed", "web server", "group:=gnome", "depends:glibc"} {
		b.Run(words, func(b *testing.B) {
			q, err := ParseQuery(&wire.SearchRequest{Words: strings.Fields(words)})
			require.NoError(b, err)
			b.ReportAllocs()
			for b.Loop() {
				for i := range packages {
					q.Match(&packages[i])
				}
			}
		})
	}
}
