package pkgindex

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/wire"
)

// TestSearch_States checks that is: finds exactly the packages in a state among those that the other words find, and not: the others, with the
// right totals, orders and pages.
func TestSearch_States(t *testing.T) {
	packages := tinyPackages(7, 1200)
	set := NewFileSet([]*File{build(t, packages, "core", "extra"), build(t, packages, "aur")}, FileSetOptions{Repos: []string{"extra", "core"}})
	var installed, explicit []string
	for i, p := range packages {
		if i%5 == 0 {
			installed = append(installed, p.Name)
		}
		if i%15 == 0 {
			explicit = append(explicit, p.Name)
		}
	}
	inState := map[string]*DocSet{}
	for state, names := range map[string][]string{wire.StateInstalled: installed, wire.StateExplicit: append(explicit, "not-in-the-index", strings.ToUpper(packages[0].Name)+"-X")} {
		var err error
		inState[state], err = set.NamedDocs(slices.Values(names))
		require.NoError(t, err)
	}
	search := func(skip, limit int, r wire.SearchRequest) ([]string, int) {
		q, err := ParseQuery(&r)
		require.NoError(t, err)
		q.InState = inState
		found, err := set.Search(q, skip, limit)
		require.NoError(t, err)
		return names(t, set, found.Hits), found.Total
	}
	for _, word := range []string{"", "a", "ab", "aab", "name:c", "group:=b", "depends:a"} {
		for _, order := range []string{wire.SortRelevance, wire.SortName} {
			all, _ := search(0, 0, wire.SearchRequest{Words: []string{word}, Sort: order})
			for words, has := range map[string]func(string) bool{
				"is:installed":                 func(name string) bool { return slices.Contains(installed, name) },
				"not:is:installed":             func(name string) bool { return !slices.Contains(installed, name) },
				"is:explicit":                  func(name string) bool { return slices.Contains(explicit, name) },
				"is:installed not:is:explicit": func(name string) bool { return slices.Contains(installed, name) && !slices.Contains(explicit, name) },
				"is:explicit not:is:installed": func(string) bool { return false },
			} {
				want := slices.DeleteFunc(slices.Clone(all), func(target string) bool {
					_, name, _ := strings.Cut(target, "/")
					return !has(name)
				})
				r := wire.SearchRequest{Words: append(strings.Fields(words), word), Sort: order}
				got, total := search(0, 0, r)
				require.Equal(t, want, got, "%q by %s", r.Words, order)
				require.Equal(t, len(want), total)
				got, total = search(1, 3, r)
				require.Equal(t, want[min(1, len(want)):min(4, len(want))], got, "%q by %s", r.Words, order)
				require.Equal(t, len(want), total)
			}
		}
	}
	all, _ := search(0, 0, wire.SearchRequest{AllRepos: true})
	found, _ := search(0, 0, wire.SearchRequest{Words: []string{"is:installed"}})
	others, _ := search(0, 0, wire.SearchRequest{Words: []string{"not:is:installed"}, AllRepos: true})
	require.ElementsMatch(t, all, append(found, others...))
	expressions, _ := search(0, 0, wire.SearchRequest{Words: []string{"^a", "is:installed"}, Regex: true})
	require.NotEmpty(t, expressions)
}

// TestParseQuery_States checks which words name a state, and which are errors.
func TestParseQuery_States(t *testing.T) {
	for word, part := range map[string]string{
		"is:instaled":     "use is:installed or is:explicit",
		"not:is:none":     "use is:installed or is:explicit",
		"not:is:explicit": "add a word",
	} {
		_, err := ParseQuery(&wire.SearchRequest{Words: []string{word}})
		require.ErrorIs(t, err, ErrQuery, word)
		require.ErrorContains(t, err, part)
		require.True(t, (&wire.SearchRequest{Words: []string{word}}).NamesState())
	}
	for _, word := range []string{"is:", "not:is:", "this:installed"} {
		q, err := ParseQuery(&wire.SearchRequest{Words: []string{"a", word}})
		require.NoError(t, err)
		require.Empty(t, q.States())
		require.False(t, (&wire.SearchRequest{Words: []string{word}}).NamesState())
	}
	q, err := ParseQuery(&wire.SearchRequest{Words: []string{"is:explicit"}})
	require.NoError(t, err)
	require.Equal(t, []string{wire.StateExplicit}, q.States())
	_, isOne := q.AsRegexps()
	require.False(t, isOne)
	_, err = NewFileSet(nil, FileSetOptions{}).Search(q, 0, 0)
	require.ErrorContains(t, err, "the packages of this state are unknown")
}
