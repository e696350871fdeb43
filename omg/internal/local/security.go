package local

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/omg/internal/ask"
	"github.com/omg-arch/omg/shared/advisories"
	"github.com/omg-arch/omg/shared/answers"
	"github.com/omg-arch/omg/shared/wire"
)

// security judges what is installed by a file of the tracker's records. Without
// one there is nothing to judge by: only omgd asks the tracker.
func (l *files) security(a *ask.Asker, r *wire.SecurityRequest, emit ask.Emit) error {
	if a.Advisories == "" {
		return fmt.Errorf("%w: no omgd answers, which would ask it; --source judges by a file", ask.ErrNoTracker)
	}
	tracker, err := readAdvisories(a.Advisories)
	if err != nil {
		return err
	}
	if l.data.Security, err = answers.Assess(tracker, l.data.Inventory, l.set); err != nil {
		return err
	}
	return l.data.Advisories(r, answers.Emit(emit))
}

func readAdvisories(path string) (*answers.Tracker, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return nil, err
	}
	records, skipped, err := advisories.Read(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &answers.Tracker{Records: records, Skipped: skipped, At: time.Now().Unix(), AsOf: fi.ModTime().Unix()}, nil
}
