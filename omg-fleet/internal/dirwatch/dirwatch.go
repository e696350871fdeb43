// Package dirwatch keeps the states of hosts in memory current with a directory of inventories and a roster. It compares the stamps of files, because
// a directory on a network file system has no notifications.
package dirwatch

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/omg-arch/omg/omg-fleet/internal/inventories"
	"github.com/omg-arch/omg/omg-fleet/internal/resident"
	"github.com/omg-arch/omg/shared/clock"
	"github.com/omg-arch/omg/shared/sourcefile"
)

// Watcher reads the files that have changed.
type Watcher struct {
	fleet           *resident.Fleet
	dir, rosterPath string
	stamps          map[string]sourcefile.Stamp // by path
}

// New returns a watcher of a directory and, unless its path is empty, of a roster.
func New(fleet *resident.Fleet, dir, rosterPath string) *Watcher {
	return &Watcher{fleet: fleet, dir: dir, rosterPath: rosterPath, stamps: map[string]sourcefile.Stamp{}}
}

// Run reads what has changed, again and again, until the context ends. See resident.Fleet.Follow.
func (w *Watcher) Run(ctx context.Context) { w.fleet.Follow(ctx, w.Read) }

// Read reads the roster, and the files that have changed.
func (w *Watcher) Read(ctx context.Context) error {
	files, err := inventories.List(w.dir)
	if err != nil {
		return fmt.Errorf("cannot list the inventories: %w", err)
	}
	roster, err := inventories.FindRoster(w.rosterPath)
	if err != nil {
		return err
	}
	w.fleet.SetRoster(roster)
	stamps, written := make(map[string]sourcefile.Stamp, len(files)), map[string]time.Time{}
	now, changed := clock.Now(), files[:0]
	for _, f := range files {
		var stamp sourcefile.Stamp
		if info, err := os.Stat(f.Path); err == nil {
			stamp = sourcefile.StampOf(info)
		}
		before, known := w.stamps[f.Path]
		if !known || before != stamp {
			changed = append(changed, f)
			if stamp != (sourcefile.Stamp{}) {
				written[f.Path] = time.Unix(0, stamp.MtimeNS)
			}
		}
		if stamp.MayStillChange(now) {
			stamp = sourcefile.Stamp{} // read it again
		}
		stamps[f.Path] = stamp
	}
	for path := range w.stamps {
		if _, found := stamps[path]; !found {
			w.fleet.Remove(path)
		}
	}
	w.stamps = stamps
	err = inventories.Each(ctx, changed, resident.Read, func(f inventories.File, e *resident.Entry, err error) error {
		if err != nil {
			w.fleet.Refuse(f.Path, f.Host, err)
		} else {
			w.fleet.Put(f.Path, f.Host, e)
		}
		w.fleet.Contact(f.Path, resident.Contact{Heard: written[f.Path]})
		return nil
	})
	if err != nil {
		w.stamps = map[string]sourcefile.Stamp{} // it was interrupted: nothing is known to be read
	}
	return err
}
