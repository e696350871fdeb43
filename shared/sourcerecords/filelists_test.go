package sourcerecords

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/filesindex"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/records"
	"github.com/omg-arch/omg/shared/sources"
)

// requireSameFilesIndex checks that the index of the records of a database with file lists has the bytes of the index of the database.
func requireSameFilesIndex(t testing.TB, path string) (text string) {
	t.Helper()
	r, err := sources.RepositoryFromFilesDatabase(path)
	require.NoError(t, err)
	info := filesindex.BuildInfo{Builder: builder, BuiltAt: builtAt}
	b := filesindex.NewBuilder(r.Name, info)
	_, _, err = r.ReadFileLists(t.Context(), b, info, nil)
	require.NoError(t, err)
	want, err := b.Bytes()
	require.NoError(t, err)

	var out bytes.Buffer
	lists := NewFileLists(&out, r.Name)
	_, _, err = r.ReadFileLists(t.Context(), lists, info, nil)
	require.NoError(t, err)
	require.NoError(t, lists.End())
	text = out.String()
	got := indexOf(t, KindFiles, nil, text)
	require.True(t, bytes.Equal(want, got), "the index of %s", path)
	return text
}

func TestFileLists_Generated(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, fixture.WriteDatabases(dir, fixture.Options{Packages: 300, Seed: 2, FileLists: true}))
	for _, path := range databases(t, dir, ".files") {
		requireSameFilesIndex(t, path)
	}
}

// oddFileLists are the files of a database with file lists that is hard to read.
func oddFileLists() []entry {
	files := func(paths ...string) string { return "%FILES%\n" + strings.Join(paths, "\n") + "\n" }
	return []entry{
		{"b-1-1/files", files("usr/", "usr/b", "usr/b/", "usr/b/x", "usr/c", "usr/b", "latin-\xe9", "esc\x1b", "/", "//", "/abs", "../up", "usr/\"")},
		{"b-1-1/desc", "%GROUPS%\ng\xe9\nh\n\n"},
		{"none-1-1/desc", "%NAME%\nnone\n\n"},
		{"empty-1-1/files", "%FILES%\n\n"},
		{"a\xe9-1-1/files", files("x")},
		{"noname/files", files("x")},
		{"long-1-1/files", files(strings.Repeat("x", filesindex.MaxPathLen+1))},
		{"cut-1-1/files", "%FILES%\nx"},
	}
}

func TestFileLists_Odd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sync", "odd.files")
	writeDatabase(t, path, oddFileLists()...)
	text := requireSameFilesIndex(t, path)
	require.Contains(t, text, `{"name":"b","files":[["","esc\u001b","latin-\u0000e9"],["../","up"],["/","","abs"],["//",""],`+
		`["usr/","","\"","b","b","c"],["usr/b/","","x"]],"groups":["g\u0000e9","h"],"version":"1-1"}`)
	require.Contains(t, text, `{"name":"none","version":"1-1"}`)
	require.Contains(t, text, `"left_out":3,`)
}

func TestFilesIndex_Refused(t *testing.T) {
	add := func(lines ...string) error {
		text := fmt.Sprintf(`{"kind":"files","format":1,"name":"x"}`+"\n%s\n"+`{"records":%d}`+"\n", strings.Join(lines, "\n"), len(lines))
		_, err := NewIndex(t.Context(), KindFiles, IndexOptions{}, strings.NewReader(text))
		return err
	}
	require.NoError(t, add(`{"name":"a","files":[["","x"],["a/","","y"]],"version":"1"}`))
	deep := strings.Repeat("d/", filesindex.MaxPathLen/3)
	for name, line := range map[string]string{
		"no version":             `{"name":"a","files":[["","x"]]}`,
		"a slash in the name":    `{"name":"a/b","version":"1"}`,
		"an empty group":         `{"name":"a","groups":[""],"version":"1"}`,
		"an empty directory":     `{"name":"a","files":[["a/"]],"version":"1"}`,
		"nothing":                `{"name":"a","files":[[]],"version":"1"}`,
		"the same directory":     `{"name":"a","files":[["a/","x"],["a/","y"]],"version":"1"}`,
		"another order":          `{"name":"a","files":[["b/","x"],["a/","y"]],"version":"1"}`,
		"another order of names": `{"name":"a","files":[["a/","y","x"]],"version":"1"}`,
		"no directory":           `{"name":"a","files":[["a","x"]],"version":"1"}`,
		"a slash in a file name": `{"name":"a","files":[["a/","x/y"]],"version":"1"}`,
		"an empty path":          `{"name":"a","files":[["","","x"]],"version":"1"}`,
		"two lines":              `{"name":"a","files":[["a/","x\u000ay"]],"version":"1"}`,
		"a zero byte":            `{"name":"a","files":[["a\u000000/","x"]],"version":"1"}`,
		// One line of 300 KB whose paths have several GB.
		"paths that expand": `{"name":"a","files":[["` + deep + `"` + strings.Repeat(`,"x"`, 65_000) + `]],"version":"1"}`,
		"too many paths":    `{"name":"a","files":[["a/"` + strings.Repeat(`,"x"`, pacmandb.MaxPackagePaths+1) + `]],"version":"1"}`,
	} {
		require.ErrorIs(t, add(line), records.ErrInvalid, name)
	}
}
