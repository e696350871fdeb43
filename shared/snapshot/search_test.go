package snapshot

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/wire"
)

// TestSearch_All checks that a search for the empty word finds every package exactly once, with the installed version.
func TestSearch_All(t *testing.T) {
	o := fixture.Options{Packages: 1800, Installed: 100, Seed: 3}
	in := generated(t, o)
	s := build(t, in)
	f, err := s.Search(query(""))
	require.NoError(t, err)
	require.Equal(t, 1800, f.Total)
	require.Equal(t, 1800, s.PackageCount())
	require.Equal(t, wire.Basis{
		Generation: 7, ConfirmedAt: checked, Sources: []wire.Source{in.Repositories[0].Source, in.Repositories[1].Source, in.Repositories[2].Source},
	}, f.Basis)
	require.Equal(t, f.Basis, s.SearchBasis())
	seen, marked := map[string]bool{}, 0
	for _, p := range found(t, s, f, false) {
		require.False(t, seen[p.Repo+"/"+p.Name])
		seen[p.Repo+"/"+p.Name] = true
		local := in.Local.Packages.Find(p.Name)
		require.Equal(t, local != nil, p.InstalledVersion != "")
		if local != nil {
			require.Equal(t, local.Version, p.InstalledVersion)
			marked++
		}
		require.Empty(t, p.Filename, "a list has no details")
	}
	require.Len(t, seen, 1800)
	foreign, ok := s.ForeignNames()
	require.True(t, ok)
	require.NotEmpty(t, foreign)
	require.Equal(t, 100-len(foreign), marked)

	limited, err := s.Search(&wire.SearchRequest{Words: []string{""}, Limit: 5})
	require.NoError(t, err)
	require.Equal(t, 1800, limited.Total)
	require.Equal(t, f.Hits[:5], limited.Hits)
	page, err := s.Search(&wire.SearchRequest{Words: []string{""}, Skip: 5, Limit: 7})
	require.NoError(t, err)
	require.Equal(t, 1800, page.Total)
	require.Equal(t, f.Hits[5:12], page.Hits)
}

// TestSearch_Pauses checks that a search calls the function pause, and that an error of pause ends the search. The test
// searches once for a word and once for a regular expression.
func TestSearch_Pauses(t *testing.T) {
	s := build(t, generated(t, fixture.Options{Packages: 1800, Installed: 100, Seed: 3}))
	for _, r := range []*wire.SearchRequest{{Words: []string{"name:a"}}, {Words: []string{".*a"}, Regex: true}} {
		want, err := s.Search(r)
		require.NoError(t, err)
		pauses := 0
		got, err := s.SearchWithPause(r, func() error { pauses++; return nil })
		require.NoError(t, err)
		require.Equal(t, want, got)
		require.Greater(t, pauses, 2)
		stopped := errors.New("stopped")
		_, err = s.SearchWithPause(r, func() error { return stopped })
		require.ErrorIs(t, err, stopped)
	}
}

// TestSearch_TooLong checks that a search for a regular expression is stopped after expressionTimeout, and that the time
// spent in the function pause does not count, nor most of the time in which the process does not run.
func TestSearch_TooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pause := PauseWithTimeout(func() error { time.Sleep(time.Hour); return nil })
		time.Sleep(time.Hour)
		require.NoError(t, pause())
		for range expressionTimeout/maxExpressionStep - 1 {
			time.Sleep(maxExpressionStep)
			require.NoError(t, pause())
		}
		require.NoError(t, pause())
		time.Sleep(time.Nanosecond)
		err := pause()
		require.Equal(t, wire.CodeInvalid, wire.CodeOf(err))
		require.ErrorContains(t, err, "the search was stopped after 5s")
	})
}

