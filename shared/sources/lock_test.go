package sources

import (
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/wire"
)

// TestReadLock checks that readers wait for a lock while pacman is running, and do not wait for a lock that was left by a
// pacman that has died.
func TestReadLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := generate(t, fixture.Options{Packages: 20, Installed: 5, Seed: 1})
		lock := filepath.Join(s.db, "db.lck")
		local, sync := filepath.Join(s.db, "local"), filepath.Join(s.db, "sync")
		touch := func(paths ...string) {
			for _, path := range paths {
				require.NoError(t, os.Chtimes(path, time.Now(), time.Now()))
			}
		}
		require.Equal(t, PacmanLockState{}, ExaminePacmanLock(s.db))
		require.NoError(t, os.WriteFile(lock, nil, 0o600))
		touch(lock, local, sync)
		running := &wire.Problem{Name: "db.lck", State: "busy", Why: "pacman is running"}
		require.Equal(t, PacmanLockState{UntilStale: staleLockAge, Problem: running}, ExaminePacmanLock(s.db))
		time.Sleep(staleLockAge - time.Second)
		require.Equal(t, PacmanLockState{UntilStale: time.Second, Problem: running}, ExaminePacmanLock(s.db))
		touch(local)
		require.Equal(t, PacmanLockState{UntilStale: staleLockAge, Problem: running}, ExaminePacmanLock(s.db), "a package was changed")
		time.Sleep(staleLockAge - time.Second)
		touch(sync)
		require.Equal(t, PacmanLockState{UntilStale: staleLockAge, Problem: running}, ExaminePacmanLock(s.db), "a database was changed")
		time.Sleep(staleLockAge)
		dead := ExaminePacmanLock(s.db)
		require.Zero(t, dead.UntilStale)
		require.Equal(t, "failed", dead.Problem.State)
		require.Contains(t, dead.Problem.Why, "remove this lock")
		require.Contains(t, dead.Problem.Why, lock)
		require.NoError(t, os.Remove(lock))
		require.Equal(t, PacmanLockState{}, ExaminePacmanLock(s.db))
	})
}

// TestReadLock_Errors checks that readers do not wait for a lock that cannot be examined.
func TestReadLock_Errors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o644))
	l := ExaminePacmanLock(file)
	require.Zero(t, l.UntilStale)
	require.Equal(t, "failed", l.Problem.State)
	require.Equal(t, PacmanLockState{}, ExaminePacmanLock(filepath.Join(filepath.Dir(file), "none")), "a missing directory has no lock")
}
