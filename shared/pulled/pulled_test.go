package pulled

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/paths"
)

func TestState(t *testing.T) {
	trusted := paths.ProcessEnv().Trusts
	dir := t.TempDir()
	_, err := Read(dir, trusted)
	require.ErrorIs(t, err, fs.ErrNotExist)
	s, err := ReadOrNew(dir, trusted)
	require.NoError(t, err)
	require.Empty(t, s.Sources)
	s.Publisher, s.Sequence = "key", 7
	s.Sources = []Source{{Kind: "repository", Name: "core", Sequence: 7}, {Kind: "repository", Name: "extra"}}
	require.NoError(t, s.Write(dir))
	read, err := Read(dir, trusted)
	require.NoError(t, err)
	require.Equal(t, s, read)
	require.NotNil(t, read.Find("repository", "core"))
	require.Nil(t, read.Find("repository", "extra"), "it could not be installed")
	require.Nil(t, read.Find("files", "core"))

	path := filepath.Join(dir, stateName)
	for text, want := range map[string]error{"{": errDamaged, `{"schema":99}`: ErrOtherVersion, "": errDamaged} {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		_, err = Read(dir, trusted)
		require.ErrorIs(t, err, want, text)
		_, err = ReadOrNew(dir, trusted)
		require.NoError(t, err)
	}
	require.NoError(t, s.Write(dir))
	_, err = ReadOrNew(dir, func(uint32) bool { return false })
	require.ErrorIs(t, err, paths.ErrUntrusted)
}
