package catalog

import (
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/wire"
)

// catchUp brings virtual time to the moment at which the last of some files was
// changed: the kernel's clock is not ours.
func catchUp(t *testing.T, paths ...string) {
	t.Helper()
	for _, path := range paths {
		time.Sleep(time.Until(time.Unix(changed(t, path), 0)))
	}
}

// changed is when a file was changed, in Unix seconds.
func changed(t *testing.T, path string) int64 {
	t.Helper()
	fi, err := os.Stat(path)
	require.NoError(t, err)
	return pacmandb.StampOf(fi).CtimeNS / int64(time.Second)
}

// TestStaleAfter: from which age on a database is called stale is the
// configuration's.
func TestStaleAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		require.NoError(t, fixture.Write(dir, fixture.Options{Packages: 20, Seed: 1}))
		conf := filepath.Join(dir, "pacman.conf")
		require.NoError(t, os.WriteFile(conf, []byte(fixture.Config), 0o644))
		states := func(stale time.Duration) (states []wire.SourceState) {
			repos, err := Config{DBPath: dir, PacmanConfig: conf, Stale: stale}.ReadRepos()
			require.NoError(t, err)
			for _, s := range repos.Sources(nil) {
				states = append(states, s.State)
			}
			return states
		}
		three := func(s wire.SourceState) []wire.SourceState { return []wire.SourceState{s, s, s} }
		databases, err := filepath.Glob(filepath.Join(dir, "sync", "*.db"))
		require.NoError(t, err)
		require.Len(t, databases, 3)
		catchUp(t, databases...)
		time.Sleep(time.Hour)
		require.Equal(t, three(wire.SourceOK), states(0))
		require.Equal(t, three(wire.SourceOK), states(2*time.Hour))
		require.Equal(t, three(wire.SourceStale), states(time.Hour-time.Second))
		time.Sleep(23*time.Hour + time.Second)
		require.Equal(t, three(wire.SourceStale), states(0), "a day is what counts where nothing is said")
	})
	require.Equal(t, "not synchronized for 25 hours", "not synchronized for "+roughly(25*time.Hour+time.Minute))
	require.Equal(t, "3 days", roughly(80*time.Hour))
}
