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

// staleLockAge is the time without a change of the databases after which pacman's lock is ignored, because a pacman
// that died has probably left it.
const staleLockAge = 60 * time.Second

// Lock tells readers of the databases what pacman's lock means for them.
type Lock struct {
	Wait    time.Duration // until the lock counts as stale; 0 if it does, or if there is none
	Problem *wire.Problem // for the status; nil if there is no lock
}

// ReadLock examines pacman's lock.
func ReadLock(dbpath string) Lock {
	path := filepath.Join(dbpath, "db.lck")
	fi, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Lock{}
	}
	if err != nil {
		return Lock{Problem: &wire.Problem{Name: "db.lck", State: "failed", Why: err.Error()}}
	}
	age := time.Since(lastChange(dbpath, fi.ModTime()))
	if wait := staleLockAge - age; wait > 0 {
		return Lock{Wait: wait, Problem: &wire.Problem{Name: "db.lck", State: "busy", Why: "pacman is running"}}
	}
	return Lock{Problem: &wire.Problem{
		Name: "db.lck", State: "failed",
		Why: fmt.Sprintf("%s is from %s and nothing has changed since: remove it if pacman is not running", path, fi.ModTime().Format(time.DateTime)),
	}}
}

// lastChange returns the latest of t and the times of the directories that a transaction changes.
func lastChange(dbpath string, t time.Time) time.Time {
	for _, dir := range []string{"local", "sync"} {
		if fi, err := os.Stat(filepath.Join(dbpath, dir)); err == nil && fi.ModTime().After(t) {
			t = fi.ModTime()
		}
	}
	return t
}
