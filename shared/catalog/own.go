package catalog

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/wire"
)

// OwnDir is the directory in the data directory with the databases that omgd
// downloads for itself, and IndexSuffix is that of their indexes.
const (
	OwnDir      = "sync"
	IndexSuffix = ".omgidx"
)

// OwnIndex is the index of one of these databases.
func OwnIndex(dir, repo string) string { return filepath.Join(dir, repo+IndexSuffix) }

// Own are the databases that omgd downloads for itself. Each has its mirror's
// modification time, as pacman's have, and its status change time is when it was
// last found to be what the mirror has.
type Own struct {
	Dir string
	// Stale is how long after that one counts as stale.
	Stale time.Duration
	// Open opens an index.
	Open func(path string) (*pkgindex.File, error)
	// Why says why a repository's was not found right in the last attempt, empty if
	// it was; nil where nobody knows.
	Why func(repo string) string
}

// Renew returns the repositories as they are with omgd's own databases in the place
// of this machine's, where they are as new, and the indexes of those.
func (r *Repos) Renew(own Own) (*Repos, []*pkgindex.File) {
	next := *r
	next.own, next.lacks = make(map[string]wire.Source), make(map[string]string)
	next.List, next.Missing = nil, nil
	var files []*pkgindex.File
	for _, repo := range r.all {
		s, f, why := own.find(repo)
		switch {
		case f != nil:
			next.own[repo.Name] = s
			next.List = append(next.List, repo)
			files = append(files, f)
			continue
		case slices.Contains(r.Missing, repo.Name):
			next.Missing = append(next.Missing, repo.Name)
		default:
			next.List = append(next.List, repo)
		}
		next.lacks[repo.Name] = why
	}
	return &next, files
}

// In says that a set has every one of the repositories, of which there are some.
func (r *Repos) In(set *pkgindex.Set) bool {
	return len(r.List) > 0 && !slices.ContainsFunc(r.List, func(repo pacmandb.RepoFile) bool { return !set.HasRepo(repo.Name) })
}

// find returns the index of a repository's own database and describes it. Why there
// is none is empty where this machine's database is the newer one.
func (o Own) find(repo pacmandb.RepoFile) (s wire.Source, f *pkgindex.File, why string) {
	if o.Why != nil {
		why = o.Why(repo.Name)
	}
	fi, err := os.Stat(filepath.Join(o.Dir, repo.Name+".db"))
	if err == nil {
		f, err = o.Open(OwnIndex(o.Dir, repo.Name))
	}
	switch {
	case errors.Is(err, fs.ErrNotExist) && why == "":
		return s, nil, "not downloaded yet"
	case errors.Is(err, fs.ErrNotExist):
		return s, nil, why
	case err != nil:
		return s, nil, err.Error()
	}
	sources := f.Facts().Sources
	if len(sources) != 1 || sources[0].Kind != pkgindex.KindRepo || sources[0].Name != repo.Name {
		return s, nil, "its index is of something else"
	}
	if system, err := os.Stat(repo.Path); err == nil && sources[0].AsOf < system.ModTime().Unix() {
		return s, nil, ""
	}
	s = wire.Source{Name: repo.Name, State: wire.SourceOK, AsOf: sources[0].AsOf, Changed: pacmandb.StampOf(fi).CtimeNS / 1e9, Own: true, Why: why}
	if age := time.Since(time.Unix(s.Changed, 0)); age > o.Stale {
		s.State = wire.SourceStale
		s.Why = strings.TrimSuffix("not found at a mirror for "+roughly(age)+": "+why, ": ")
	}
	return s, f, why
}
