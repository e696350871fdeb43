package newsmarks

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/wire"
)

var at = time.Date(2026, 9, 21, 12, 0, 0, 5, time.UTC)

// newFile returns the file of a new user.
func newFile(t *testing.T) *File {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o755))
	f, err := Open(paths.Env{UID: os.Getuid(), Getenv: func(name string) string { return map[string]string{"HOME": dir}[name] }})
	require.NoError(t, err)
	require.Equal(t, filepath.Join(dir, ".local/state/omg/news-read.json"), f.file.Path())
	return f
}

func TestFile(t *testing.T) {
	f := newFile(t)
	marks, err := f.Read()
	require.NoError(t, err)
	require.Empty(t, marks)
	require.False(t, marks["a"])
	require.NoError(t, f.Add([]string{"a", "b"}, at))
	require.NoError(t, f.Add([]string{"b", "c"}, at.Add(time.Hour)))
	marks, err = f.Read()
	require.NoError(t, err)
	require.Equal(t, Marks{"a": true, "b": true, "c": true}, marks)
	d, err := f.read()
	require.NoError(t, err)
	require.Equal(t, []mark{{"a", at.Truncate(time.Second)}, {"b", at.Add(time.Hour).Truncate(time.Second)}, {"c", at.Add(time.Hour).Truncate(time.Second)}}, d.Marks)

	_, err = Open(paths.Env{})
	require.ErrorContains(t, err, "XDG_STATE_HOME")
}

// TestFile_Limit checks that the oldest marks are removed beyond the limit, and that the largest file can be read.
func TestFile_Limit(t *testing.T) {
	f := newFile(t)
	id := func(i int) string { return strings.Repeat("\"", wire.MaxNewsID-10) + fmt.Sprint(i) }
	for first := 0; first < maxMarks+wire.MaxNewsItems; first += wire.MaxNewsItems {
		var ids []string
		for i := range wire.MaxNewsItems {
			ids = append(ids, id(first+i))
		}
		require.NoError(t, f.Add(ids, at))
	}
	marks, err := f.Read()
	require.NoError(t, err)
	require.Len(t, marks, maxMarks)
	require.False(t, marks[id(0)])
	require.True(t, marks[id(wire.MaxNewsItems)])
	require.True(t, marks[id(maxMarks+wire.MaxNewsItems-1)])
}

// TestFile_Bad checks that a file that this version of omg did not write is neither used nor replaced.
func TestFile_Bad(t *testing.T) {
	for _, content := range []string{"x", "{}", `{"schema":2,"marks":[]}`, `{"schema":1,"marks":[` + strings.Repeat("{},", maxMarks) + `{}]}`} {
		f := newFile(t)
		path := f.file.Path()
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		_, err := f.Read()
		require.ErrorContains(t, err, path)
		require.Error(t, f.Add([]string{"a"}, at))
		after, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, content, string(after))
	}
}

func TestIsUnread(t *testing.T) {
	item := &wire.NewsHeadline{ID: "a", PublishedAt: 5}
	require.True(t, Marks{}.IsUnread(item, 4))
	require.False(t, Marks{}.IsUnread(item, 5))
	require.True(t, Marks(nil).IsUnread(item, 0), "the time of the upgrade is unknown")
	require.False(t, Marks{"a": true}.IsUnread(item, 0))
}
