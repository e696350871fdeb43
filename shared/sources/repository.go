package sources

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/omg-arch/omg/shared/clock"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/sourcefile"
	"github.com/omg-arch/omg/shared/wire"
)

// Index is an open index file.
type Index struct {
	File *pkgindex.File
	// BuiltFrom lists the files from which the index was built; nil if they are unknown.
	BuiltFrom IndexOrigins
	// UserChosen means that the user chose this index: omg does not rebuild it, and uses it even without a database.
	UserChosen bool
}

// ExaminedRepository is the result of examining a repository.
type ExaminedRepository struct {
	snapshot.IndexedSource
	// Stamp is the stamp (size, times and inode) of the repository's database file; zero if the file does not exist.
	Stamp sourcefile.Stamp
	// NeedsBuild is true if the database exists, but there is no index of its present content. The caller must then build
	// an index and call SetBuilt, SetFailed or MarkIndexBuilding.
	NeedsBuild bool
	// indexedDBTimes holds the modification time and the status change time that the database had when its index was built.
	indexedDBTimes struct{ asOf, changed int64 }
}

// Examine compares the repository's database with the index x, which may be nil, and decides the state of the source. The
// states for changed databases and for readable databases without an index apply until a new index is built.
//
//	database            its index           state
//	unchanged           exists              ok, or stale by its age
//	changed             exists              stale
//	readable            does not exist      failed
//	missing             exists              stale
//	missing             does not exist      missing
//	unreadable          exists              stale
//	unreadable          does not exist      failed
func (r *Repository) Examine(ctx context.Context, x *Index) ExaminedRepository {
	e := ExaminedRepository{IndexedSource: snapshot.IndexedSource{
		Source: wire.Source{Name: r.Name, Kind: wire.KindRepository, State: wire.SourceOK, SyncedAt: r.syncedAt},
		Usage:  r.Usage,
	}}
	facts, holds := r.infoInIndex(x)
	if holds {
		e.Index, e.indexedDBTimes.asOf = x.File, facts.AsOf
		if origin := x.BuiltFrom.find(r.DatabasePath); origin != nil {
			e.indexedDBTimes.changed = origin.Stamp.CtimeSeconds()
		}
	}
	fi, err := os.Stat(r.DatabasePath)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !isSymlink(r.DatabasePath):
		if e.Index != nil && !x.UserChosen && !x.isBuiltFrom(r.DatabasePath) {
			e.Index = nil
		}
		e.State, e.Why = wire.SourceMissing, "no database: download it with pacman -Syu"
		if e.Index != nil {
			e.State, e.Why, e.Outdated = wire.SourceStale, "no database: the last index is used", !x.UserChosen
			e.AsOf, e.ChangedAt = e.indexedDBTimes.asOf, e.indexedDBTimes.changed
		}
		return e
	case err == nil && !fi.Mode().IsRegular():
		err = &fs.PathError{Op: "read", Path: r.DatabasePath, Err: sourcefile.ErrNotRegular}
	}
	if err != nil {
		e.setUnreadable(r, x, err)
		return e
	}
	e.Stamp = sourcefile.StampOf(fi)
	e.AsOf, e.ChangedAt = e.Stamp.MtimeSeconds(), e.Stamp.CtimeSeconds()
	if age := clock.Since(time.Unix(e.ChangedAt, 0)); age > r.staleAfter {
		e.State, e.Why = wire.SourceStale, "not synchronized for "+formatAge(age)
	}
	if !holds {
		e.NeedsBuild = true
		return e
	}
	current, err := x.BuiltFrom.isCurrent(ctx, r.DatabasePath, e.Stamp, facts)
	switch {
	case err != nil:
		e.setUnreadable(r, x, err)
	case current:
	case x.UserChosen:
		e.State, e.Why, e.Outdated = wire.SourceStale, "the database is newer than the index "+x.File.Path(), true
	case x.isBuiltFrom(r.DatabasePath):
		e.NeedsBuild, e.Outdated = true, true
	default:
		e.NeedsBuild, e.Index = true, nil
	}
	return e
}

// isSymlink reports whether a path is a symbolic link. If the path cannot be opened because a file does not exist, isSymlink tells
// a broken link from a missing path.
func isSymlink(path string) bool {
	fi, err := os.Lstat(path)
	return err == nil && fi.Mode()&fs.ModeSymlink != 0
}

// infoInIndex returns the description of the repository in the index x, and whether x contains the repository.
func (r *Repository) infoInIndex(x *Index) (pkgindex.SourceInfo, bool) {
	if x == nil {
		return pkgindex.SourceInfo{}, false
	}
	return x.File.IndexInfo().FindSource(pkgindex.KindRepo, r.Name)
}

// isBuiltFrom reports whether the index was built from the database file at the given path. The file may have changed since
// the index was built.
func (x *Index) isBuiltFrom(database string) bool { return x.BuiltFrom.find(database) != nil }

// setUnreadable sets the state of a repository whose database cannot be read. If the index x was built from this database, or was
// chosen by the user, the source uses the index x and is stale.
func (e *ExaminedRepository) setUnreadable(r *Repository, x *Index, err error) {
	if e.Index != nil && !x.UserChosen && !x.isBuiltFrom(r.DatabasePath) {
		e.Index = nil
	}
	e.SetFailed(withRemedy(err))
}

// SetBuilt must be called when an index of the current database has been built. The source then uses the new index f.
func (e *ExaminedRepository) SetBuilt(f *pkgindex.File) {
	e.Index, e.Outdated, e.NeedsBuild = f, false, false
}

// SetFailed must be called if building an index of the database has failed. If an earlier index exists, the source uses
// this index and its state is stale. Otherwise its state is failed.
func (e *ExaminedRepository) SetFailed(err error) {
	e.NeedsBuild = false
	e.State, e.Why = wire.SourceFailed, err.Error()
	if e.Index != nil {
		e.State, e.Outdated = wire.SourceStale, true
		e.AsOf, e.ChangedAt = e.indexedDBTimes.asOf, e.indexedDBTimes.changed
	}
}

// MarkIndexBuilding must be called while an index of the database is being built. If an earlier index exists, the source uses
// this index and its state is stale. Otherwise its state is failed until the index is built, and Building is set.
func (e *ExaminedRepository) MarkIndexBuilding() {
	e.NeedsBuild = false
	if e.Index != nil {
		e.State, e.Why = wire.SourceStale, "the database has changed and is being indexed"
		e.AsOf, e.ChangedAt = e.indexedDBTimes.asOf, e.indexedDBTimes.changed
		return
	}
	e.State, e.Why, e.Building = wire.SourceFailed, "the database is being indexed", true
}

// withRemedy appends to a database error what the user can do to fix the problem, if that is known.
func withRemedy(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w: run chmod a+r on it", err)
	}
	if IsDamaged(err) {
		return fmt.Errorf("%w: download it again with pacman -Syyu", err)
	}
	return err
}

// formatAge formats a duration in hours or days.
func formatAge(d time.Duration) string {
	if d < 2*day {
		return fmt.Sprintf("%d hours", d/time.Hour)
	}
	return fmt.Sprintf("%d days", d/day)
}

// HasRepository reports whether an index contains a repository.
func (x *Index) HasRepository(name string) bool {
	_, ok := x.File.IndexInfo().FindSource(pkgindex.KindRepo, name)
	return ok
}

// Repositories returns the names of the repositories in an index.
func (x *Index) Repositories() (names []string) {
	for _, s := range x.File.IndexInfo().Sources {
		if s.Kind == pkgindex.KindRepo {
			names = append(names, s.Name)
		}
	}
	return names
}
