package sources

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/omg-arch/omg/shared/clock"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/sourcefile"
	"github.com/omg-arch/omg/shared/wire"
)

// DownloadDir is the directory in omg's data directory for the databases that omgd downloads, and for their indexes. Like a
// database of pacman, a downloaded database has the modification time of the mirror's file. Its status change time (ctime)
// is the time at which omgd last found that the database is equal to the mirror's file.
const DownloadDir = "sync"

// Downloads gives access to the databases that omgd downloads.
type Downloads struct {
	Dir string
	// StaleAfter limits the time since omgd last found a database equal to the mirror's file. After a longer time, the
	// database is stale.
	StaleAfter time.Duration
	// OpenIndex opens an index.
	OpenIndex func(path string) (*pkgindex.File, error)
	// DownloadErrorOf returns the error of the last download of a repository's database; empty if the download succeeded. If DownloadErrorOf is
	// nil, the errors are unknown.
	DownloadErrorOf func(repo string) string
}

// ReplacePacmanSources returns the repositories with downloaded databases in place of pacman's: a downloaded database is used if it is
// at least as new as pacman's, or if pacman's database has no usable index.
func (d Downloads) ReplacePacmanSources(repositories []snapshot.IndexedSource, databases []Repository) []snapshot.IndexedSource {
	out := make([]snapshot.IndexedSource, len(repositories))
	for i, src := range repositories {
		downloaded, why := d.find(&databases[i], &src)
		if downloaded != nil {
			out[i] = *downloaded
			continue
		}
		out[i] = src
		if why != "" {
			out[i].Why = strings.TrimPrefix(src.Why+"; downloaded: "+why, "; ")
		}
	}
	return out
}

// find returns the downloaded database of a repository as a source, or the reason why none can be used. It returns nil and
// an empty reason if pacman's database is newer and has an index, or is being indexed.
func (d Downloads) find(r *Repository, system *snapshot.IndexedSource) (s *snapshot.IndexedSource, why string) {
	if d.DownloadErrorOf != nil {
		why = d.DownloadErrorOf(r.Name)
	}
	fi, err := os.Stat(filepath.Join(d.Dir, r.Name+".db"))
	var f *pkgindex.File
	if err == nil {
		f, err = d.OpenIndex(IndexPath(d.Dir, pkgindex.KindRepo, r.Name))
	}
	switch {
	case errors.Is(err, fs.ErrNotExist) && why == "":
		return nil, wire.NotDownloadedYet
	case errors.Is(err, fs.ErrNotExist):
		return nil, why
	case err != nil:
		return nil, err.Error()
	}
	facts, ok := f.IndexInfo().FindSource(pkgindex.KindRepo, r.Name)
	if !ok {
		return nil, "its index does not contain this repository"
	}
	if (system.Index != nil || system.Building) && facts.AsOf < system.AsOf {
		return nil, ""
	}
	s = &snapshot.IndexedSource{Index: f, Usage: r.Usage, Source: wire.Source{
		Name: r.Name, Kind: wire.KindRepository, State: wire.SourceOK, AsOf: facts.AsOf, ChangedAt: sourcefile.StampOf(fi).CtimeSeconds(), Downloaded: true, Why: why,
	}}
	if age := clock.Since(time.Unix(s.ChangedAt, 0)); age > d.StaleAfter {
		s.State = wire.SourceStale
		s.Why = strings.TrimSuffix("not confirmed by a mirror for "+formatAge(age)+": "+why, ": ")
	}
	return s, why
}
