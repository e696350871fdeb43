package sources

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/omg-arch/omg/shared/clock"
	"github.com/omg-arch/omg/shared/filesindex"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/sourcefile"
	"github.com/omg-arch/omg/shared/wire"
)

// DownloadDir is the directory in omg's data directory for the databases that omgd downloads, and for their indexes. Like a
// database of pacman, a downloaded database has the modification time of the mirror's file. Its status change time (ctime)
// is the time at which omgd last found that the database is equal to the mirror's file.
const DownloadDir = "sync"

// FilesDownloadDir is the directory in omg's data directory for the databases with file lists that omgd downloads, and for their indexes.
const FilesDownloadDir = "files"

// Downloads gives access to the databases of one kind that omgd downloads.
type Downloads struct {
	Dir string
	// StaleAfter limits the time since omgd last found a database equal to the mirror's file. After a longer time, the
	// database is stale.
	StaleAfter time.Duration
	// DownloadErrorOf returns the error of the last download of a repository's database; empty if the download succeeded. If DownloadErrorOf is
	// nil, the errors are unknown.
	DownloadErrorOf func(repo string) string
}

// ReplacePacmanSources returns the repositories with downloaded databases in place of pacman's: a downloaded database is used if it is
// at least as new as pacman's, or if pacman's database has no usable index. The function open opens the index of a downloaded database.
func (d Downloads) ReplacePacmanSources(
	repositories []snapshot.IndexedSource, databases []Repository, open func(path string) (*pkgindex.File, error),
) []snapshot.IndexedSource {
	return replaceSources(repositories, databases, "omgd's download", func(r *Repository, system *snapshot.IndexedSource) (*snapshot.IndexedSource, string) {
		return d.find(r, system, open)
	})
}

// replaceSources returns the repositories with those in their place that the function find returns. If it returns nil, the repository stays, with the
// reason that find returns. The parameter what says what find looks for.
func replaceSources(
	repositories []snapshot.IndexedSource, databases []Repository, what string,
	find func(r *Repository, system *snapshot.IndexedSource) (s *snapshot.IndexedSource, why string),
) []snapshot.IndexedSource {
	out := make([]snapshot.IndexedSource, len(repositories))
	for i, src := range repositories {
		found, why := find(&databases[i], &src)
		if found != nil {
			out[i] = *found
			continue
		}
		out[i] = src
		if why != "" {
			out[i].Why = joinReasons(src.Why, what, why)
		}
	}
	return out
}

// joinReasons adds to a reason, which may be empty, why something else is not used either.
func joinReasons(why, what, reason string) string {
	return strings.TrimPrefix(why+"; "+what+": "+reason, "; ")
}

// find returns the downloaded database of a repository as a source, or the reason why none can be used. It returns nil and
// an empty reason if pacman's database is newer and has an index, or is being indexed.
func (d Downloads) find(
	r *Repository, system *snapshot.IndexedSource, open func(path string) (*pkgindex.File, error),
) (s *snapshot.IndexedSource, why string) {
	var f *pkgindex.File
	found, why := d.describe(r.Name+databaseSuffix, r.Name, func() (asOf int64, err error) {
		if f, err = open(IndexPath(d.Dir, pkgindex.KindRepo, r.Name)); err != nil {
			return 0, err
		}
		facts, ok := f.IndexInfo().FindSource(pkgindex.KindRepo, r.Name)
		if !ok {
			return 0, errors.New("its index does not contain this repository")
		}
		return facts.AsOf, nil
	})
	switch {
	case found == nil:
		return nil, why
	case (system.Index != nil || system.Building) && found.AsOf < system.AsOf:
		return nil, ""
	}
	found.Kind = wire.KindRepository
	return &snapshot.IndexedSource{Index: f, Usage: r.Usage, Source: *found}, why
}

// ReplaceFiles replaces pacman's database with file lists, which was examined, by the downloaded one, by the rules of
// ReplacePacmanSources. The function open opens the index of the downloaded database.
func (d Downloads) ReplaceFiles(r *Repository, e *ExaminedFiles, open func(path string) (*filesindex.File, error)) {
	var f *filesindex.File
	found, why := d.describe(r.Name+filesDatabaseSuffix, r.Name, func() (asOf int64, err error) {
		if f, err = open(FilesIndexPath(d.Dir, r.Name)); err != nil {
			return 0, err
		}
		if f.Info().Repository != r.Name {
			return 0, errors.New("its index does not contain this repository")
		}
		return f.Info().AsOf, nil
	})
	isNewer := found != nil && (e.Index == nil && !e.Building || found.AsOf >= e.AsOf)
	switch {
	case isNewer:
		found.Kind = wire.KindFiles
		*e = ExaminedFiles{Source: *found, Index: f}
	case found == nil && why != "":
		e.Why = joinReasons(e.Why, "omgd's download", why)
	}
}

// describe describes a downloaded database in the directory Dir. The function openIndex opens its index, and returns the modification
// time of the database from which it was built. Without a usable database, describe returns nil and the reason.
func (d Downloads) describe(database, repo string, openIndex func() (asOf int64, err error)) (s *wire.Source, why string) {
	if d.DownloadErrorOf != nil {
		why = d.DownloadErrorOf(repo)
	}
	fi, err := os.Stat(filepath.Join(d.Dir, database))
	var asOf int64
	if err == nil {
		asOf, err = openIndex()
	}
	switch {
	case errors.Is(err, fs.ErrNotExist) && why == "":
		return nil, wire.NotDownloadedYet
	case errors.Is(err, fs.ErrNotExist):
		return nil, why
	case err != nil:
		return nil, err.Error()
	}
	s = &wire.Source{Name: repo, State: wire.SourceOK, AsOf: asOf, ChangedAt: sourcefile.StampOf(fi).CtimeSeconds(), Downloaded: true, Why: why}
	if age := clock.Since(time.Unix(s.ChangedAt, 0)); age > d.StaleAfter {
		s.State = wire.SourceStale
		s.Why = strings.TrimSuffix("not confirmed by a mirror for "+formatAge(age)+": "+why, ": ")
	}
	return s, why
}
