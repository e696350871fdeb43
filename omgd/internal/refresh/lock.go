package refresh

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/omg-arch/omg/shared/wire"
)

// leftOver is how long pacman's lock may stand with no change of the databases
// before it is taken for one that a dead pacman left, and read past.
const leftOver = 60 * time.Second

// lock is what db.lck means for a refresh.
type lock struct {
	wait time.Duration // until it counts as left over, if that is still to come
	part *wire.Part    // what status says of it
}

// locked looks at pacman's lock.
func (w *Worker) locked(dbpath string) lock {
	path := filepath.Join(dbpath, "db.lck")
	fi, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return lock{}
	}
	if err != nil {
		return lock{part: &wire.Part{Name: "db.lck", State: "failed", Why: err.Error()}}
	}
	age := time.Since(lastChange(dbpath, fi.ModTime()))
	if wait := leftOver - age; wait > 0 {
		return lock{wait: wait, part: &wire.Part{Name: "db.lck", State: "busy", Why: "pacman is at work"}}
	}
	return lock{part: &wire.Part{
		Name: "db.lck", State: "failed",
		Why: fmt.Sprintf("%s stands since %s and nothing changes: no pacman runs? remove it", path, fi.ModTime().Format(time.DateTime)),
	}}
}

// lastChange is the latest of a time and those of the directories in which a
// transaction makes changes.
func lastChange(dbpath string, t time.Time) time.Time {
	for _, dir := range []string{"local", "sync"} {
		if fi, err := os.Stat(filepath.Join(dbpath, dir)); err == nil && fi.ModTime().After(t) {
			t = fi.ModTime()
		}
	}
	return t
}
