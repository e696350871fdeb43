package sourcerecords

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/records"
)

// dayOf returns the records of all repositories and of the AUR on a day, by the names of the sources.
func dayOf(t testing.TB, day int) map[string]string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, fixture.WriteDatabases(dir, fixture.Options{Packages: 800, Seed: 1, Day: day, NoSignatures: true}))
	texts := map[string]string{}
	for _, path := range databases(t, dir, ".db") {
		texts[filepath.Base(path)] = recordsOf(t, path)
	}
	path := filepath.Join(dir, "aur.json.gz")
	f, err := os.Create(path)
	require.NoError(t, err)
	defer f.Close()
	require.NoError(t, fixture.WriteAURDumpOfDay(f, 5000, 1, day))
	texts[KindAUR], texts[KindAURVotes] = readAUR(t, path)
	return texts
}

func compressedSize(t testing.TB, text string) int {
	t.Helper()
	var out bytes.Buffer
	w, err := records.NewCompressor(&out)
	require.NoError(t, err)
	_, err = w.Write([]byte(text))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return out.Len()
}

// TestPatch_Days makes the records of each day from those of an earlier day, and checks that the patch of a usual day has at most a twentieth of
// the size of all records.
func TestPatch_Days(t *testing.T) {
	first := dayOf(t, 0)
	before := first
	for day := 1; day <= 3; day++ {
		after := dayOf(t, day)
		patchSize, fullSize := 0, 0
		for name, to := range after {
			for _, from := range []string{before[name], first[name]} {
				var patch, got bytes.Buffer
				require.NoError(t, records.WritePatch(&patch, strings.NewReader(from), strings.NewReader(to)))
				require.NoError(t, records.ApplyPatch(&got, strings.NewReader(from), strings.NewReader(patch.String()), int64(len(to))))
				require.True(t, to == got.String(), "%s of day %d", name, day)
				if from == before[name] {
					patchSize += compressedSize(t, patch.String())
				}
			}
			fullSize += compressedSize(t, to)
		}
		require.Less(t, patchSize*20, fullSize)
		before = after
	}
}
