package snapshot

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/filesindex"
	"github.com/omg-arch/omg/shared/wire"
)

// bringing returns a list of files in which each package brings the commands that follow its name.
func bringing(packages ...[]string) *listed {
	list := &listed{}
	for _, p := range packages {
		entry := listedPackage{Package: filesindex.Package{Name: p[0]}}
		for _, command := range p[1:] {
			entry.paths = append(entry.paths, "usr/bin/"+command)
		}
		list.packages = append(list.packages, entry)
	}
	return list
}

// withCommands returns inputs with two repositories, and lists of their files.
func withCommands(t *testing.T) Inputs {
	core := packages("aa-tools", "1-1", "c++utilities", "1-1", "core-tools", "1-1", "gcc", "1-1", "libcore", "1-1", "xz", "1-1", "zz-tools", "1-1")
	for _, name := range []string{"u1", "u2", "u3"} {
		core = append(core, wire.Package{Name: name, Version: "1-1", Depends: []string{"core-tools"}})
	}
	return Inputs{
		Repositories: []IndexedSource{
			currentSource("core", index(t, "repo", "core", core...)),
			currentSource("extra", index(t, "repo", "extra", packages("ab-tools", "1-1", "core-tools", "2-1", "ripgrep", "1-1", "rgb", "1-1")...)),
		},
		AUR: aur(t, "rg", "1-1"),
		Files: []FilesSource{
			source("core", wire.SourceOK, bringing([]string{"aa-tools", "grab"}, []string{"core-tools", "grab", "xz"}, []string{"gcc", "c++"}, []string{"libcore", "tl"}, []string{"xz", "unxz"}, []string{"zz-tools", "grab"})),
			source("extra", wire.SourceOK, bringing([]string{"ab-tools", "grab"}, []string{"core-tools", "grab"}, []string{"gone", "rg"}, []string{"ripgrep", "rg"})),
			source("multilib", wire.SourceMissing, nil),
		},
	}
}

// TestSuggest_Command checks which searches suggest packages by their commands, and in which order.
func TestSuggest_Command(t *testing.T) {
	in := withCommands(t)
	search := func(r *wire.SearchRequest) *Matches {
		found, err := build(t, in).Search(r)
		require.NoError(t, err)
		return found
	}
	byCommand := func(names ...string) (list []wire.Suggestion) {
		for _, name := range names {
			list = append(list, wire.Suggestion{Name: name, Reason: wire.SuggestionCommand})
		}
		return list
	}
	found := search(query("rg"))
	require.Equal(t, byCommand("ripgrep"), found.Suggestions, "the AUR's rg does not count, and gone is in no repository")
	require.Equal(t, 2, found.Total, "the results are the same as without: rg and rgb")
	require.Equal(t, byCommand("core-tools", "aa-tools", "zz-tools", "ab-tools"), search(query("grab")).Suggestions,
		"the most prominent, then by repository and name, each once")
	require.Zero(t, search(query("unxz")).Total)
	require.Equal(t, byCommand("xz"), search(query("unxz")).Suggestions)
	require.Empty(t, search(query("xz")).Suggestions, "a package is called so")
	require.Equal(t, 1, search(query("c++")).Total)
	require.Equal(t, byCommand("gcc"), search(query("c++")).Suggestions)
	for name, r := range map[string]*wire.SearchRequest{
		"two words": query("rg", "rgb"), "a field": query("name:rg"), "names only": {Words: []string{"rg"}, NameOnly: true}, "an expression": {Words: []string{"rg"}, Regex: true},
		"a repository": {Words: []string{"rg"}, Repos: []string{"extra"}}, "a repository's word": query("repo:extra", "rg"), "the AUR": {Words: []string{"rg"}, OnlyAUR: true},
		"without a word": query("rg", "not:x"), "another command": query("r"),
	} {
		require.Empty(t, wire.PackagesWithCommand(search(r).Suggestions), name)
	}
	require.Equal(t, []string{"ripgrep"}, wire.SuggestedNames(search(query("ripgerp")).Suggestions), "names are still suggested")

	in.Files[0].List = &listed{err: filesindex.ErrDamaged}
	require.Equal(t, byCommand("ab-tools", "core-tools"), search(query("grab")).Suggestions, "a damaged list does not affect the others")
}

// TestSuggest_ManyCommands checks that at most five packages are suggested.
func TestSuggest_ManyCommands(t *testing.T) {
	var pairs []string
	var brought [][]string
	for _, name := range []string{"p1", "p2", "p3", "p4", "p5", "p6", "p7"} {
		pairs = append(pairs, name, "1-1")
		brought = append(brought, []string{name, "run"})
	}
	in := Inputs{Repositories: []IndexedSource{repository(t, "core", pairs...)}, Files: []FilesSource{source("core", wire.SourceOK, bringing(brought...))}}
	found, err := build(t, in).Search(query("run"))
	require.NoError(t, err)
	require.Equal(t, []string{"p1", "p2", "p3", "p4", "p5"}, wire.PackagesWithCommand(found.Suggestions))
}

// TestSuggest_NoLists checks that a search without lists of files allocates nothing for suggestions by command.
func TestSuggest_NoLists(t *testing.T) {
	in := withCommands(t)
	in.Files = []FilesSource{source("core", wire.SourceMissing, nil)}
	s := build(t, in)
	q, err := s.parseQuery(query("rg"))
	require.NoError(t, err)
	require.Zero(t, testing.AllocsPerRun(10, func() {
		list, err := s.suggestByCommand(q)
		require.True(t, list == nil && err == nil)
	}))
}
