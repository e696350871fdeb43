package badinput

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/programs"
	"github.com/omg-arch/omg/shared/termtext"
	"github.com/omg-arch/omg/shared/wire"
)

// hostile is text that does to a terminal what it likes: a title, colours, a line of its own, the other direction, a C1
// control as a rune and as a byte, an end in the middle of a rune.
const hostile = "evil\x1b]0;owned\x07\x1b[2J\x1b[31mred\r\x08\x7f\u0085\u009b31m\u202egnp.exe\u2066\u200f\u061c\x9b1m\xff\xc3"

// hostileDatabase has it in every field that can hold it.
func hostileDatabase(t *testing.T) []byte {
	t.Helper()
	var more strings.Builder
	for _, field := range []string{
		"GROUPS", "URL", "LICENSE", "PACKAGER", "REPLACES", "CONFLICTS", "PROVIDES", "DEPENDS", "OPTDEPENDS", "MAKEDEPENDS",
		"CHECKDEPENDS", "BASE", "FILENAME", "MD5SUM", "SHA256SUM", "PGPSIG", "BUILDDATE", "XDATA", "NONSENSE\x1b[31m",
	} {
		more.WriteString("%" + field + "%\n" + hostile + "\n\n")
	}
	return database(t,
		entry{"evil-1.0-1/desc", desc("evil", hostile+"\nsecond line\nomg: error: fake", more.String())},
		entry{"evil" + hostile + "-1.0-1/desc", desc("evil"+hostile, "a hostile name", "")},
		entry{"evil2-1\x1b[31m-1/desc", "%NAME%\nevil2\n\n%VERSION%\n1\x1b[31m-1\n\n%DESC%\na hostile version\n"},
		entry{"../evil-1.0-1/desc", desc("../evil", "a name that climbs", "")},
		entry{"evil3-1.0-1/desc", desc("evil3", "fine", "%ARCH%\n"+hostile+"\n\n%CSIZE%\n-5\n\n%ISIZE%\n99999999999999999999\n\n")},
	)
}

// TestHostileText: nothing printed for people has a control in it, whoever reads it and however it is printed.
func TestHostileText(t *testing.T) {
	t.Parallel()
	w := emptyWorld(t)
	repo := "evil"
	require.NoError(t, os.WriteFile(w.conf, []byte("["+repo+"]\n"), 0o644))
	w.installs(t)
	write(t, w.sync(repo), hostileDatabase(t))
	b := w.build(t)
	clean(t, b)
	require.Equal(t, answered, b.Code, b.Stderr)
	d := w.launch(t)
	require.Eventually(t, func() bool { return d.omg(t, "search", "evil").Stderr == "" }, 10e9, 20e6)
	for _, args := range [][]string{
		{"search", "evil"},
		{"search", "evil", "--color", "always"},
		{"search", "evil", "-q"},
		{"search", "evil", "--format", "{{.name}} {{.desc}} {{.version}} {{.}}"},
		{"search", "nosuchname"},
		{"info", "evil"},
		{"info", "evil", "--color", "always"},
		{"info", "evil", "--format", "{{.name}} {{.desc}} {{.depends}} {{range .provides}}{{.}}{{end}} {{.}}"},
		{"info", "evil" + hostile},
		{"info", "evil2"},
		{"info", "evil3"},
		{"info", "evul" + hostile},
	} {
		for _, r := range []programs.Result{d.omg(t, args...), w.direct(t, args...)} {
			require.Contains(t, []int{answered, nothing}, r.Code, r.Stderr)
			if r.Code == answered {
				require.Contains(t, r.Stdout, "evil")
				require.Empty(t, r.Stderr)
			}
			if args[len(args)-1] == "always" {
				require.Contains(t, r.Stdout, "\x1b[", "no colour at all")
				r.Stdout = withoutColour(r.Stdout)
			}
			clean(t, r)
			require.NotContains(t, "\n"+r.Stdout, "\nomg: error: fake", "a line of the package's own")
			require.NotContains(t, r.Stdout, "\x1b")
		}
	}
	for _, args := range [][]string{{"search", "evil", "--json"}, {"info", "evil", "--json"}} {
		r := d.omg(t, args...)
		require.Equal(t, answered, r.Code, r.Stderr)
		clean(t, r)
		var s wire.SearchResult
		require.NoError(t, json.Unmarshal([]byte(r.Stdout), &s))
		require.Contains(t, s.Packages[0].Desc, "\x1b]0;owned\x07", "JSON escapes, and loses nothing")
	}
	for _, args := range [][]string{{"info", w.index()}, {"info", "--json", w.index()}, {"verify", w.index()}, {"dump", w.index()}} {
		r := programs.Run(t, w.env, "omg-index", args...)
		require.Equal(t, answered, r.Code, r.Stderr)
		clean(t, r)
		if args[0] == "dump" {
			require.Len(t, r.Lines(), 4)
			require.Contains(t, r.Stdout, `\u001b]0;owned\u0007`)
		}
	}
}

// withoutColour takes away what omg itself colours with: select graphic rendition with numbers.
func withoutColour(s string) string {
	var b strings.Builder
	for {
		before, after, ok := strings.Cut(s, "\x1b[")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		if i := strings.IndexFunc(after, func(r rune) bool { return r != ';' && (r < '0' || r > '9') }); i >= 0 && after[i] == 'm' {
			s = after[i+1:]
		} else {
			b.WriteString("\x1b[")
			s = after
		}
	}
}

// TestHostilePaths: what programs say of files whose names are hostile is clean, too.
func TestHostilePaths(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	path := w.home + "/\x1b[31m\u202e\xff\nomg: fake"
	for _, args := range [][]string{{"verify", path}, {"info", path}, {"dump", path}, {"build", "--dbpath", path}, {"build", "--db", path + ".db", "-o", w.index()}, {path}, {"--" + path}} {
		r := programs.Run(t, w.env, "omg-index", args...)
		require.NotEqual(t, answered, r.Code)
		errorLine(t, r, "omg-index", r.Code)
	}
	for _, args := range [][]string{{"--dbpath", path}, {"--pacman-config", path}} {
		errorLine(t, programs.Run(t, w.env, "omg", append(args, "--no-daemon", "search", "lib")...), "omg", failed)
	}
	r := programs.Run(t, w.env, "omg", "--socket", path, "--dbpath", w.db, "--pacman-config", w.conf, "--index", path, "search", "lib")
	clean(t, r)
	require.Equal(t, answered, r.Code, r.Stderr)
	require.False(t, strings.ContainsFunc(strings.ReplaceAll(r.Stderr, "\n", ""), termtext.Unsafe))
	errorLine(t, programs.Run(t, w.env, "omgd", "--foreground", "--socket", w.conf+"/\x1b[31m"), "omgd", failed)
}
