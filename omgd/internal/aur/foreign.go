package aur

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/omg-arch/omg/omgd/internal/schedule"
	"github.com/omg-arch/omg/omgd/internal/store"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/wire"
)

const (
	keyForeign      = "foreign"
	keyForeignNames = "foreign names"
	// foreignInterval is the time between two requests for the data of the foreign packages.
	foreignInterval = time.Hour
	// foreignRetryPause is the pause after the first failed request.
	foreignRetryPause = 5 * time.Minute
	// maxForeignNamesPerInterval is the largest number of names that are requested in an interval.
	maxForeignNamesPerInterval = 10 * maxNamesPerRequest
	// foreignTimeout is the timeout of one request.
	foreignTimeout = time.Minute
)

// errInstalledUnknown means that it is not known which packages are installed.
var errInstalledUnknown = errors.New("the installed packages are unknown")

// ForeignReplies returns the AUR's last replies about the installed foreign packages, or nil if there are none yet.
func (a *AUR) ForeignReplies() *snapshot.AURReplies { return a.foreignReplies.Load() }

func newForeignReplies(names []string, f *pkgindex.File, at time.Time) (*snapshot.AURReplies, error) {
	r := &snapshot.AURReplies{RepliedAt: at, QueriedNames: names, Packages: map[string]*wire.Package{}}
	for p, err := range f.Packages() {
		if err != nil {
			return nil, err
		}
		r.Packages[p.Name] = &p
	}
	return r, nil
}

// runForeignRefresh requests the data of the foreign packages once an hour, if the user wants that (aur.watch). The hour begins at the last
// reply, even if omgd was restarted since then.
func (a *AUR) runForeignRefresh(ctx context.Context) {
	if !a.Watch {
		return
	}
	if !a.awaitPackagesKnown(ctx) {
		return
	}
	s := schedule.Schedule{Interval: foreignInterval, FirstRetry: foreignRetryPause, Demands: a.ForeignDemands}
	if last := a.ForeignReplies(); last != nil {
		s.LastSuccess = last.RepliedAt.Unix()
	}
	s.Run(ctx, s.TimeUntilDue(), a.refreshForeign)
}

// awaitPackagesKnown waits until it is known which packages are installed, and which names are in the AUR. It returns false if ctx ends
// first.
func (a *AUR) awaitPackagesKnown(ctx context.Context) bool {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		_, err := os.Stat(a.IndexPath)
		if _, ok := a.ForeignPackages(); ok && err == nil {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
	}
}

func (a *AUR) refreshForeign(ctx context.Context) error {
	names, ok := a.ForeignPackages()
	if !ok {
		return errInstalledUnknown
	}
	names, err := a.keepPublicNames(names)
	if err != nil {
		return fmt.Errorf("%w: the AUR's dump is unknown: %w", errNotQueried, err)
	}
	names = slices.DeleteFunc(names, func(name string) bool { return !validName(name) })
	if len(names) == 0 {
		return nil
	}
	slices.Sort(names)
	names = names[:min(len(names), maxForeignNamesPerInterval)]
	var packages []wire.Package
	for part := range slices.Chunk(names, maxNamesPerRequest) {
		found, leftOut, err := a.ask(ctx, infoQuery(part), foreignTimeout)
		if err == nil && leftOut > 0 {
			err = fmt.Errorf("%w: %d packages cannot be read", ErrInvalidReply, leftOut)
		}
		if err != nil {
			a.Log.Warn("foreign packages not looked up in the AUR", "err", err)
			return err
		}
		packages = append(packages, found...)
	}
	got, err := newReply(packages, time.Now())
	if err == nil && got.isIncomplete {
		err = fmt.Errorf("%w: a package is too large", ErrInvalidReply)
	}
	if err != nil {
		return err
	}
	replies, err := newForeignReplies(names, got.index, got.at)
	if err != nil {
		return err
	}
	a.recordReplies(a.foreignReplies.Load(), replies)
	a.foreignReplies.Store(replies)
	a.saveReply(keyForeign, got)
	store.Save(a.Store, a.Log, storeBucket, keyForeignNames, names, got.at)
	a.OnChange()
	return nil
}

// loadForeignReplies loads the stored replies about the foreign packages.
func (a *AUR) loadForeignReplies() {
	if !a.Watch {
		return
	}
	answer := a.loadReply(keyForeign)
	names, at, ok := store.Load[[]string](a.Store, storeBucket, keyForeignNames)
	if answer == nil || !ok || !at.Equal(answer.at) {
		return
	}
	if replies, err := newForeignReplies(names, answer.index, answer.at); err == nil {
		a.foreignReplies.Store(replies)
	}
}