// TestSearch_Repositories checks that a search finds only packages of the requested repositories. A request for an
// unknown repository fails.
func TestSearch_Repositories(t *testing.T) {
	in := Inputs{
		DBPath: "/db", Repositories: []IndexedSource{repository(t, "core", "bash", "1-1", "zsh", "1-1"), repository(t, "extra", "bash-doc", "1-1")},
		AUR: aur(t, "bash-git", "1-1", "bash", "2-1"),
	}
	s := build(t, in)
	for want, r := range map[string]*wire.SearchRequest{
		"[core/bash aur/bash extra/bash-doc aur/bash-git]": query("bash"),
		"[core/bash extra/bash-doc]":                       {Words: []string{"bash"}, NoAUR: true},
		"[core/bash]":                                      {Words: []string{"bash"}, Repos: []string{"core"}},
		"[extra/bash-doc]":                                 query("repo:extra", "bash"),
		"[core/zsh core/bash]":                             query("repo:core"),
		"[aur/bash aur/bash-git]":                          {Words: []string{"bash"}, Repos: []string{"aur"}},
		"[core/bash aur/bash aur/bash-git]":                {Words: []string{"bash", "repo:core"}, Repos: []string{"aur"}},
	} {
		require.Equal(t, want, fmt.Sprint(search(t, s, r)))
		require.NoError(t, s.CheckSearch(r))
	}
	for text, r := range map[string]*wire.SearchRequest{
		`no repository "multilib" (have: core, extra, aur)`: {Words: []string{"a"}, Repos: []string{"core", "multilib"}},
		`no repository "x"`: query("repo:x"),
		"unmatched \"(\"":   {Words: []string{"("}, Regex: true},
		"nonsense":          {Words: []string{"a"}, Sort: "nonsense"},
	} {
		_, err := s.Search(r)
		requireCode(t, err, wire.CodeInvalid, text)
		require.Equal(t, err, s.CheckSearch(r))
	}
}

// TestSearch_Shadowed checks that a package of the AUR is marked as shadowed if a repository has a package with its
// name.
func TestSearch_Shadowed(t *testing.T) {
	s := build(t, Inputs{
		Repositories: []IndexedSource{repository(t, "core", "bash", "1-1")}, AUR: aur(t, "bash", "2-1", "bash-git", "1-1"),
		Local: local(installed("bash-git", "0-1", pacmandb.ReasonExplicit)),
	})
	f, err := s.Search(query("bash"))
	require.NoError(t, err)
	shadowed, versions := map[string]bool{}, map[string]string{}
	for _, p := range found(t, s, f, false) {
		shadowed[p.Repo+"/"+p.Name], versions[p.Repo+"/"+p.Name] = p.Shadowed, p.InstalledVersion
	}
	require.Equal(t, map[string]bool{"core/bash": false, "aur/bash": true, "aur/bash-git": false}, shadowed)
	require.Equal(t, map[string]string{"core/bash": "", "aur/bash": "", "aur/bash-git": "0-1"}, versions)
}

// TestSearch_RepositoryCalledAUR checks that a repository may be called aur: requests then find its packages.
func TestSearch_RepositoryCalledAUR(t *testing.T) {
	in := Inputs{Repositories: []IndexedSource{repository(t, "aur", "yay", "1-1")}}
	for _, a := range []*IndexedSource{nil, lostAUR(wire.SourceMissing, "not yet")} {
		in.AUR = a
		s := build(t, in)
		require.Equal(t, []string{"aur/yay"}, search(t, s, query("yay")))
		require.Equal(t, []string{"aur/yay"}, search(t, s, query("yay", "repo:aur")))
		f, err := s.Info(&wire.InfoRequest{Names: []string{"yay"}})
		require.NoError(t, err)
		require.Equal(t, 1, f.Total)
	}
	in.AUR = aur(t, "yay", "2-1", "yay-bin", "1-1")
	require.ElementsMatch(t, []string{"aur/yay", "aur/yay", "aur/yay-bin"}, search(t, build(t, in), query("yay")))
}

// TestSearch_Usage checks that a search ignores a repository whose Usage in pacman.conf lacks Search. A request for the
// name of a package in that repository finds the package.
func TestSearch_Usage(t *testing.T) {
	extra := repository(t, "extra", "bash-doc", "1-1")
	extra.Usage = pacmandb.UsageSync
	s := build(t, Inputs{Repositories: []IndexedSource{repository(t, "core", "bash", "1-1"), extra}})
	require.Equal(t, []string{"core/bash"}, search(t, s, query("bash")))
	f, err := s.Info(&wire.InfoRequest{Names: []string{"bash-doc"}})
	require.NoError(t, err)
	require.Equal(t, 1, f.Total)
}

