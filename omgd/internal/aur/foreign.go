package aur

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/omg-arch/omg/omgd/internal/fetch"
	"github.com/omg-arch/omg/shared/answers"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/wire"
)

const (
	keyForeign      = "foreign"
	keyForeignNames = "foreign names"
	// foreignInterval is how often the foreign packages are asked for.
	foreignInterval = time.Hour
	// foreignFirst is the pause after the first failure.
	foreignFirst = 5 * time.Minute
	// maxForeign bounds how many names are asked for in an hour.
	maxForeign = 10 * batch
	// foreignTotal is how long one request may take.
	foreignTotal = time.Minute
)

// errUnknown means that it is not known what is installed.
var errUnknown = errors.New("it is not known what is installed")

// Foreign is what the AUR said of the installed packages that no repository has.
type Foreign = answers.Asked

// Foreign is the last such answer, nil for none yet.
func (a *AUR) Foreign() *Foreign { return a.foreign.Load() }

func newForeign(names []string, f *pkgindex.File, at time.Time) (*Foreign, error) {
	r := &Foreign{At: at, Names: names, Packages: map[string]*wire.Package{}}
	for p, err := range f.Packages() {
		if err != nil {
			return nil, err
		}
		r.Packages[p.Name] = &p
	}
	return r, nil
}

// runForeign asks once an hour, counted from the last answer, be it from before a
// restart.
func (a *AUR) runForeign(ctx context.Context) {
	first := time.Duration(0)
	if last := a.Foreign(); last != nil {
		first = min(max(time.Until(last.At.Add(foreignInterval)), 0), foreignInterval)
	}
	if !a.awaitInstalled(ctx) {
		return
	}
	s := fetch.Schedule{Interval: foreignInterval, First: foreignFirst}
	s.Run(ctx, first, a.refreshForeign)
}

// awaitInstalled waits until it is known what is installed.
func (a *AUR) awaitInstalled(ctx context.Context) bool {
	look := time.NewTicker(time.Second)
	defer look.Stop()
	for {
		if _, ok := a.Installed(); ok {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-look.C:
		}
	}
}

func (a *AUR) refreshForeign(ctx context.Context) error {
	names, ok := a.Installed()
	if !ok {
		return errUnknown
	}
	if len(names) == 0 {
		return nil
	}
	names = slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !nameable(name) })
	slices.Sort(names)
	names = names[:min(len(names), maxForeign)]
	var packages []wire.Package
	for part := range slices.Chunk(names, batch) {
		found, err := a.ask(ctx, informing(part), foreignTotal)
		if err != nil {
			a.Log.Warn("the AUR was not asked about the installed packages", "err", err)
			return err
		}
		packages = append(packages, found...)
	}
	got, err := newAnswer(packages, time.Now())
	if err != nil {
		return err
	}
	foreign, err := newForeign(names, got.file, got.at)
	if err != nil {
		return err
	}
	a.foreign.Store(foreign)
	a.remember(keyForeign, got)
	if value, err := msgpack.Marshal(names); err == nil {
		_ = a.Store.Put(bucket, keyForeignNames, value, got.at)
	}
	a.Kick()
	return nil
}

// recallForeign takes up what was said before a restart.
func (a *AUR) recallForeign() {
	answer := a.recall(keyForeign)
	value, at, ok := a.Store.Get(bucket, keyForeignNames)
	var names []string
	if answer == nil || !ok || !at.Equal(answer.at) || msgpack.Unmarshal(value, &names) != nil {
		return
	}
	if foreign, err := newForeign(names, answer.file, answer.at); err == nil {
		a.foreign.Store(foreign)
	}
}
