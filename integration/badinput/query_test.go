package badinput

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/wire"
)

// longNames returns a system with an additional repository, whose packages have long names and descriptions. A regular
// expression engine that backtracks would never finish some searches in them.
func longNames(t *testing.T) *harness.System {
	t.Helper()
	s := harness.New(t, longLimits)
	harness.WriteFile(t, s.PacmanConf, append(harness.ReadFile(t, s.PacmanConf), "\n[long]\n"...))
	as, xs := strings.Repeat("a", 200), strings.Repeat("x", 200)
	harness.WriteFile(t, s.SyncDBPath("long"), harness.BuildDatabase(t,
		harness.NewPackageEntry(as, "1.0-1", "DESC", strings.Repeat("a", 3000)),
		harness.NewPackageEntry(xs, "1.0-1", "DESC", strings.Repeat("x", 3000)),
	))
	return s
}

// TestQuery_Hostile checks that omg gives the same answer with and without the daemon. With backtracking, some of these
// expressions would run for years.
func TestQuery_Hostile(t *testing.T) {
	t.Parallel()
	s := longNames(t)
	s.BuildIndexes()
	d := s.StartDaemon()
	for _, c := range []struct {
		name string
		args []string
		code int // the expected exit code; -1 if the exit code may be any of answered, nothing and usage
		says []string
	}{
		{"10,000 letters", []string{"search", strings.Repeat("q", 10_000)}, nothing, nil},
		{"10,000 letters as an expression", []string{"search", "-x", strings.Repeat("q", 10_000)}, nothing, nil},
		{"10,000 letters of info", []string{"info", strings.Repeat("q", 10_000)}, nothing, nil},
		{"controls", []string{"search", "\x1b]0;title\x07\x1b[31m\u0085\u202e"}, nothing, nil},
		{"controls of info", []string{"info", "\x1b]0;title\x07\x1b[31m\u0085\u202e"}, nothing, nil},
		{"a newline", []string{"search", "lib\nomg: error: fake"}, nothing, nil},
		{"a newline of info", []string{"info", "lib\nomg: error: fake"}, nothing, nil},
		{"not UTF-8", []string{"search", "\xff\xfe\xc3("}, nothing, nil},
		{"not UTF-8 as an expression", []string{"search", "-x", "\xff\xfe"}, -1, nil},
		{"not UTF-8 of info", []string{"info", "\xff\xfe\xc3("}, nothing, nil},
		{"(a*)*b", []string{"search", "-x", "(a*)*bzzq"}, nothing, nil},
		{"(a|aa)+$ and no more", []string{"search", "-x", "^(a|aa)+q$"}, nothing, nil},
		{"(x+x+)+y", []string{"search", "-x", "(x+x+)+y"}, nothing, nil},
		{"nested counts", []string{"search", "-x", "((a{1,9}){1,9}){1,9}q"}, -1, nil},
		{"nested counts too many", []string{"search", "-x", "(((a{255}){255}){255}){255}"}, usage, nil},
		{"a thousand groups", []string{"search", "-x", strings.Repeat("(", 1000) + "q" + strings.Repeat(")", 1000)}, -1, nil},
		{"100,000 groups", []string{"search", "-x", strings.Repeat("(", 60_000) + "q" + strings.Repeat(")", 60_000)}, -1, nil},
		{"10,000 words", append([]string{"search"}, slices.Repeat([]string{"lib"}, 10_000)...), -1, nil},
		{"10,000 expressions", append([]string{"search", "-x"}, slices.Repeat([]string{"l[ib]+"}, 10_000)...), -1, nil},
		{"10,000 names", append([]string{"info"}, slices.Repeat([]string{"nosuchname"}, 10_000)...), nothing, nil},
		{"70,000 words", append([]string{"search"}, slices.Repeat([]string{"lib"}, 70_000)...), usage, nil},
		{"an empty word", []string{"search", "", "--limit", "1"}, answered, nil},
		{"an empty word beside others", []string{"search", "lib", ""}, -1, nil},
		{"an empty field", []string{"search", "name:"}, -1, nil},
		{"--repo nonsense", []string{"search", "lib", "--repo", "nonsense"}, -1, nil},
		{"a command with controls", []string{"\x1b[31m"}, usage, nil},
		{"info of empty text", []string{"info", ""}, -1, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := s.ForSubtest(t)
			ways := []harness.Result{s.Run("omg", append([]string{"--socket", d.Socket}, c.args...)...), s.RunWithoutDaemon(c.args...)}
			// On a busy machine, a search for an expression can reach its time limit.
			cut := false
			for _, r := range ways {
				harness.RequireSafeOutput(t, r)
				isCut := strings.Contains(r.Stderr, "the search was stopped after")
				cut = cut || isCut
				if c.code < 0 || isCut {
					require.Contains(t, []int{answered, nothing, usage}, r.Code, r.Stderr)
				} else {
					require.Equal(t, c.code, r.Code, r.Stderr)
				}
				if r.Code == usage || r.Code == nothing && !slices.Contains(c.args, "nosuchname") {
					harness.RequireError(t, r, "omg", r.Code, c.says...)
				}
			}
			if c.name != "70,000 words" && !cut { // more than fits into a frame
				require.Equal(t, ways[0], ways[1], "with and without a daemon")
			}
		})
	}
	requireHealthy(t, d)
	require.Less(t, memory(t, d.PID()), int64(maxMemory))
}

