package sources

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/omg-arch/omg/shared/wire"
)

// staleLockAge is the time without a change of the databases after which pacman's lock is ignored, because the pacman that
// created the lock has probably died.
const staleLockAge = 60 * time.Second

// PacmanLockState is the state of pacman's lock, for programs that read the databases.
type PacmanLockState struct {
	UntilStale time.Duration // the time until the lock is stale; 0 if it is stale or does not exist
	Problem    *wire.Problem // the lock as a problem that the status lists; nil if no lock exists
}

// ExaminePacmanLock examines pacman's lock in its database directory.
func ExaminePacmanLock(dbpath string) PacmanLockState {
	path := filepath.Join(dbpath, "db.lck")
	fi, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return PacmanLockState{}
	}
	if err != nil {
		return PacmanLockState{Problem: &wire.Problem{Name: "db.lck", State: "failed", Why: err.Error()}}
	}
	age := time.Since(lastDatabaseChange(dbpath, fi.ModTime()))
	if wait := staleLockAge - age; wait > 0 {
		return PacmanLockState{UntilStale: wait, Problem: &wire.Problem{Name: "db.lck", State: "busy", Why: "pacman is running"}}
	}
	return PacmanLockState{Problem: &wire.Problem{
		Name: "db.lck", State: "failed",
		Why: fmt.Sprintf("%s was created at %s, but pacman has changed nothing for a minute: remove this lock if pacman is not running", path, fi.ModTime().Format(time.DateTime)),
	}}
}

// lastDatabaseChange returns the latest of the time t and the modification times of the directories that a transaction of pacman
// changes.
func lastDatabaseChange(dbpath string, t time.Time) time.Time {
	for _, dir := range []string{"local", "sync"} {
		if fi, err := os.Stat(filepath.Join(dbpath, dir)); err == nil && fi.ModTime().After(t) {
			t = fi.ModTime()
		}
	}
	return t
}
