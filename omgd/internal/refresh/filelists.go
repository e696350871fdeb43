package refresh

import (
	"context"

	"github.com/omg-arch/omg/omgd/internal/indexer"
	"github.com/omg-arch/omg/shared/filesindex"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/sources"
	"github.com/omg-arch/omg/shared/wire"
)

// maxListBuilds is how many indexes of file lists may be built concurrently. They are built apart from the indexes of packages, because
// such a build takes up to a minute.
const maxListBuilds = 1

// fileListKind returns the functions for indexes of file lists.
func (r *Refresher) fileListKind() indexKind[*filesindex.File] {
	return indexKind[*filesindex.File]{
		database: (*sources.Repository).FilesDatabasePath,
		build: func(ctx context.Context, database string, _ buildContent) (IndexImage[*filesindex.File], error) {
			return r.config.BuildFiles(ctx, database)
		},
		open: filesindex.Open,
		sourceOf: func(f *filesindex.File, repo string) (pkgindex.SourceInfo, bool) {
			facts := f.Info()
			return pkgindex.SourceInfo{SHA256: facts.SHA256, FileSize: facts.FileSize, AsOf: facts.AsOf}, facts.Repository == repo
		},
	}
}

// buildFilesIndex builds the index of a database with file lists by running omg-index.
func buildFilesIndex(ctx context.Context, database string) (IndexImage[*filesindex.File], error) {
	image, err := indexer.Build(ctx, "--files", "--db", database)
	if err != nil {
		return nil, err
	}
	return indexer.FilesImage{Image: image}, nil
}

// readFileLists examines the file lists of each repository together with their index. It does not wait for indexes that are being
// built: until then, the lists are unknown, or the earlier index is used.
func (g *inputCollector) readFileLists(pacman *sources.PacmanSetup) {
	static := g.openStaticLists()
	g.inputs.Files = make([]snapshot.FilesSource, len(pacman.Repositories))
	for i := range pacman.Repositories {
		repo := &pacman.Repositories[i]
		err := g.runGuarded("the files of "+repo.Name, func() error {
			g.inputs.Files[i] = g.fileList(repo, static)
			return nil
		})
		if err != nil {
			g.inputs.Files[i] = snapshot.FilesSource{Source: wire.Source{Name: repo.Name, Kind: wire.KindFiles, State: wire.SourceFailed, Why: err.Error()}}
		}
	}
}

// openStaticLists opens the indexes of file lists in Config.StaticIndexes.
func (g *inputCollector) openStaticLists() (list []*mappedFile[*filesindex.File]) {
	for _, name := range g.config.StaticIndexes {
		paths, err := sources.FilesIndexFiles(name)
		if err != nil {
			continue // openStatic reports the error
		}
		for _, path := range paths {
			if o := mapIndex(g, g.mappedLists, path); o != nil {
				list = append(list, o)
			}
		}
	}
	return list
}

// fileList finds the index and the state of the file lists of a repository. If there is no index of the present content of the database,
// it requests a build.
func (g *inputCollector) fileList(repo *sources.Repository, static []*mappedFile[*filesindex.File]) snapshot.FilesSource {
	e, used := g.examineFiles(repo, static)
	open := func(path string) (*filesindex.File, error) {
		o, err := g.mappedLists.get(path)
		if err != nil {
			return nil, err
		}
		used = append(used, o)
		return o.file, nil
	}
	if d := g.config.DownloadedFiles; d != nil {
		d.ReplaceFiles(repo, &e, open)
	}
	if g.pulled != nil {
		g.pulled.ReplaceFiles(repo, &e, open)
	}
	for _, o := range used {
		if o.file == e.Index {
			g.addIndex(o.index)
		}
	}
	return e.FilesSource()
}

// examineFiles examines pacman's database with the file lists of a repository. It also returns the indexes that the result may use.
func (g *inputCollector) examineFiles(repo *sources.Repository, static []*mappedFile[*filesindex.File]) (e sources.ExaminedFiles, used []*mappedFile[*filesindex.File]) {
	examine := func(o *mappedFile[*filesindex.File], userChosen bool) sources.ExaminedFiles {
		if o == nil {
			return repo.ExamineFiles(g.ctx, nil)
		}
		used = append(used, o)
		return repo.ExamineFiles(g.ctx, &sources.FilesIndex{File: o.file, BuiltFrom: o.origins, UserChosen: userChosen})
	}
	for _, o := range static {
		if o.file.Info().Repository == repo.Name {
			return examine(o, true), used
		}
	}
	path := sources.FilesIndexPath(g.config.IndexDir, repo.Name)
	if built := g.listBuilds.takeResult(path); built != nil {
		g.mappedLists.putBuilt(path, built)
	}
	e = examine(mapIndex(g, g.mappedLists, path), false)
	if e.NeedsBuild && g.config.SharedIndexDir != "" {
		shared := mapIndex(g, g.mappedLists, sources.FilesIndexPath(g.config.SharedIndexDir, repo.Name))
		if other := examine(shared, false); other.Index != nil && !other.NeedsBuild && !other.Outdated {
			e = other
		}
	}
	if e.NeedsBuild {
		ensureBuild(g, g.listBuilds, path, repo, buildContent{databaseStamp: e.Stamp}, &e)
	}
	return e, used
}