// TestArguments_TooLong checks that an error message shortens arguments that are far too long.
func TestArguments_TooLong(t *testing.T) {
	t.Parallel()
	s := harness.New(t)
	s.BuildIndexes()
	long := strings.Repeat("9", 100_000)
	for _, args := range [][]string{{long}, {"which", long}, {"use", "node", long}, {"config", long}, {"search", "--sort", long, "x"}, {"--dbpath", long, "owns", "/"}} {
		r := s.RunWithoutDaemon(args...)
		harness.RequireError(t, r, "omg", r.Code)
		require.NotZero(t, r.Code)
	}
}

// TestRequest_Hostile sends requests that a command line cannot express.
func TestRequest_Hostile(t *testing.T) {
	t.Parallel()
	d := longNames(t).StartDaemon()
	for _, c := range []struct {
		name string
		op   string
		req  any
	}{
		{"a NUL in a word", wire.OpSearch, &wire.SearchRequest{Words: []string{"li\x00b"}}},
		{"a NUL alone", wire.OpSearch, &wire.SearchRequest{Words: []string{"\x00"}}},
		{"a NUL in an expression", wire.OpSearch, &wire.SearchRequest{Words: []string{"l.*\x00"}, Regex: true}},
		{"a NUL in a name", wire.OpInfo, &wire.InfoRequest{Names: []string{"li\x00b"}}},
		{"a NUL in a repository", wire.OpSearch, &wire.SearchRequest{Words: []string{"lib"}, Repos: []string{"co\x00re"}}},
		{"not UTF-8", wire.OpSearch, &wire.SearchRequest{Words: []string{"\xff\xfe"}}},
		{"not UTF-8 in an order", wire.OpSearch, &wire.SearchRequest{Words: []string{"lib"}, Sort: "\xff\xfe"}},
		{"half a MiB in a word", wire.OpSearch, &wire.SearchRequest{Words: []string{strings.Repeat("ab", 1<<18)}}},
		{"half a MiB in an expression", wire.OpSearch, &wire.SearchRequest{Words: []string{strings.Repeat("a?", 1<<18)}, Regex: true}},
		{"100,000 open groups", wire.OpSearch, &wire.SearchRequest{Words: []string{strings.Repeat("(", 100_000)}, Regex: true}},
		{"100,000 groups", wire.OpSearch, &wire.SearchRequest{Words: []string{strings.Repeat("(", 100_000) + strings.Repeat(")", 100_000)}, Regex: true}},
		{"half a MiB in a name", wire.OpInfo, &wire.InfoRequest{Names: []string{strings.Repeat("ab", 1<<18)}}},
		{"60,000 words", wire.OpSearch, &wire.SearchRequest{Words: slices.Repeat([]string{"lib"}, 60_000)}},
		{"60,000 expressions", wire.OpSearch, &wire.SearchRequest{Words: slices.Repeat([]string{"l.*b"}, 60_000), Regex: true}},
		{"60,000 names", wire.OpInfo, &wire.InfoRequest{Names: slices.Repeat([]string{"nosuchname"}, 60_000)}},
		{"60,000 repositories", wire.OpSearch, &wire.SearchRequest{Words: []string{"lib"}, Repos: slices.Repeat([]string{"core"}, 60_000)}},
		{"no words at all", wire.OpSearch, &wire.SearchRequest{}},
		{"no names at all", wire.OpInfo, &wire.InfoRequest{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := dial(t, d)
			defer p.close()
			p.ask(c.op, c.req)
			for {
				r, err := p.receive()
				require.NoError(t, err, d.Stderr())
				if r.Err != nil {
					require.NotEqual(t, wire.CodeInternal, r.Err.Code, r.Err.Message)
					require.Less(t, len(r.Err.Message), 600, "an error that repeats the question")
				}
				if !r.More {
					break
				}
			}
			requireHealthy(t, d)
		})
	}
	require.Less(t, memory(t, d.PID()), int64(maxMemory))
	require.NotContains(t, d.Stderr(), "panic")
}
