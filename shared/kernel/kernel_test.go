package kernel

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMissingModules(t *testing.T) {
	dir := t.TempDir()
	require.Empty(t, MissingModules(filepath.Join(dir, "none"), "6.1"), "a container has no modules")
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "6.2"), 0o755))
	require.Empty(t, MissingModules(dir, "6.1"), "no package has installed a kernel")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "6.2", "pkgbase"), []byte("linux\n"), 0o644))
	require.Equal(t, "6.1", MissingModules(dir, "6.1"))
	require.Empty(t, MissingModules(dir, "6.2"))
	require.Empty(t, MissingModules(dir, ""))
	require.NotEmpty(t, Release())
}
