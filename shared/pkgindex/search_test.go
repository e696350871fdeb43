package pkgindex

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/wire"
)

// tinyPackages returns packages whose texts consist of a few letters only. Therefore most short words occur in every
// field, and both at the start and in the middle of names.
func tinyPackages(seed uint64, n int) []wire.Package {
	rng := rand.New(rand.NewPCG(seed, 1))
	word := func(maxLetters int) string {
		const alphabet = "aabbcC-é"
		var s strings.Builder
		for range 1 + rng.IntN(maxLetters) {
			s.WriteString(string([]rune(alphabet)[rng.IntN(8)]))
		}
		return s.String()
	}
	list := func(maxWords, maxLetters int) (out []string) {
		for range rng.IntN(maxWords + 1) {
			out = append(out, word(maxLetters))
		}
		return out
	}
	packages := make([]wire.Package, n)
	for i := range packages {
		p := &packages[i]
		*p = wire.Package{
			Repo: []string{"core", "extra", "aur"}[rng.IntN(3)],
			Name: fmt.Sprintf("%s%d", word(6), i), Version: "1-1",
			Desc: word(9) + " " + word(9), Groups: list(1, 3), Depends: list(2, 2),
		}
		for _, v := range list(2, 3) {
			p.Provides = append(p.Provides, v+[]string{"", "=1.2-3"}[rng.IntN(2)])
		}
		if i%3 == 0 {
			p.Name = word(6)
		}
		if p.Repo == "aur" {
			p.AUR = &wire.AUR{Votes: rng.Uint32N(3), Maintainer: word(2)}
		}
	}
	return packages
}

// build builds an index of the given packages in memory. repos are the sources of the index, in order.
func build(t testing.TB, packages []wire.Package, repos ...string) *File {
	t.Helper()
	b := NewBuilder("test", 1)
	for _, repo := range repos {
		kind := KindRepo
		if repo == "aur" {
			kind = KindAUR
		}
		s := b.AddSource(repo, kind)
		for i := range packages {
			if packages[i].Repo == repo {
				require.NoError(t, s.Add(&packages[i]))
			}
		}
	}
	data, err := b.Bytes()
	require.NoError(t, err)
	f, err := OpenBytes(data)
	require.NoError(t, err)
	require.NoError(t, f.Check())
	return f
}

// names returns the packages of the hits as strings of the form repository/name.
func names(t testing.TB, s *FileSet, hits []Hit) []string {
	t.Helper()
	out := []string{}
	require.NoError(t, s.ReadRecords(hits, false, func(h Hit, summary, _ Record) bool {
		out = append(out, s.RepoOf(h)+"/"+summary.Name())
		return true
	}))
	return out
}

func find(t testing.TB, s *FileSet, limit int, r wire.SearchRequest) ([]string, int) {
	t.Helper()
	return findPage(t, s, 0, limit, r)
}

func findPage(t testing.TB, s *FileSet, skip, limit int, r wire.SearchRequest) ([]string, int) {
	t.Helper()
	q, err := ParseQuery(&r)
	require.NoError(t, err)
	res, err := s.Search(q, skip, limit)
	require.NoError(t, err)
	return names(t, s, res.Hits), res.Total
}

func TestSearch_EqualsOracle(t *testing.T) {
	letters := []string{
		"a", "b", "c", "C", "-", "é", "É", "aa", "ab", "Bc", "-a", "a-", "éa", "abc", "aab", "b-a", "bbbb", "a1", "aé-",
		"name:a", "desc:ab", "provides:aa", "group:b", "group:=b", "group:=AB", "group:=", "depends:ab", "depends:a", "maint:a", "name:ab", "x", "",
	}
	for seed := range uint64(2) {
		packages := tinyPackages(seed, 400)
		o := oracle{repos: []string{"extra", "core", "aur"}, packages: packages}
		view := FileSetOptions{Repos: []string{"extra", "core"}}
		one := NewFileSet([]*File{build(t, packages, "core", "extra", "aur")}, view)
		several := NewFileSet([]*File{build(t, packages, "core", "extra"), build(t, packages, "aur")}, view)
		for _, a := range letters {
			for _, b := range append([]string{"-"}, letters...) {
				words := []string{a, b}
				if b == "-" {
					words = words[:1]
				}
				want := o.search(words...)
				requireMatches(t, packages, slices.Concat(want[:]...), wire.SearchRequest{Words: words})
				var order []string
				for _, s := range []*FileSet{one, several} {
					got, total := find(t, s, 0, wire.SearchRequest{Words: words})
					require.Len(t, got, total)
					start := 0
					for group, names := range want {
						require.LessOrEqual(t, start+len(names), len(got), "words %q, seed %d", words, seed)
						require.Equal(t, names, slices.Sorted(slices.Values(got[start:start+len(names)])), "group %d of words %q, seed %d", group, words, seed)
						start += len(names)
					}
					require.Equal(t, total, start, "words %q, seed %d", words, seed)
					if order == nil {
						order = got
					}
					require.Equal(t, order, got, "the order of %q does not depend on the files", words)
					got, total = find(t, s, 5, wire.SearchRequest{Words: words})
					require.Equal(t, order[:min(5, len(order))], got, "the first five of %q", words)
					require.Equal(t, len(order), total)

					// A source that is not searched is not counted either.
					all, total := find(t, s, 0, wire.SearchRequest{Words: words, NoAUR: true})
					require.Len(t, all, total)
					got, total = find(t, s, 5, wire.SearchRequest{Words: words, NoAUR: true})
					require.Equal(t, all[:min(5, len(all))], got, "the first five of %q in repositories", words)
					require.Equal(t, len(all), total)
				}
			}
		}
	}
}

// TestSearch_Stopped checks that a search of each kind ends with the error of its PauseFunc.
func TestSearch_Stopped(t *testing.T) {
	set := NewFileSet([]*File{build(t, tinyPackages(7, 400), "core", "extra", "aur")}, FileSetOptions{})
	stop := errors.New("stop")
	for _, r := range []wire.SearchRequest{
		{Words: []string{"a"}}, {Words: []string{"ab"}}, {Words: []string{"abc"}}, {Words: []string{"a", "b"}}, {Words: []string{"a.*b"}, Regex: true},
	} {
		q, err := ParseQuery(&r)
		require.NoError(t, err)
		q.PauseFunc = func() error { return stop }
		_, err = set.Search(q, 0, 0)
		require.Equal(t, stop, err, "%q", r.Words)
	}
}
