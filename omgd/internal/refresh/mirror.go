package refresh

import (
	"time"

	"github.com/omg-arch/omg/omgd/internal/state"
	"github.com/omg-arch/omg/shared/catalog"
	"github.com/omg-arch/omg/shared/pkgindex"
)

// Mirror says where the databases are that omgd downloads for itself.
type Mirror struct {
	Dir string
	// Stale is how long after it was last found right one counts as stale.
	Stale time.Duration
	// Why says why a repository's was not found right in the last attempt.
	Why func(repo string) string
}

// renew maps the indexes of our own databases that are as new as this machine's.
// Nothing is renewed where we keep none.
func (w *Worker) renew(repos *catalog.Repos) (*catalog.Repos, []*state.Index) {
	if w.Mirror == nil {
		return nil, nil
	}
	mapped := map[*pkgindex.File]*state.Index{}
	renewed, files := repos.Renew(catalog.Own{
		Dir: w.Mirror.Dir, Stale: w.Mirror.Stale, Why: w.Mirror.Why,
		Open: func(path string) (*pkgindex.File, error) {
			x, err := w.open(path)
			if err != nil {
				return nil, err
			}
			mapped[x.File] = x
			return x.File, nil
		},
	})
	indexes := make([]*state.Index, len(files))
	for i, f := range files {
		indexes[i] = mapped[f]
	}
	return renewed, indexes
}
