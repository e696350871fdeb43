package archtest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/manuals"
)

// What make docs writes is in the tree, so that a package needs no program run to have it. Here it is held to be what the
// programs and the settings say now.
func TestWhatIsMadeIsCurrent(t *testing.T) {
	runMake(t, "build")
	files, err := manuals.Make(root(t), filepath.Join(root(t), "bin"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for path, want := range files {
		have, err := os.ReadFile(filepath.Join(root(t), path))
		require.NoError(t, err, "run make docs, and commit what it writes")
		if string(have) != want {
			t.Errorf("%s is not what --help and the settings' comments say now: run make docs, and commit what it writes", path)
		}
	}
	for _, dir := range []string{"packaging/man", "packaging/completions"} {
		entries, err := os.ReadDir(filepath.Join(root(t), dir))
		require.NoError(t, err)
		require.NotEmpty(t, entries, dir)
		for _, e := range entries {
			require.Contains(t, files, filepath.Join(dir, e.Name()), "nothing makes it")
		}
	}
}