// TestSearch_Suggestions checks that a search without results suggests similar names, unless it is a search for regular
// expressions.
func TestSearch_Suggestions(t *testing.T) {
	s := build(t, Inputs{Repositories: []IndexedSource{repository(t, "core", "firefox", "1-1", "nano", "1-1")}})
	suggestions := func(r *wire.SearchRequest) []string {
		f, err := s.Search(r)
		require.NoError(t, err)
		require.Zero(t, f.Total)
		return wire.SuggestedNames(f.Suggestions)
	}
	require.Equal(t, []string{"firefox"}, suggestions(query("firefxo")))
	require.Equal(t, []string{"firefox", "nano"}, suggestions(query("firefxo", "nanno")))
	require.Empty(t, suggestions(query("completely-different")))
	require.Empty(t, suggestions(&wire.SearchRequest{Words: []string{"firefxo"}, Regex: true}))
	require.Len(t, suggestions(query(slices.Repeat([]string{"firefxo"}, 100)...)), maxSuggestions)
	f, err := s.Search(query("firefox"))
	require.NoError(t, err)
	require.Empty(t, f.Suggestions)
}

func TestRepositories(t *testing.T) {
	r := &wire.SearchRequest{Words: []string{"a", "repo:core", "repo:", "name:repo:x"}, Repos: []string{"extra"}}
	repositories, rest := SplitReposFromWords(r)
	require.Equal(t, []string{"extra", "core"}, repositories)
	require.Equal(t, []string{"a", "repo:", "name:repo:x"}, rest)
	require.Equal(t, []string{"extra"}, r.Repos, "the request is not changed")
	repositories, rest = SplitReposFromWords(query("a"))
	require.Empty(t, repositories)
	require.Equal(t, []string{"a"}, rest)
}

// TestInfo_IsWhatTheDatabaseHas checks that a look-up returns packages with exactly the data that the databases contain.
func TestInfo_IsWhatTheDatabaseHas(t *testing.T) {
	o := fixture.Options{Packages: 300, Installed: 20, Seed: 3, DuplicatePackages: 5}
	in := generated(t, o)
	s := build(t, in)
	n := 0
	for p := range fixture.GeneratePackages(o) {
		n++
		f, err := s.Info(&wire.InfoRequest{Names: []string{p.Repo + "/" + p.Name}})
		require.NoError(t, err)
		if local := in.Local.Packages.Find(p.Name); local != nil {
			p.InstalledVersion = local.Version
		}
		require.Equal(t, []wire.Package{p}, found(t, s, f, true))
	}
	require.Equal(t, 305, n)
}

// TestInfo_Names checks the order of the packages that a look-up returns. They are in the order of the requested names.
// Packages with the same name are in the order of the repositories.
func TestInfo_Names(t *testing.T) {
	s := build(t, Inputs{Repositories: []IndexedSource{
		repository(t, "core", "b", "1-1", "a", "1-1"), repository(t, "extra", "a", "2-1"),
	}, AUR: aur(t, "c", "1-1")})
	f, err := s.Info(&wire.InfoRequest{Names: []string{"c", "none", "a", "extra/a", "core/none", "/a", "a/b/c", "", "none/a", "b"}})
	require.NoError(t, err)
	var list []string
	for _, p := range found(t, s, f, true) {
		list = append(list, p.Repo+"/"+p.Name)
	}
	require.Equal(t, []string{"aur/c", "core/a", "extra/a", "extra/a", "core/b"}, list)
	require.Equal(t, len(list), f.Total)
	require.Equal(t, []string{"none", "core/none", "/a", "a/b/c", "", "none/a"}, f.UnknownNames)
	f, err = s.Info(&wire.InfoRequest{})
	require.NoError(t, err)
	require.Zero(t, f.Total)
}

func TestInfo_TooMany(t *testing.T) {
	s := build(t, Inputs{Repositories: []IndexedSource{repository(t, "core", "a", "1-1")}})
	for n, ok := range map[int]bool{maxLookupNames: true, maxLookupNames + 1: false} {
		_, err := s.Info(&wire.InfoRequest{Names: slices.Repeat([]string{"a"}, n)})
		if ok {
			require.NoError(t, err)
			continue
		}
		requireCode(t, err, wire.CodeInvalid, "10001 names")
	}
}

// TestInfo_AUR checks that a request for packages of the AUR returns an error if the snapshot has no data of the AUR.
// It must not report the packages as missing.
func TestInfo_AUR(t *testing.T) {
	s := build(t, Inputs{Repositories: []IndexedSource{repository(t, "core", "firefox", "1-1")}})
	_, err := s.Info(&wire.InfoRequest{Names: []string{"aur/firefox", "aur/yay"}})
	requireCode(t, err, wire.CodeNetwork, "no data of the AUR")
	f, err := s.Info(&wire.InfoRequest{Names: []string{"aur/firefox", "firefox"}})
	require.NoError(t, err)
	require.Equal(t, []string{"aur/firefox"}, f.UnknownNames)
	require.Equal(t, 1, f.Total)
}

