package sources

import (
	"context"

	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/snapshot"
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
	examination
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
	e := ExaminedRepository{IndexedSource: snapshot.IndexedSource{Source: r.source(), Usage: r.Usage}}
	d := databaseFile{path: r.DatabasePath, staleAfter: r.staleAfter, downloads: packageDownloads}
	if facts, holds := r.infoInIndex(x); holds {
		e.Index = x.File
		d.index = &indexContent{size: facts.FileSize, sha256: facts.SHA256, asOf: facts.AsOf, builtFrom: x.BuiltFrom, path: x.File.Path(), userChosen: x.UserChosen}
	}
	var usesIndex bool
	if e.examination, usesIndex = d.examine(ctx, &e.Source); !usesIndex {
		e.Index = nil
	}
	return e
}

// source returns the repository as a source whose state is ok.
func (r *Repository) source() wire.Source {
	return wire.Source{Name: r.Name, Kind: wire.KindRepository, State: wire.SourceOK, SyncedAt: r.syncedAt}
}

// infoInIndex returns the description of the repository in the index x, and whether x contains the repository.
func (r *Repository) infoInIndex(x *Index) (pkgindex.SourceInfo, bool) {
	if x == nil {
		return pkgindex.SourceInfo{}, false
	}
	return x.File.IndexInfo().FindSource(pkgindex.KindRepo, r.Name)
}

// SetBuilt must be called when an index of the current database has been built. The source then uses the new index f.
func (e *ExaminedRepository) SetBuilt(f *pkgindex.File) {
	e.Index, e.Outdated, e.NeedsBuild = f, false, false
}

// SetFailed must be called if building an index of the database has failed. If an earlier index exists, the source uses
// this index and its state is stale. Otherwise its state is failed.
func (e *ExaminedRepository) SetFailed(err error) { e.setFailed(&e.Source, e.Index != nil, err) }

// MarkIndexBuilding must be called while an index of the database is being built. If an earlier index exists, the source uses
// this index and its state is stale. Otherwise its state is failed until the index is built, and Building is set.
func (e *ExaminedRepository) MarkIndexBuilding() {
	e.markIndexBuilding(&e.Source, e.Index != nil)
	e.Building = e.Index == nil
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
