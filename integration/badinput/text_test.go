package badinput

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/termtext"
	"github.com/omg-arch/omg/shared/wire"
)

// hostile is text with terminal controls: a title, colours, further lines, right-to-left text, a C1 control as a rune
// and as a byte, and an incomplete rune at the end.
const hostile = "evil\x1b]0;owned\x07\x1b[2J\x1b[31mred\r\x08\x7f\u0085\u009b31m\u202egnp.exe\u2066\u200f\u061c\x9b1m\xff\xc3"

// hostileDatabase returns a database in which every field that can contain text contains the constant hostile.
func hostileDatabase(t *testing.T) []byte {
	t.Helper()
	evil := []string{"NAME", "evil", "VERSION", "1.0-1", "DESC", hostile + "\nsecond line\nomg: error: fake", "ARCH", "x86_64", "CSIZE", "10", "ISIZE", "20"}
	for _, field := range []string{
		"GROUPS", "URL", "LICENSE", "PACKAGER", "REPLACES", "CONFLICTS", "PROVIDES", "DEPENDS", "OPTDEPENDS", "MAKEDEPENDS",
		"CHECKDEPENDS", "BASE", "FILENAME", "MD5SUM", "SHA256SUM", "PGPSIG", "BUILDDATE", "XDATA", "NONSENSE\x1b[31m",
	} {
		evil = append(evil, field, hostile)
	}
	return harness.BuildDatabase(t,
		entry("evil-1.0-1", evil...),
		harness.NewPackageEntry("evil"+hostile, "1.0-1", "DESC", "a hostile name"),
		entry("evil2-1\x1b[31m-1", "NAME", "evil2", "VERSION", "1\x1b[31m-1", "DESC", "a hostile version"),
		harness.NewPackageEntry("../evil", "1.0-1", "DESC", "a name that climbs"),
		entry("evil3-1.0-1", "NAME", "evil3", "VERSION", "1.0-1", "DESC", "fine", "ARCH", hostile, "CSIZE", "-5", "ISIZE", "99999999999999999999"),
	)
}

// entry returns a package of a database that has exactly these fields.
func entry(dir string, fields ...string) harness.DatabaseEntry {
	var text strings.Builder
	for i := 0; i < len(fields); i += 2 {
		text.WriteString("%" + fields[i] + "%\n" + fields[i+1] + "\n\n")
	}
	return harness.DatabaseEntry{Path: dir + "/desc", Text: text.String()}
}

// TestText_Hostile checks that no output for people contains a control character, for every program and format.
func TestText_Hostile(t *testing.T) {
	t.Parallel()
	s := harness.New(t, harness.WithoutDatabases())
	harness.WriteFile(t, s.PacmanConf, "[evil]\n")
	harness.WriteFile(t, filepath.Join(s.DB, "local", "ALPM_DB_VERSION"), "9\n")
	harness.WriteFile(t, s.SyncDBPath("evil"), hostileDatabase(t))
	built := buildIndex(s)
	harness.RequireSafeOutput(t, built)
	require.Equal(t, answered, built.Code, built.Stderr)
	d := s.StartDaemon()
	for _, args := range [][]string{
		{"search", "evil"},
		{"search", "evil", "--color", "always"},
		{"search", "evil", "-q"},
		{"search", "evil", "--format", "{{.name}} {{.desc}} {{.version}} {{.}}"},
		{"search", "nosuchname"},
		{"list", "--color", "always"},
		{"groups"},
		{"groups", "evil" + hostile},
		{"info", "evil"},
		{"info", "evil", "--color", "always"},
		{"info", "evil", "--format", "{{.name}} {{.desc}} {{.depends}} {{range .provides}}{{.}}{{end}} {{.}}"},
		{"info", "evil" + hostile},
		{"info", "evil2"},
		{"info", "evil3"},
		{"info", "evul" + hostile},
	} {
		for _, r := range []harness.Result{d.Omg(args...), s.RunWithoutDaemon(args...)} {
			require.Contains(t, []int{answered, nothing}, r.Code, r.Stderr)
			if r.Code == answered {
				require.Contains(t, r.Stdout, "evil")
				if r.Stderr != "" { // only lists that are made for other programs leave out a package
					require.Contains(t, r.Stderr, "omg: note: left out 1 package ")
				}
			}
			if args[len(args)-1] == "always" {
				require.Contains(t, r.Stdout, "\x1b[", "no colour at all")
				r.Stdout = withoutColour(r.Stdout)
			}
			harness.RequireSafeOutput(t, r)
			require.NotContains(t, "\n"+r.Stdout, "\nomg: error: fake", "a line of the package's own")
			require.NotContains(t, r.Stdout, "\x1b")
		}
	}
	for _, args := range [][]string{{"search", "evil", "--json"}, {"info", "evil", "--json"}} {
		r := d.Omg(args...)
		require.Equal(t, answered, r.Code, r.Stderr)
		harness.RequireSafeOutput(t, r)
		var found wire.SearchResult
		require.NoError(t, json.Unmarshal([]byte(r.Stdout), &found))
		require.Contains(t, found.Packages[0].Desc, "\x1b]0;owned\x07", "JSON escapes, and loses nothing")
	}
	for _, args := range [][]string{{"info", wholeIndex(s)}, {"info", "--json", wholeIndex(s)}, {"verify", wholeIndex(s)}, {"dump", wholeIndex(s)}} {
		r := s.Run("omg-index", args...)
		require.Equal(t, answered, r.Code, r.Stderr)
		harness.RequireSafeOutput(t, r)
		if args[0] == "dump" {
			require.Len(t, r.Lines(), 4)
			require.Contains(t, r.Stdout, `\u001b]0;owned\u0007`)
		}
	}
}

// withoutColour removes the escape sequences with which omg sets colours, such as "\x1b[1;32m".
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

// TestText_HostilePath checks that the output about files with hostile names contains no control character.
func TestText_HostilePath(t *testing.T) {
	t.Parallel()
	s := harness.New(t)
	path := s.Home + "/\x1b[31m\u202e\xff\nomg: fake"
	for _, args := range [][]string{
		{"verify", path},
		{"info", path},
		{"dump", path},
		{"build", "--dbpath", path},
		{"build", "--db", path + ".db", "-o", wholeIndex(s)},
		{path},
		{"--" + path},
	} {
		r := s.Run("omg-index", args...)
		require.NotEqual(t, answered, r.Code)
		harness.RequireError(t, r, "omg-index", r.Code)
	}
	for _, args := range [][]string{{"--dbpath", path}, {"--pacman-config", path}} {
		harness.RequireError(t, s.Run("omg", append(args, "--no-daemon", "search", "lib")...), "omg", failed)
	}
	r := s.Run("omg", slices.Concat([]string{"--socket", path}, s.DatabaseFlags(), []string{"--index", path, "search", "lib"})...)
	harness.RequireSafeOutput(t, r)
	require.Equal(t, answered, r.Code, r.Stderr)
	require.False(t, strings.ContainsFunc(strings.ReplaceAll(r.Stderr, "\n", ""), termtext.IsUnsafe))
	harness.RequireError(t, s.Run("omgd", "--foreground", "--socket", s.PacmanConf+"/\x1b[31m"), "omgd", failed)
}
