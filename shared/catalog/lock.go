package catalog

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/wire"
)

// leftOver is how long pacman's lock may stand with no change of the databases
// before it is taken for one that a dead pacman left, and read past.
const leftOver = 60 * time.Second

// Lock is what pacman's lock on a database directory means for its readers.
type Lock struct {
	Wait time.Duration // until it counts as left over, if that is still to come
	Part *wire.Part    // what status says of it, nil if there is none
}

// LockOf looks at pacman's lock.
func LockOf(dbpath string) Lock {
	path := filepath.Join(dbpath, "db.lck")
	fi, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Lock{}
	}
	if err != nil {
		return Lock{Part: &wire.Part{Name: "db.lck", State: "failed", Why: err.Error()}}
	}
	age := time.Since(lastChange(dbpath, fi.ModTime()))
	if wait := leftOver - age; wait > 0 {
		return Lock{Wait: wait, Part: &wire.Part{Name: "db.lck", State: "busy", Why: "pacman is at work"}}
	}
	return Lock{Part: &wire.Part{
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

// Unread says in a line what could not be read of what is installed, nil if all
// could.
func Unread(local *pacmandb.Local) *wire.Part {
	if local == nil || len(local.Warnings) == 0 {
		return nil
	}
	first := local.Warnings[0]
	why := fmt.Sprintf("local/%s %s", first.Entry, first.Problem)
	if more := len(local.Warnings) + local.MoreWarnings - 1; more > 0 {
		why += fmt.Sprintf(", and %d more", more)
	}
	return &wire.Part{Name: "local", State: "incomplete", Why: why}
}
