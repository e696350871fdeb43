package incidents

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/termtext"
)

// header is the beginning of a list.
const header = `name = "test"
source = "https://example.org/list"
sequence = 7
expires = 2026-10-31

`

// entry is an incident that begins in line 6 of a list.
const entry = `[[incident]]
packages = ["evil", "part-of-evil"]
what = "The build ran a program from a server."
source = "https://example.org/news"
first = 2026-06-09
last = 2026-06-16
`

func TestParse(t *testing.T) {
	l, err := Parse("x.toml", []byte("# A comment.\n"+header+entry+`versions = ["1.0-1"]
first_version = "2:1.2-1"
last_version = "2:1.9-1" # with a comment
`+entry+entry))
	require.NoError(t, err)
	require.Equal(t, "test", l.Name)
	require.Equal(t, "https://example.org/list", l.Source)
	require.EqualValues(t, 7, l.Sequence)
	require.Equal(t, "2026-10-31", l.Expires.String())
	require.Empty(t, l.Warnings)
	require.Len(t, l.Incidents, 3)
	first := l.Incidents[0]
	require.Equal(t, []string{"evil", "part-of-evil"}, first.Packages)
	require.Equal(t, "The build ran a program from a server.", first.What)
	require.Equal(t, "https://example.org/news", first.Source)
	require.Equal(t, "2026-06-09 2026-06-16", first.First.String()+" "+first.Last.String())
	require.Equal(t, "1.0-1, 2:1.2-1 to 2:1.9-1", first.VersionText())
	require.Empty(t, l.Incidents[1].VersionText())
	require.Equal(t, "2-1 and later", (&Incident{FirstVersion: "2-1"}).VersionText())
	require.Equal(t, "2-1 and earlier", (&Incident{LastVersion: "2-1"}).VersionText())
}

// TestParse_Empty checks that a list without incidents is valid: its publisher knows none.
func TestParse_Empty(t *testing.T) {
	l, err := Parse("x.toml", []byte(header))
	require.NoError(t, err)
	require.Empty(t, l.Match(&Package{Name: "evil", Version: "1-1"}, time.Now()))
}

func TestParse_UnknownKeys(t *testing.T) {
	l, err := Parse("x.toml", []byte(`future = "x"`+"\n"+header+entry+"severity = 9\n[other]\nkey = 1\n"))
	require.NoError(t, err)
	require.Len(t, l.Incidents, 1)
	require.Equal(t, []string{
		`x.toml:1: unknown key "future"`, `x.toml:13: unknown key "severity"`, `x.toml:14: unknown key "other"`,
	}, l.Warnings)
	l, err = Parse("x.toml", []byte(header+entry+strings.Repeat("[x]\n", 1)+manyTables(50)))
	require.NoError(t, err)
	require.Len(t, l.Warnings, maxWarnings+1)
	require.Equal(t, "x.toml: more unknown keys", l.Warnings[maxWarnings])
}

func manyTables(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "[y%d]\n", i)
	}
	return b.String()
}

