package badinput

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/programs"
	"github.com/omg-arch/omg/shared/wire"
)

// long has packages with long names, which an expression that backtracks would never finish.
func long(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	require.NoError(t, os.WriteFile(w.conf, append(read(t, w.conf), "\n[long]\n"...), 0o644))
	name := strings.Repeat("a", 200)
	xs := strings.Repeat("x", 200)
	write(t, w.sync("long"), database(t,
		entry{name + "-1.0-1/desc", desc(name, strings.Repeat("a", 3000), "")},
		entry{xs + "-1.0-1/desc", desc(xs, strings.Repeat("x", 3000), "")},
	))
	return w
}

// TestQueries asks through the daemon and without it. Both say the same.
func TestQueries(t *testing.T) {
	t.Parallel()
	w := long(t)
	w.built(t)
	d := w.launch(t)
	d.settles(t, func(s wire.SearchResult) bool { return s.Total == 200 })
	for _, c := range []struct {
		name string
		args []string
		code int
		says []string // "" where anything is said
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
		{"a huge count", []string{"search", "-x", "a{100000}"}, usage, []string{"a{100000}"}},
		{"nested counts too many", []string{"search", "-x", "(((a{255}){255}){255}){255}"}, usage, nil},
		{"an open group", []string{"search", "-x", "(lib"}, usage, []string{"(lib"}},
		{"an open bracket", []string{"search", "-x", "[lib"}, usage, []string{"[lib"}},
		{"a bare backslash", []string{"search", "-x", `lib\`}, usage, []string{`lib\`}},
		{"a wrong range", []string{"search", "-x", "[z-a]"}, usage, []string{"[z-a]"}},
		{"an unknown class", []string{"search", "-x", "[[:nonsense:]]"}, usage, []string{"nonsense"}},
		{"a back-reference", []string{"search", "-x", `(l)\1`}, usage, []string{"back-reference"}},
		{"a thousand groups", []string{"search", "-x", strings.Repeat("(", 1000) + "q" + strings.Repeat(")", 1000)}, -1, nil},
		{"100,000 groups", []string{"search", "-x", strings.Repeat("(", 60_000) + "q" + strings.Repeat(")", 60_000)}, -1, nil},
		{"10,000 words", append([]string{"search"}, slices.Repeat([]string{"lib"}, 10_000)...), -1, nil},
		{"10,000 expressions", append([]string{"search", "-x"}, slices.Repeat([]string{"l[ib]+"}, 10_000)...), -1, nil},
		{"10,000 names", append([]string{"info"}, slices.Repeat([]string{"nosuchname"}, 10_000)...), nothing, nil},
		{"70,000 words", append([]string{"search"}, slices.Repeat([]string{"lib"}, 70_000)...), usage, nil},
		{"an empty word", []string{"search", "", "--limit", "1"}, answered, nil},
		{"an empty word beside others", []string{"search", "lib", ""}, -1, nil},
		{"an unknown field", []string{"search", "nonsense:x"}, nothing, nil},
		{"an empty field", []string{"search", "name:"}, -1, nil},
		{"no words", []string{"search"}, usage, []string{"search"}},
		{"--limit -1", []string{"search", "lib", "--limit", "-1"}, usage, []string{"--limit", "-1"}},
		{"--limit x", []string{"search", "lib", "--limit", "x"}, usage, []string{"limit", "x"}},
		{"--limit beyond", []string{"search", "lib", "--limit", "99999999999999999999"}, usage, []string{"limit"}},
		{"--limit without", []string{"search", "lib", "--limit"}, usage, []string{"limit"}},
		{"--sort nonsense", []string{"search", "lib", "--sort", "nonsense"}, usage, []string{"nonsense"}},
		{"--repo nonsense", []string{"search", "lib", "--repo", "nonsense"}, -1, nil},
		{"an unknown flag", []string{"search", "lib", "--nonsense"}, usage, []string{"nonsense"}},
		{"an unknown letter", []string{"search", "-Z", "lib"}, usage, []string{"Z"}},
		{"an unknown flag before the command", []string{"--nonsense", "search", "lib"}, usage, []string{"nonsense"}},
		{"an unknown command", []string{"nonsense"}, usage, []string{"nonsense"}},
		{"a command with controls", []string{"\x1b[31m"}, usage, nil},
		{"a broken template", []string{"search", "lib", "--format", "{{.nope"}, usage, []string{"--format"}},
		{"an unknown function", []string{"search", "lib", "--format", "{{nope .name}}"}, usage, []string{"--format", "nope"}},
		{"an unknown field of a template", []string{"search", "lib", "--format", "{{.name}} {{.nosuch}}"}, usage, []string{"--format", "nosuch"}},
		{"a field of text", []string{"search", "lib", "--format", "{{.name.nosuch}}"}, usage, []string{"--format"}},
		{"a template that is wrong in the middle", []string{"search", "lib", "--format", "{{.name}}{{index .name 1000}}"}, usage, []string{"--format"}},
		{"--color purple", []string{"search", "lib", "--color", "purple"}, usage, []string{"purple"}},
		{"--json --quiet", []string{"search", "lib", "--json", "--quiet"}, usage, []string{"--json", "--quiet"}},
		{"--json --format", []string{"info", "lib", "--json", "--format", "x"}, usage, []string{"--json", "--format"}},
		{"info of nothing", []string{"info"}, usage, []string{"info"}},
		{"info of two slashes", []string{"info", "a/b/c"}, nothing, []string{"a/b/c"}},
		{"info of ../..", []string{"info", "../.."}, nothing, []string{"../.."}},
		{"info of an absolute path", []string{"info", "/etc/passwd"}, nothing, []string{"/etc/passwd"}},
		{"info of a slash", []string{"info", "/"}, nothing, nil},
		{"info of empty text", []string{"info", ""}, -1, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var both []programs.Result
			begin := time.Now()
			for _, ask := range [][]string{
				{"--socket", d.Socket},
				append([]string{"--no-daemon", "--data-dir", w.data}, w.config()...),
			} {
				r := programs.Run(t, w.env, "omg", append(ask, c.args...)...)
				clean(t, r)
				both = append(both, r)
				if c.code < 0 {
					require.Contains(t, []int{answered, nothing, usage}, r.Code, r.Stderr)
				} else {
					require.Equal(t, c.code, r.Code, r.Stderr)
				}
				if r.Code == usage || r.Code == nothing && !slices.Contains(c.args, "nosuchname") {
					errorLine(t, r, "omg", r.Code, c.says...)
				}
			}
			if c.name != "70,000 words" { // more than fits into a frame
				require.Equal(t, both[0], both[1], "with and without a daemon")
			}
			require.Less(t, time.Since(begin), 20*time.Second)
		})
	}
	d.valid(t)
	require.Less(t, memory(t, d.Pid), int64(bounded))
}

// TestFlagsAndArguments: flags may stand behind arguments, and behind -- nothing is one.
func TestFlagsAndArguments(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.built(t)
	want := w.direct(t, "search", "-q", "--limit", "3", "lib")
	require.Equal(t, answered, want.Code, want.Stderr)
	require.Len(t, want.Lines(), 3)
	require.Equal(t, want, w.direct(t, "search", "lib", "-q", "--limit=3"))
	require.Equal(t, want, w.direct(t, "search", "-q", "--limit", "3", "--", "lib"))
	r := w.direct(t, "search", "--", "-q", "--limit")
	errorLine(t, r, "omg", nothing, "-q --limit")
	r = w.direct(t, "search", "-q", "--", "lib", "--")
	require.Contains(t, []int{answered, nothing}, r.Code)
	errorLine(t, w.direct(t, "search", "--"), "omg", usage, "search")

	// What is too long to be anything is not repeated at its length.
	long := strings.Repeat("9", 100_000)
	for _, args := range [][]string{{long}, {"which", long}, {"use", "node", long}, {"config", long}, {"search", "--sort", long, "x"}, {"--dbpath", long, "owns", "/"}} {
		r := w.direct(t, args...)
		errorLine(t, r, "omg", r.Code)
		require.NotZero(t, r.Code)
	}

	// Empty is no name of anything.
	errorLine(t, w.direct(t, "search", "--repo", "", "lib"), "omg", usage, "--repo needs a value")
	errorLine(t, w.direct(t, "--index", "", "search", "lib"), "omg", usage, "--index needs a value")
	errorLine(t, w.direct(t, "owns", ""), "omg", usage, "owns takes the path of a file")
	errorLine(t, w.direct(t, "owns", "/"), "omg", nothing, "no package owns /")
	require.NotContains(t, w.direct(t, "owns", "/").Stderr, "//")
	name := want.Lines()[0]
	require.Equal(t, answered, w.direct(t, "info", "-q", name).Code)
	errorLine(t, w.direct(t, "info", "-q", "/"+name), "omg", nothing, "'/"+name+"'")
}

// TestRawQueries sends what a command line cannot carry.
func TestRawQueries(t *testing.T) {
	t.Parallel()
	w := long(t)
	d := w.launch(t)
	d.settles(t, func(s wire.SearchResult) bool { return s.Total == 200 })
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
			begin := time.Now()
			p.ask(c.op, c.req)
			for {
				r, err := p.hear()
				require.NoError(t, err, d.Stderr())
				if r.Err != nil {
					require.NotEqual(t, wire.CodeInternal, r.Err.Code, r.Err.Message)
					require.Less(t, len(r.Err.Message), 600, "an error that repeats the question")
				}
				if !r.More {
					break
				}
			}
			require.Less(t, time.Since(begin), 5*time.Second, "one question that keeps a processor busy")
			d.valid(t)
		})
	}
	require.Less(t, memory(t, d.Pid), int64(bounded))
	require.NotContains(t, d.Stderr(), "panic")
}

// TestOutputFails: a reader that has seen enough is no error, a full disk is one.
func TestOutputFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.built(t)
	d := w.start(t)
	omg := filepath.Join(programs.Dir(t), "omg")
	index := filepath.Join(programs.Dir(t), "omg-index")
	direct := append([]string{omg, "--no-daemon", "--data-dir", w.data}, w.config()...)
	for name, line := range map[string][]string{
		"search":        {omg, "--socket", d.Socket, "search", "a"},
		"search json":   {omg, "--socket", d.Socket, "search", "a", "--json"},
		"search direct": append(slices.Clone(direct), "search", "a"),
		"info":          {omg, "--socket", d.Socket, "info", "glibc"},
		"dump":          {index, "dump", w.index()},
		"verify":        {index, "verify", w.index()},
		"index info":    {index, "info", w.index()},
		"index json":    {index, "info", "--json", w.index()},
		"build":         append([]string{index, "build", "-o", filepath.Join(w.home, "other")}, w.config()...),
		"help":          {omg, "--help"},
		"search help":   {omg, "search", "--help"},
		"version":       {omg, "--version"},
	} {
		t.Run(name, func(t *testing.T) {
			program := filepath.Base(line[0])
			r := redirected(t, w.env, "exec \"$@\" >/dev/full", line)
			errorLine(t, r, program, failed, "no space left")
			r = redirected(t, w.env, "\"$@\" | true; exit ${PIPESTATUS[0]}", line)
			require.Empty(t, r.Stderr)
			require.Contains(t, []int{answered, 141}, r.Code, "141 is the shell's word for the signal")
			if name == "search" {
				r = redirected(t, w.env, "\"$@\" | head -1", line)
				require.Empty(t, r.Stderr)
				require.Len(t, r.Lines(), 1)
			}
			r = redirected(t, w.env, "exec \"$@\" >&-", line)
			clean(t, r)
			require.Contains(t, []int{answered, failed}, r.Code)
		})
	}
}

// redirected runs a command line in a shell, as "$@".
func redirected(t *testing.T, env []string, script string, line []string) programs.Result {
	t.Helper()
	cmd := exec.Command("bash", append([]string{"-c", script, "bash"}, line...)...)
	cmd.Env = env
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	return programs.Result{Stdout: stdout.String(), Stderr: stderr.String(), Code: cmd.ProcessState.ExitCode()}
}
