package refresh

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/omg-arch/omg/omgd/internal/state"
	"github.com/omg-arch/omg/shared/catalog"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/pkgindex"
)

// errMoved means that the databases changed while the index was built of them: it
// may be half old and half new.
var errMoved = errors.New("the databases changed meanwhile")

// buildPause is how long after a failed build the next one may start: what made
// it fail has most likely not gone, and requests may ask for refreshes.
const buildPause = 5 * time.Second

// usable returns the mapped indexes of the repositories to serve, what is stale in
// them, and others that were given and hold no repository. Given
// ones are served as they are; when none can be used, or none is given, ours is
// served, built first unless it is current.
func (w *Worker) usable(ctx context.Context, repos *catalog.Repos) (indexes, others []*state.Index, stale []string, err error) {
	for _, path := range w.Given {
		x, err := w.open(path)
		if err != nil {
			w.Log.Error("cannot use the given index", "err", err)
			continue
		}
		indexes = append(indexes, x)
	}
	indexes, others = withoutRepos(indexes)
	for _, x := range indexes {
		stale = append(stale, repos.Stale(x.File, w.stamps)...)
	}
	if len(indexes) > 0 {
		if repos.Lacking() != "" {
			files := make([]*pkgindex.File, len(indexes))
			for i, x := range indexes {
				files[i] = x.File
			}
			repos.Adopt(files...)
		}
		return indexes, others, stale, nil
	}
	if repos.Lacking() != "" {
		return nil, others, nil, nil // what is installed is known all the same
	}
	x, err := w.open(w.Own)
	if err == nil {
		if w.stamps == nil {
			w.stamps = catalog.ReadStamps(w.Own, w.Trust)
		}
		if stale = repos.Stale(x.File, w.stamps); len(stale) == 0 {
			return []*state.Index{x}, others, nil, nil
		}
		w.Log.Info("the index is not current", "why", stale)
		if w.last == nil {
			aur, source := w.mapAUR()
			w.publish(snapshot{indexes: []*state.Index{x}, others: others, aur: aur, aurSource: source, repos: repos, stale: stale}) // better than nothing meanwhile
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		w.Log.Warn("cannot use the index, building it anew", "err", err)
	}
	if wait := time.Until(w.buildAfter); wait > 0 {
		w.again = wait // by then the cause may be gone, and nothing else may change any more
		return nil, others, nil, w.buildErr
	}
	if w.buildErr = w.buildIndex(ctx, w.Own); w.buildErr != nil {
		w.buildAfter = time.Now().Add(buildPause)
		return nil, others, nil, w.buildErr
	}
	w.stamps = catalog.ReadStamps(w.Own, w.Trust)
	if x, err = w.open(w.Own); err != nil {
		return nil, others, nil, err
	}
	stale = repos.Stale(x.File, w.stamps)
	if len(stale) > 0 && w.last != nil {
		return nil, nil, nil, errMoved
	}
	return []*state.Index{x}, others, stale, nil
}

// open maps an index, or returns the mapping that there is if the file is still
// the same. A newly mapped one is checked as a whole in the background.
func (w *Worker) open(path string) (*state.Index, error) {
	fi, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	stamp := pacmandb.StampOf(fi)
	old := w.indexes[path]
	if old != nil && old.stamp == stamp {
		return old.index, old.bad
	}
	f, err := pkgindex.Open(path, w.Trust)
	if err != nil {
		return nil, err
	}
	if old != nil {
		old.index.Release()
	}
	o := &opened{index: state.NewIndex(f), stamp: stamp}
	w.indexes[path] = o
	w.checkLater(o.index)
	return o.index, nil
}

// checkLater reads a newly mapped index as a whole without holding anything up.
func (w *Worker) checkLater(x *state.Index) {
	x.Retain()
	w.checks.Go(func() {
		defer x.Release()
		if err := x.Check(); err != nil {
			w.Suspect()
		}
	})
}

// note remembers that an index failed its check, so that it is not used again
// until its file is another one.
func (w *Worker) note(path string, o *opened, err error) {
	if err != nil && o.bad == nil {
		o.bad = fmt.Errorf("%s: %w", path, err)
		w.Log.Error("the index failed its check", "err", o.bad)
	}
}