// TestParse_Errors checks that each error names the file, the line and what is wrong.
func TestParse_Errors(t *testing.T) {
	change := func(old, replacement string) string {
		text := header + entry
		require.Contains(t, text, old)
		return strings.Replace(text, old, replacement, 1)
	}
	for want, text := range map[string]string{
		"x.toml: name is missing":                                  change("name = \"test\"\n", ""),
		"x.toml:1: name has characters that cannot be printed":     change(`"test"`, `"te\u001bst"`),
		"x.toml:2: source is \"http://example.org\"":               change("https://example.org/list", "http://example.org"),
		"x.toml:3: sequence is missing or not positive":            change("sequence = 7", "sequence = -7"),
		"x.toml: sequence is missing or not positive":              change("sequence = 7\n", ""),
		"x.toml:3: sequence is not a number":                       change("sequence = 7", "sequence = \"7\""),
		"x.toml: expires is missing":                               change("expires = 2026-10-31\n", ""),
		"x.toml:4: expires is not a date: write":                   change("2026-10-31", "5"),
		"x.toml:4: impossible date":                                change("2026-10-31", "2026-02-31"),
		"x.toml:7: packages is missing or empty":                   change(`"evil", "part-of-evil"`, ""),
		"x.toml:6: packages is missing or empty":                   change(`packages = ["evil", "part-of-evil"]`+"\n", ""),
		"x.toml:7: packages has \"rm -rf\", which is not the name": change(`"evil"`, `"rm -rf"`),
		"x.toml:7: packages has \"evil\" twice":                    change("part-of-evil", "evil"),
		"x.toml:8: what is missing":                                change("The build ran a program from a server.", ""),
		"x.toml:8: what has characters that cannot be printed":     change("The build", `The\nbuild`),
		"x.toml:8: what is missing or longer than 500 bytes":       change("The build", strings.Repeat("x", 500)),
		"x.toml:9: source is \"javascript:alert(1)\"":              change("https://example.org/news", "javascript:alert(1)"),
		"x.toml:9: source is \"https://user@example.org\"":         change("https://example.org/news", "https://user@example.org"),
		"x.toml:6: first is missing":                               change("first = 2026-06-09\n", ""),
		"x.toml:6: last is missing":                                change("last = 2026-06-16\n", ""),
		"x.toml:11: last is 2026-06-01, which is before first":     change("2026-06-16", "2026-06-01"),
		"x.toml:12: versions has \"1 2\", which is not a version":  header + entry + `versions = ["1 2"]`,
		"x.toml:12: first_version is \"a/b\"":                      header + entry + `first_version = "a/b"`,
		"x.toml:12: last_version is \"\\u202e1\"":                  header + entry + `last_version = "\u202E1"`,
		"x.toml:5: incident is a list of tables":                   header[:len(header)-1] + `incident = [{packages = ["a"]}]`,
		"x.toml:3: ":                                               "name = \"x\"\nsource = \"y\"\n= 5",
		"x.toml: more than 5000 brackets":                          "x = " + strings.Repeat("[", maxBrackets+1),
		"x.toml: more than 524288 bytes":                           strings.Repeat("#", MaxBytes+1),
		"x.toml:4: expires is not a date: ":                        change("2026-10-31", `"2026-10-31"`),
		"x.toml:8: what is not a string":                           change(`"The build ran a program from a server."`, "2026-06-09"),
		"x.toml:7: packages is not a list":                         change(`["evil", "part-of-evil"]`, `"evil"`),
		"x.toml:7: packages has an element that is not a string":   change(`"evil"`, "5"),
		"x.toml:9: what is already set in line 8":                  change("source = \"https://example.org/news\"", `what = "x"`),
		"x.toml: key a is already defined":                         "[x]\na = 1\na = 2",
		"x.toml: not UTF-8":                                        "name = \"\xff\"",
		"x.toml:1006: more than 1000 incidents":                    header + strings.Repeat("[[incident]]\n", maxIncidents+1),
	} {
		_, err := Parse("x.toml", []byte(text))
		require.Error(t, err, want)
		require.True(t, strings.HasPrefix(err.Error(), want), "got:  %s\nwant: %s", err, want)
		require.Equal(t, err.Error(), termtext.Clean(err.Error()))
	}
	many := make([]string, maxPackages+1)
	for i := range many {
		many[i] = fmt.Sprintf("%q", fmt.Sprint("p", i))
	}
	_, err := Parse("x.toml", []byte(change(`"evil"`, strings.Join(many, ","))))
	require.ErrorContains(t, err, "x.toml:7: packages has more than 5000 elements")
}

func TestList_IsExpired(t *testing.T) {
	l, err := Parse("x.toml", []byte(header))
	require.NoError(t, err)
	end := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	require.False(t, l.IsExpired(end.Add(-time.Second)), "the last day is in UTC, and counts as a whole")
	require.True(t, l.IsExpired(end))
}

func TestReadFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "list.toml")
	env := paths.ProcessEnv()
	_, err := ReadFile(path, env.Trusts)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, os.WriteFile(path, []byte(header+entry), 0o644))
	l, err := ReadFile(path, env.Trusts)
	require.NoError(t, err)
	require.Equal(t, path, l.Path)
	_, err = ReadFile(path, func(uint32) bool { return false })
	require.ErrorIs(t, err, paths.ErrUntrusted)
	require.NoError(t, os.Chmod(path, 0o666))
	_, err = ReadFile(path, env.Trusts)
	require.ErrorIs(t, err, paths.ErrUntrusted)
	require.NoError(t, os.WriteFile(path, make([]byte, MaxBytes+1), 0o644))
	require.NoError(t, os.Chmod(path, 0o644))
	_, err = ReadFile(path, env.Trusts)
	require.ErrorContains(t, err, "more than 524288 bytes")
	_, err = ReadFile(dir, env.Trusts)
	require.ErrorContains(t, err, "it is a directory")
}

// FuzzParse checks that no file makes Parse or Match panic, and that all texts of a list can be printed.
func FuzzParse(f *testing.F) {
	f.Add([]byte(header + entry))
	f.Add([]byte(header + entry + "versions = [\"1-1\"]\nfirst_version = \"1\"\nunknown.key = {a = 1}\n"))
	f.Add([]byte("[[incident]]\n[[incident]]\npackages = ['a']"))
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := Parse("x.toml", data)
		if err != nil {
			require.Equal(t, err.Error(), termtext.Clean(err.Error()))
			return
		}
		for _, text := range append([]string{l.Name, l.Source}, l.Warnings...) {
			require.Equal(t, text, termtext.Clean(text))
		}
		for i := range l.Incidents {
			incident := &l.Incidents[i]
			require.Equal(t, incident.What, termtext.Clean(incident.What))
			require.Equal(t, incident.VersionText(), termtext.Clean(incident.VersionText()))
			p := &Package{Name: incident.Packages[0], Version: "1-1", BuildDate: incident.First.begin(), InstallDate: incident.Last.begin()}
			for _, m := range l.Match(p, time.Unix(incident.First.begin(), 0)) {
				require.NotZero(t, m.Kind)
			}
		}
	})
}
