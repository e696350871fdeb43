package vcs

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/paths"
)

const (
	oneCommit   = "c1171d41467c68ffd3c46748182a16366aaaf87b"
	otherCommit = "0123456789abcdef0123456789abcdef01234567"
)

// newUser returns the environment of a user with the variables, and the home directory.
func newUser(t *testing.T, variables ...string) (paths.Env, string) {
	t.Helper()
	home := t.TempDir()
	values := map[string]string{"HOME": home, "PATH": os.Getenv("PATH")}
	for i := 0; i < len(variables); i += 2 {
		values[variables[i]] = strings.ReplaceAll(variables[i+1], "HOME", home)
	}
	return paths.Env{UID: os.Getuid(), Getenv: func(name string) string { return values[name] }}, home
}

func write(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}

// yayText is a file as yay 12 writes it.
const yayText = `{
	"yay-git": {
		"github.com/Jguer/yay.git": {"protocols": ["https"], "branch": "next", "sha": "` + oneCommit + `"},
		"example.org/old": {"protocols": ["git"], "branch": "HEAD", "sha": "` + otherCommit + `"}
	},
	"empty-git": {}
}`

// paruText is a file as paru 2.1 writes it, and oldParuText one of an earlier version.
const (
	paruText = `[[paru-git]]
url = "https://github.com/morganamilo/paru"
commit = "` + oneCommit + `"

[[two]]
url = "https://example.org/a"
branch = "main"
commit = "` + oneCommit + `"

[[two]]
url = "https://example.org/b"
commit = "` + otherCommit + `"
`
	oldParuText = `{"info": {"paru-git": {"repos": [{"url": "https://github.com/morganamilo/paru", "branch": null, "commit": "` + oneCommit + `"}]}}}`
)

var paruRecord = Record{Source{"https://github.com/morganamilo/paru", "HEAD"}, oneCommit, Paru, true, "paru-git"}

func TestReadRecords(t *testing.T) {
	env, home := newUser(t)
	records, files := ReadRecords(env)
	require.Empty(t, records)
	require.Empty(t, files)
	write(t, filepath.Join(home, ".cache/yay/vcs.json"), yayText)
	write(t, filepath.Join(home, ".local/state/paru/devel.toml"), paruText)
	write(t, filepath.Join(home, ".cache/paru/devel.json"), oldParuText) // devel.toml replaces it
	records, files = ReadRecords(env)
	require.Equal(t, []RecordsFile{{By: Yay, Path: filepath.Join(home, ".cache/yay/vcs.json")}, {By: Paru, Path: filepath.Join(home, ".local/state/paru/devel.toml")}}, files)
	require.Equal(t, []Record{
		paruRecord,
		{Source{"https://example.org/a", "main"}, oneCommit, Paru, true, "two"},
		{Source{"https://example.org/b", "HEAD"}, otherCommit, Paru, true, "two"},
		{Source{"git://example.org/old", "HEAD"}, otherCommit, Yay, false, "yay-git"},
		{Source{"https://github.com/Jguer/yay.git", "next"}, oneCommit, Yay, false, "yay-git"},
	}, records)
}

func TestReadRecords_OtherPlaces(t *testing.T) {
	env, home := newUser(t, "XDG_CACHE_HOME", "HOME/c", "XDG_STATE_HOME", "HOME/s")
	write(t, filepath.Join(home, "c/paru/devel.json"), oldParuText)
	write(t, filepath.Join(home, "c/yay/vcs.json"), "{}")
	records, files := ReadRecords(env)
	require.Len(t, files, 2)
	require.Equal(t, []Record{paruRecord}, records)
	write(t, filepath.Join(home, "s/paru/devel.json"), `{"paru-git": [{"url": "https://github.com/morganamilo/paru", "commit": "`+oneCommit+`"}]}`)
	records, files = ReadRecords(env)
	require.Equal(t, filepath.Join(home, "s/paru/devel.json"), files[1].Path)
	require.Equal(t, []Record{paruRecord}, records)
}

func TestReadRecords_Damaged(t *testing.T) {
	for name, c := range map[string]struct{ file, text, want string }{
		"empty":     {".cache/yay/vcs.json", "", "unexpected end"},
		"list":      {".cache/yay/vcs.json", "[]", "cannot unmarshal array"},
		"large":     {".cache/yay/vcs.json", strings.Repeat(" ", maxRecordsSize+1), "more than 4194304 bytes"},
		"many":      {".cache/yay/vcs.json", `{"a":{` + manyMembers() + `}}`, "more than 10000 records"},
		"no toml":   {".local/state/paru/devel.toml", "[[", "expected"},
		"no list":   {".local/state/paru/devel.toml", "a = 1", `"a" is not a list`},
		"no commit": {".local/state/paru/devel.toml", "[[a]]\nurl = 'https://example.org'", `"a" has no url and commit`},
	} {
		env, home := newUser(t)
		write(t, filepath.Join(home, c.file), c.text)
		records, files := ReadRecords(env)
		require.Empty(t, records, name)
		require.Len(t, files, 1, name)
		require.ErrorContains(t, files[0].Err, c.want, name)
		require.ErrorContains(t, files[0].Err, c.file, name)
	}
	env, home := newUser(t)
	path := filepath.Join(home, ".cache/yay/vcs.json")
	write(t, path, yayText)
	require.NoError(t, os.Chmod(path, 0o666))
	_, files := ReadRecords(env)
	require.ErrorIs(t, files[0].Err, paths.ErrUntrusted)
}

// manyMembers returns the members of an object with too many records.
func manyMembers() string {
	members := make([]string, maxRecords+1)
	for i := range members {
		members[i] = fmt.Sprintf(`"%d":{}`, i)
	}
	return strings.Join(members, ",")
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(yayText))
	f.Add([]byte(paruText))
	f.Add([]byte(oldParuText))
	f.Fuzz(func(t *testing.T, content []byte) {
		for _, extension := range []string{".json", ".toml"} {
			for _, parse := range []func([]byte, string) ([]Record, error){parseYay, parseParu} {
				records, err := parse(content, extension)
				for _, r := range records {
					if err == nil && (r.By == "" || r.Branch == "") {
						t.Fatalf("a record lacks a field: %+v", r)
					}
				}
			}
		}
	})
}