// TestMissing checks that Missing suggests similar names, but only for the first maxWordsWithSuggestions names.
func TestMissing(t *testing.T) {
	s := build(t, Inputs{Repositories: []IndexedSource{repository(t, "core", "firefox", "1-1")}})
	missing, err := s.SuggestForUnknown([]string{"firefxo", "core/firefxo", "other/firefxo", "", "a/b/c"})
	require.NoError(t, err)
	require.Equal(t, []wire.MissingName{
		{Name: "firefxo", Suggestions: []wire.Suggestion{{Name: "firefox", Reason: wire.SuggestionSpelling}}}, {Name: "core/firefxo", Suggestions: []wire.Suggestion{{Name: "firefox", Reason: wire.SuggestionSpelling}}}, {Name: "other/firefxo"}, {Name: ""}, {Name: "a/b/c"},
	}, missing)
	missing, err = s.SuggestForUnknown(slices.Repeat([]string{"firefxo"}, maxWordsWithSuggestions+1))
	require.NoError(t, err)
	require.NotEmpty(t, missing[maxWordsWithSuggestions-1].Suggestions)
	require.Empty(t, missing[maxWordsWithSuggestions].Suggestions)
}

// TestMissing_OtherMeaning checks that missing names of groups and of what packages provide are found, in the case in which they were typed.
func TestMissing_OtherMeaning(t *testing.T) {
	s := build(t, Inputs{Repositories: []IndexedSource{currentSource("core", index(t, pkgindex.KindRepo, "core",
		wire.Package{Name: "bash", Version: "1-1", Groups: []string{"base"}, Provides: []string{"sh", "shell=1"}},
		wire.Package{Name: "dash", Version: "1-1", Provides: []string{"sh=2"}},
		wire.Package{Name: "sharp", Version: "1-1", Provides: []string{"sharpened", "SH"}},
	))}})
	missing, err := s.SuggestForUnknown([]string{"sh", "shell", "base", "BASE", "core/sh", "she", strings.Repeat("x", 5000)})
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"bash", "dash"}, missing[0].Providers)
	require.Equal(t, []string{"bash"}, missing[1].Providers)
	require.True(t, missing[2].IsGroup)
	for _, m := range missing[3:] {
		require.False(t, m.IsGroup, m.Name)
		require.Empty(t, m.Providers, m.Name)
	}
}

// TestEachPackage_Stops checks that EachPackage stops when the function that it calls returns an error.
func TestEachPackage_Stops(t *testing.T) {
	s := build(t, Inputs{Repositories: []IndexedSource{repository(t, "core", "a", "1-1", "b", "1-1")}})
	f, err := s.Search(query(""))
	require.NoError(t, err)
	enough, n := errors.New("enough"), 0
	require.ErrorIs(t, s.EachPackage(f.Hits, false, func(*wire.Package) error { n++; return enough }), enough)
	require.Equal(t, 1, n)
}

// TestBuild_SharedIndex checks that a snapshot finds the packages of all its sources if one index file contains them
// all.
func TestBuild_SharedIndex(t *testing.T) {
	b := pkgindex.NewBuilder("test", checked)
	for _, repo := range []string{"core", "extra"} {
		require.NoError(t, b.AddSource(repo, pkgindex.KindRepo).Add(&wire.Package{Repo: repo, Name: "of-" + repo, Version: "1-1"}))
	}
	require.NoError(t, b.AddSource(wire.SourceAUR, pkgindex.KindAUR).Add(&wire.Package{Repo: wire.SourceAUR, Name: "of-aur", Version: "1-1", AUR: &wire.AUR{}}))
	f := opened(t, b)
	a := aur(t)
	a.Index = f
	s := build(t, Inputs{Repositories: []IndexedSource{currentSource("extra", f), currentSource("core", f)}, AUR: a})
	require.Equal(t, 3, s.PackageCount())
	require.ElementsMatch(t, []string{"extra/of-extra", "core/of-core", "aur/of-aur"}, search(t, s, query("of")))

	// The index contains extra and the AUR, but this snapshot does not show them, because they are not configured.
	s = build(t, Inputs{Repositories: []IndexedSource{currentSource("core", f)}})
	require.Equal(t, []string{"core/of-core"}, search(t, s, &wire.SearchRequest{Words: []string{"of"}, NoAUR: true}))
	n, ok := s.RepoPackageCount("core")
	require.True(t, ok)
	require.Equal(t, 1, n)
	_, ok = s.RepoPackageCount("extra")
	require.False(t, ok)
}
