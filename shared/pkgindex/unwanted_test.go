package pkgindex

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/wire"
)

// TestSearch_Unwanted checks that not: leaves out exactly the packages that the search for its word finds, in every field, for words and
// expressions.
func TestSearch_Unwanted(t *testing.T) {
	packages := tinyPackages(7, 400)
	set := NewFileSet([]*File{build(t, packages, "core", "extra"), build(t, packages, "aur")}, FileSetOptions{Repos: []string{"extra", "core"}})
	for _, wanted := range []string{"a", "ab", "bbbb", "name:a"} {
		all, _ := find(t, set, 0, wire.SearchRequest{Words: []string{wanted}})
		require.NotEmpty(t, all)
		for _, unwanted := range []string{"b", "aab", "name:c", "desc:ab", "provides:aa", "group:b", "group:=b", "depends:a", "maint:a", "é", "b-a"} {
			left, total := find(t, set, 0, wire.SearchRequest{Words: []string{wanted, "not:" + unwanted}})
			both, _ := find(t, set, 0, wire.SearchRequest{Words: []string{wanted, unwanted}})
			require.Len(t, left, total)
			require.ElementsMatch(t, all, append(left, both...), "%s not:%s", wanted, unwanted)
		}
	}
	left, _ := find(t, set, 0, wire.SearchRequest{Words: []string{"a", "not:b.*c"}, Regex: true})
	both, _ := find(t, set, 0, wire.SearchRequest{Words: []string{"a", "b.*c"}, Regex: true})
	all, _ := find(t, set, 0, wire.SearchRequest{Words: []string{"a"}, Regex: true})
	require.NotEmpty(t, both)
	require.ElementsMatch(t, all, append(left, both...))

	for _, words := range [][]string{{"not:a"}, {"a", "not:repo:core"}} {
		_, err := ParseQuery(&wire.SearchRequest{Words: words})
		require.ErrorIs(t, err, ErrQuery, words)
	}
}

// TestSuggest checks which names are similar to what people type, and why.
func TestSuggest(t *testing.T) {
	var packages []wire.Package
	for _, name := range []string{
		"firefox", "firefox-i18n-de", "libreoffice-fresh", "libreoffice-still", "openssl", "nerd-fonts", "ImageMagick", "go", "gcc", "networkmanager",
	} {
		packages = append(packages, wire.Package{Repo: "core", Name: name, Version: "1-1", Desc: "A thing"})
	}
	set := NewFileSet([]*File{build(t, packages, "core")}, FileSetOptions{})
	for text, want := range map[string][]wire.Suggestion{
		"fierfox":       {{Name: "firefox", Reason: wire.SuggestionSpelling}},
		"firefx":        {{Name: "firefox", Reason: wire.SuggestionSpelling}},
		"firefox=101.0": {{Name: "firefox", Reason: wire.SuggestionVersion}},
		"open ssl":      {{Name: "openssl", Reason: wire.SuggestionSpacing}},
		"nerdfonts":     {{Name: "nerd-fonts", Reason: wire.SuggestionSpacing}},
		"imagemagik":    {{Name: "ImageMagick", Reason: wire.SuggestionSpelling}},
		"libreofice":    {{Name: "libreoffice-fresh", Reason: wire.SuggestionVariant}, {Name: "libreoffice-still", Reason: wire.SuggestionVariant}},
		"gc":            nil, "x": nil, "": nil, "---": nil, "completely-different": nil, "ogcc": {{Name: "gcc", Reason: wire.SuggestionSpelling}},
	} {
		found, err := set.Suggest(text)
		require.NoError(t, err)
		require.Equal(t, want, found, "%q", text)
	}
}

// TestParseQuery_Repeated checks that a repeated word counts once, and that a search with many words pauses often.
func TestParseQuery_Repeated(t *testing.T) {
	q, err := ParseQuery(&wire.SearchRequest{Words: []string{"a", "b", "a", "name:a", "b"}})
	require.NoError(t, err)
	require.Len(t, q.terms, 3)
	require.Equal(t, 256/3, q.docsPerPause())

	set := NewFileSet([]*File{build(t, tinyPackages(7, 400), "core", "extra", "aur")}, FileSetOptions{})
	q, err = ParseQuery(&wire.SearchRequest{Words: []string{"a"}})
	require.NoError(t, err)
	found, err := set.Search(q, 0, 0)
	require.NoError(t, err)
	stop := errors.New("stop")
	q.PauseFunc = func() error { return stop }
	explainer := set.NewExplainer(q)
	explained := 0
	for ; err == nil; explained++ {
		_, err = explainer.Explain(found.Hits[explained%len(found.Hits)])
	}
	require.Equal(t, stop, err)
	require.Equal(t, q.docsPerPause(), explained, "explaining pauses as often as searching")
}
