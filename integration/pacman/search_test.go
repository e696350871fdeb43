package pacman

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/client"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/termtext"
	"github.com/omg-arch/omg/shared/wire"
)

// testSearch divides the queries into searchParts parts. The parts run in parallel if there are enough processors.
const searchParts = 8

// testSearch compares the names in search results. If pacman refuses an expression, omg must refuse it too. Each query
// is sent to the daemon directly, and is answered by omg from an index. Every tenth query is also sent to the daemon by
// omg, and is answered by omg from the databases: this takes long, and runs the same search code as an index.
func testSearch(t *testing.T, w *comparison) {
	all := queries(t, w.offered())
	answers := map[string]*answer{}
	for _, q := range all {
		answers[q.key()] = &answer{}
	}
	for part := range searchParts {
		t.Run(fmt.Sprintf("part %d", part), func(t *testing.T) {
			t.Parallel()
			w := w.forSubtest(t)
			conn := w.daemon.Dial()
			for i := part; i < len(all); i += searchParts {
				q := all[i]
				want := answers[q.key()].get(w, q)
				requireSameSearch(t, "a connection", q, want, searchBy(t, conn, q))
				for _, way := range w.ways {
					if way.Name == "index" || i/searchParts%10 == 0 {
						requireSameSearch(t, way.Name, q, want, way.Omg(append([]string{"search", "-q", "--limit", "0"}, q.omg()...)...))
					}
				}
			}
		})
	}
}

// answer is pacman's result for a query. Equal queries share one answer, so that pacman runs once.
type answer struct {
	once sync.Once
	harness.Result
}

func (a *answer) get(w *comparison, q query) harness.Result {
	a.once.Do(func() { a.Result = w.pacman(append([]string{"-Ssq"}, q.pacman...)...) })
	return a.Result
}

// searchBy sends a search to the daemon without omg. The result is what omg would print.
func searchBy(t testing.TB, conn *client.Conn, q query) (r harness.Result) {
	t.Helper()
	var found wire.SearchResult
	err := conn.Call(t.Context(), wire.OpSearch, &wire.SearchRequest{Words: q.words, Regex: q.regex}, func(part []byte, _ bool) error {
		return wire.DecodeSearchResult(part, &found, func(p *wire.Package) error {
			r.Stdout += p.Name + "\n"
			return nil
		})
	})
	var refused *wire.Error
	switch {
	case errors.As(err, &refused) && refused.Code == wire.CodeInvalid:
		r.Code, r.Stderr = exit.Usage, refused.Message
	case err != nil:
		require.NoError(t, err)
	case found.Total == 0:
		r.Code = exit.NotFound
	}
	return r
}

// requireSameSearch compares omg's results with pacman's, in any order.
func requireSameSearch(t testing.TB, way string, q query, want, got harness.Result) {
	t.Helper()
	what := fmt.Sprintf("%s: omg search %q, pacman -Ssq %q\n%s%s", way, q.omg(), q.pacman, got.Stderr, want.Stderr)
	pacmanNames, omgNames := want.Lines(), got.Lines()
	slices.Sort(pacmanNames)
	slices.Sort(omgNames)
	require.Empty(t, onlyInFirst(pacmanNames, omgNames), "pacman finds them, omg does not: "+what)
	require.Empty(t, onlyInFirst(omgNames, pacmanNames), "omg finds them, pacman does not: "+what)
	require.Equal(t, pacmanNames, omgNames, what)
	switch {
	case strings.Contains(want.Stderr, "regular expression"):
		require.Equal(t, exit.Usage, got.Code, what)
	case len(pacmanNames) == 0:
		require.Equal(t, exit.NotFound, got.Code, what)
	default:
		require.Equal(t, exit.OK, got.Code, what)
	}
}

// onlyInFirst returns the elements of the sorted list first that are not in the sorted list second.
func onlyInFirst(first, second []string) (only []string) {
	for _, s := range first {
		if _, found := slices.BinarySearch(second, s); !found {
			only = append(only, s)
		}
	}
	return only
}

// testSearchMarks compares how a search prints packages, including the mark [installed] of installed packages.
func testSearchMarks(t *testing.T, w *comparison) {
	for _, word := range []string{"lib32", "git", "gtk"} {
		want := w.pacman("-Ss", word).Lines()
		require.Contains(t, strings.Join(want, "\n"), "[installed: ")
		slices.Sort(want)
		for i := range want {
			want[i] = termtext.Clean(want[i])
		}
		for _, way := range w.ways {
			got := way.Omg("search", "--limit", "0", word).Lines()
			slices.Sort(got)
			require.Equal(t, want, got, way.Name)
		}
	}
}
