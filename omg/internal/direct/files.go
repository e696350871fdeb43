package direct

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/shared/clock"
	"github.com/omg-arch/omg/shared/filesindex"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/sources"
	"github.com/omg-arch/omg/shared/wire"
)

// RepoOwners implements backend.Backend.
func (b *Backend) RepoOwners(ctx context.Context, r *backend.RepoOwnersRequest, visit func(*wire.FileOwner) error) (*wire.FilesOwnerResult, error) {
	return withFiles(ctx, b, r.IndexedOnly, func(s *snapshot.Snapshot) (*wire.FilesOwnerResult, error) {
		return s.FileOwners(&r.FilesOwnerRequest, ctx.Err, visit)
	})
}

// RepoFiles implements backend.Backend.
func (b *Backend) RepoFiles(ctx context.Context, r *wire.FilesListRequest, visit func(*wire.RepositoryFiles) error) (*wire.FilesListResult, error) {
	return withFiles(ctx, b, false, func(s *snapshot.Snapshot) (*wire.FilesListResult, error) {
		return s.RepositoryFiles(r, ctx.Err, visit)
	})
}

// Command implements backend.Backend.
func (b *Backend) Command(ctx context.Context, r *wire.CommandRequest) (*wire.CommandResult, error) {
	return withFiles(ctx, b, false, func(s *snapshot.Snapshot) (*wire.CommandResult, error) { return s.Commands(r, ctx.Err) })
}

// withFiles makes a snapshot of the lists of files and of the installed packages, and returns the result of the function answer for this
// snapshot. If indexedOnly is true, lists without an index are not read.
func withFiles[R any](ctx context.Context, b *Backend, indexedOnly bool, answer func(*snapshot.Snapshot) (R, error)) (result R, err error) {
	r := &snapshotReader{Backend: b, config: b.settings()}
	defer r.close()
	s, err := r.filesSnapshot(ctx, indexedOnly)
	if err != nil {
		return result, err
	}
	return answer(s)
}

// filesSnapshot returns a snapshot of the lists of files and of the installed packages. Without the installed packages, the results do
// not say which packages are installed.
func (r *snapshotReader) filesSnapshot(ctx context.Context, indexedOnly bool) (*snapshot.Snapshot, error) {
	l, err := r.localDatabase(ctx)
	if err != nil {
		return nil, err
	}
	pacman := l.ownSetup()
	in := snapshot.Inputs{CheckedAt: clock.Now(), DBPath: pacman.DBPath, PacmanConfig: pacman.Config}
	if in.Local.Packages = l.local; l.err != nil && !errors.Is(l.err, pacmandb.ErrNoLocal) {
		r.o.PrintNote("the installed packages are unknown: " + l.err.Error())
	}
	in.Files = r.fileLists(ctx, pacman, indexedOnly)
	return snapshot.Build(in), ctx.Err()
}

// fileLists returns the lists of files of all repositories. A list without a matching index is read from pacman's database, unless
// indexedOnly is true: such a list is then missing.
func (r *snapshotReader) fileLists(ctx context.Context, pacman *sources.PacmanSetup, indexedOnly bool) []snapshot.FilesSource {
	named, fromPublisher := r.namedFilesIndexes(), r.pulled()
	list := make([]snapshot.FilesSource, len(pacman.Repositories))
	for i := range pacman.Repositories {
		repo := &pacman.Repositories[i]
		e := r.examineFiles(ctx, repo, named)
		isReadable := e.NeedsBuild
		if isReadable {
			e.MarkIndexBuilding() // for the case that it is not read: its index is missing
		}
		open := func(path string) (*filesindex.File, error) {
			x, err := r.openFilesIndex(path)
			if err != nil {
				return nil, err
			}
			return x.File, nil
		}
		if r.config.Sync.Files && r.o.DBPath == "" && !r.pacmanOnly {
			r.downloadedFiles().ReplaceFiles(repo, &e, open)
		}
		if fromPublisher != nil {
			fromPublisher.ReplaceFiles(repo, &e, open)
		}
		if list[i] = e.FilesSource(); isReadable && !e.Downloaded && !indexedOnly {
			list[i] = repo.ScannedFiles(ctx)
		}
	}
	return list
}

// downloadedFiles returns the downloaded lists of files.
func (r *snapshotReader) downloadedFiles() sources.Downloads {
	return sources.Downloads{
		Dir: filepath.Join(r.env.DataDir(r.o.DataDir), sources.FilesDownloadDir), StaleAfter: r.config.Sync.FilesStaleAfter(r.config.Stale.Repos),
	}
}

// openFilesIndex opens an index of a list of files. Unlike openCheckedIndex, it does not check all of it, because that would take longer
// than most answers. What a search reads is checked when it is read.
func (r *snapshotReader) openFilesIndex(path string) (*sources.FilesIndex, error) {
	x, err := sources.OpenFilesIndex(path, r.env.Trusts)
	if err == nil {
		r.openedFiles = append(r.openedFiles, x.File)
	}
	return x, err
}

// namedFilesIndexes opens the indexes of lists of files that the user named.
func (r *snapshotReader) namedFilesIndexes() (list []*sources.FilesIndex) {
	for _, name := range r.env.ChosenIndexPaths(r.o.IndexPaths) {
		files, _ := sources.FilesIndexFiles(name)
		for _, path := range files {
			x, err := r.openFilesIndex(path)
			if err != nil {
				r.o.PrintNote(err.Error())
				continue
			}
			x.UserChosen = true
			list = append(list, x)
		}
	}
	return list
}

// examineFiles examines the list of files of a repository with an index that the user named, or with the first index that matches it.
func (r *snapshotReader) examineFiles(ctx context.Context, repo *sources.Repository, named []*sources.FilesIndex) sources.ExaminedFiles {
	for _, x := range named {
		if x.File.Info().Repository == repo.Name {
			return repo.ExamineFiles(ctx, x)
		}
	}
	e := repo.ExamineFiles(ctx, nil)
	for _, dir := range r.env.DataDirs(r.o.DataDir) {
		path := sources.FilesIndexPath(paths.IndexDir(dir), repo.Name)
		x, err := r.openFilesIndex(path)
		if err != nil {
			if !errors.Is(err, fs.ErrNotExist) {
				r.o.PrintNote(err.Error())
			}
			continue
		}
		next := repo.ExamineFiles(ctx, x)
		if !next.NeedsBuild && !next.Outdated {
			return next
		}
		if e.Index == nil && next.Index != nil && !next.NeedsBuild {
			e = next // the database cannot be read: its last index is used
		}
	}
	return e
}
