package refresh

import (
	"errors"
	"io/fs"
	"slices"

	"github.com/omg-arch/omg/omgd/internal/state"
	"github.com/omg-arch/omg/shared/catalog"
	"github.com/omg-arch/omg/shared/wire"
)

// mapAUR maps the AUR's own index and says how far it can be believed: nil for a
// source that nobody keeps and that is not there. One that cannot be used takes
// nothing else down with it.
func (w *Worker) mapAUR() (x *state.Index, s *wire.Source) {
	if w.AUR != nil {
		now := w.AUR()
		s = &now
	}
	if w.OwnAUR == "" {
		return nil, s
	}
	x, err := w.open(w.OwnAUR)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, s
	case err != nil:
		if w.last == nil || w.last.aur != nil {
			w.Log.Error("cannot use the AUR's index", "err", err)
		}
		return nil, &wire.Source{Name: wire.SourceAUR, State: wire.SourceFailed, Why: err.Error()}
	case s == nil:
		s = catalog.AURSource(x.File, w.Catalog.StaleAUR)
	}
	return x, s
}

// withoutRepos takes the indexes that hold no repository out of those that were
// given: they add to what is served and replace nothing.
func withoutRepos(given []*state.Index) (repos, others []*state.Index) {
	for _, x := range given {
		if catalog.HoldsRepos(x.File) {
			repos = append(repos, x)
		} else {
			others = append(others, x)
		}
	}
	return repos, others
}

// all are the indexes of a snapshot, the AUR's own last: another one of the AUR
// that was given counts before it.
func (s *snapshot) all() []*state.Index {
	list := slices.Concat(s.indexes, s.others)
	if s.aur != nil {
		list = append(list, s.aur)
	}
	return list
}
