package archtest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/integration/manuals"
)

// TestDocs_Current checks that the committed documents equal the output of `make docs`. So the build of a package for
// a distribution can install the committed documents, and need not run the built programs to generate them.
func TestDocs_Current(t *testing.T) {
	files, err := manuals.Make(root(t), harness.ProgramsDir(t))
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
