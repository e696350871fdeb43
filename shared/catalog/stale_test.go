package catalog

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/wire"
)

// TestStaleAfter: from which age on a database is called stale is the
// configuration's.
func TestStaleAfter(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, fixture.Write(dir, fixture.Options{Packages: 20, Seed: 1}))
	conf := filepath.Join(dir, "pacman.conf")
	require.NoError(t, os.WriteFile(conf, []byte(fixture.Config), 0o644))
	time.Sleep(1100 * time.Millisecond) // times are whole seconds
	for stale, want := range map[time.Duration]wire.SourceState{
		0: wire.SourceOK, time.Hour: wire.SourceOK, time.Millisecond: wire.SourceStale,
	} {
		repos, err := Config{DBPath: dir, PacmanConfig: conf, Stale: stale}.ReadRepos()
		require.NoError(t, err)
		sources := repos.Sources(nil)
		require.NotEmpty(t, sources)
		for _, s := range sources {
			require.Equal(t, want, s.State, "%s: %+v", stale, s)
		}
	}
	require.Equal(t, "not synchronized for 25 hours", "not synchronized for "+roughly(25*time.Hour+time.Minute))
	require.Equal(t, "3 days", roughly(80*time.Hour))
}
