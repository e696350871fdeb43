package sources

import (
	"context"
	"errors"

	"github.com/omg-arch/omg/shared/filesindex"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/wire"
)

// FilesIndex is an open index of the file lists of a repository.
type FilesIndex struct {
	File *filesindex.File
	// BuiltFrom is the database with file lists from which the index was built; nil if it is unknown.
	BuiltFrom IndexOrigins
	// UserChosen means that the user chose this index: omg does not rebuild it, and uses it even without a database.
	UserChosen bool
}

// OpenFilesIndex opens the index of file lists at path with its origin. It refuses files whose owner the function trust rejects, as
// filesindex.Open does.
func OpenFilesIndex(path string, trust func(uid uint32) bool) (*FilesIndex, error) {
	f, err := filesindex.Open(path, trust)
	if err != nil {
		return nil, err
	}
	return &FilesIndex{File: f, BuiltFrom: ReadOrigins(path, trust)}, nil
}

// ExaminedFiles is the result of examining the file lists of a repository. The embedded source describes the database with file lists
// in place of the repository's other database: its state, its reason and its times.
type ExaminedFiles struct {
	wire.Source
	// Index holds the file lists; nil if there is no usable index.
	Index *filesindex.File
	// Building means that the first index is still being built.
	Building bool
	examination
}

// ExamineFiles compares the repository's database with file lists with its index x, which may be nil. The states are those of Examine.
// As for pacman -F, the repository's other database does not matter: the file lists may be older than it, or of another architecture.
func (r *Repository) ExamineFiles(ctx context.Context, x *FilesIndex) ExaminedFiles {
	e := ExaminedFiles{Source: r.source()}
	e.Kind = wire.KindFiles
	e.SyncedAt = 0 // pacman's log does not say which databases were synchronized
	d := databaseFile{path: r.FilesDatabasePath(), staleAfter: r.staleAfter, downloads: fileListDownloads}
	if x != nil && x.File.Info().Repository == r.Name {
		facts := x.File.Info()
		e.Index = x.File
		d.index = &indexContent{size: facts.FileSize, sha256: facts.SHA256, asOf: facts.AsOf, builtFrom: x.BuiltFrom, path: x.File.Path(), userChosen: x.UserChosen}
	}
	var usesIndex bool
	if e.examination, usesIndex = d.examine(ctx, &e.Source); !usesIndex {
		e.Index = nil
	}
	return e
}

// SetBuilt must be called when an index of the current database has been built. The source then uses the new index f.
func (e *ExaminedFiles) SetBuilt(f *filesindex.File) {
	e.Index, e.Outdated, e.NeedsBuild = f, false, false
}

// SetFailed must be called if building an index of the database has failed. If an earlier index exists, the source uses
// this index and its state is stale. Otherwise its state is failed.
func (e *ExaminedFiles) SetFailed(err error) { e.setFailed(&e.Source, e.Index != nil, err) }

// MarkIndexBuilding must be called while an index of the database is being built. If an earlier index exists, the source uses
// this index and its state is stale. Otherwise its state is failed until the index is built, and Building is set.
func (e *ExaminedFiles) MarkIndexBuilding() {
	e.markIndexBuilding(&e.Source, e.Index != nil)
	e.Building = e.Index == nil
}

// FileListCollector collects the file lists of a repository and the facts about its database: the builder of an index, or of records.
type FileListCollector interface {
	// Add adds a package with its files and its groups. It keeps none of the strings. The error wraps filesindex.ErrTooLarge if the package is
	// too large for an index.
	Add(name, version string, files []string, groups ...string) error
	// SetInfo sets the facts about the database.
	SetInfo(info filesindex.BuildInfo)
}

// ReadFileLists reads the repository's database with file lists and adds its packages to a collector. The parameter info has the name of the
// program and the time of the build. After each package that was added, ReadFileLists calls the function count, unless count is nil. A
// package that is too large for an index is not added; the slice skipped contains an error text for each such package. The text of err says
// what the user can do.
func (r *Repository) ReadFileLists(ctx context.Context, into FileListCollector, info filesindex.BuildInfo, count func()) (f pacmandb.SyncFile, skipped []string, err error) {
	f, err = pacmandb.ReadSyncFiles(ctx, r.FilesDatabasePath(), func(l *pacmandb.FileList) error {
		if count != nil {
			count()
		}
		err := into.Add(l.Name, l.Version, l.Paths, l.Groups...)
		if errors.Is(err, filesindex.ErrTooLarge) {
			skipped = append(skipped, err.Error())
			return nil
		}
		return err
	})
	if err != nil {
		return f, skipped, fileListDownloads.withRemedy(err)
	}
	info.SHA256, info.FileSize, info.AsOf = f.HexDigest(), f.Stamp.Size, f.Stamp.MtimeSeconds()
	info.LeftOutCount, info.LeftOutReason = uint32(f.LeftOutCount+len(skipped)), f.FirstLeftOutReason
	if len(skipped) > 0 && info.LeftOutReason == "" {
		info.LeftOutReason = skipped[0]
	}
	into.SetInfo(info)
	return f, skipped, nil
}
