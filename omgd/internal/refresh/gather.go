package refresh

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"time"

	"github.com/omg-arch/omg/omgd/internal/state"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/runtimes"
	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/sources"
	"github.com/omg-arch/omg/shared/wire"
)

// inputCollector collects the inputs of one snapshot, and the index files that the snapshot reads.
type inputCollector struct {
	*Refresher
	ctx     context.Context
	inputs  snapshot.Inputs
	pulled  *sources.Pulled               // nil if omgd pulls no indexes
	static  []*mappedFile[*pkgindex.File] // the usable indexes of Config.StaticIndexes
	indexes []*state.MappedIndex
}

// addIndex adds an index to the indexes that the snapshot reads.
func (g *inputCollector) addIndex(x *state.MappedIndex) {
	if !slices.Contains(g.indexes, x) {
		g.indexes = append(g.indexes, x)
	}
}

// gather reads all sources. If a source cannot be read, the error is in the state of that source.
func (r *Refresher) gather(ctx context.Context, pacman *sources.PacmanSetup, lock sources.PacmanLockState) (*snapshot.Inputs, []*state.MappedIndex) {
	g := &inputCollector{Refresher: r, ctx: ctx}
	g.inputs = snapshot.Inputs{CheckedAt: time.Now(), DBPath: pacman.DBPath, PacmanConfig: pacman.Config, SearchDownloaded: r.config.SearchDownloads}
	if lock.Problem != nil {
		g.inputs.Problems = append(g.inputs.Problems, *lock.Problem)
	}
	if r.config.Popularity != nil {
		g.inputs.Popularity = r.config.Popularity()
	}
	if r.config.Pulled != nil {
		g.pulled = r.config.Pulled()
		g.inputs.Pulled = g.pulled.Status()
	}
	g.readLocal(pacman.DBPath)
	g.openStatic()
	g.readRepositories(pacman)
	g.readFileLists(pacman)
	if err := r.runGuarded("the AUR's index", func() error { g.inputs.AUR = g.aur(); return nil }); err != nil {
		g.inputs.AUR = sources.NewMissingAURSource(wire.SourceFailed, err.Error())
	}
	if r.config.TrackerData != nil {
		g.inputs.Tracker = r.config.TrackerData()
	}
	if r.config.News != nil {
		g.inputs.News = r.config.News()
		if err := r.runGuarded("pacman's log", func() error { g.inputs.UpgradedAt = pacman.LastUpgrade(ctx); return nil }); err != nil {
			g.inputs.Problems = append(g.inputs.Problems, wire.Problem{Name: "pacman's log", State: "failed", Why: err.Error()})
		}
	}
	if r.config.AURReplies != nil {
		g.inputs.AURReplies = r.config.AURReplies()
	}
	if r.config.AURFindings != nil {
		g.inputs.AURFindings = r.config.AURFindings()
	}
	if r.config.ReadRuntimes != nil {
		g.inputs.SystemRuntimes = systemRuntimes(g.inputs.Local.Packages)
		if err := r.runGuarded("runtimes", func() error {
			g.inputs.Runtimes, g.inputs.SystemRuntimes = r.config.ReadRuntimes(g.inputs.SystemRuntimes)
			return nil
		}); err != nil {
			g.inputs.Problems = append(g.inputs.Problems, wire.Problem{Name: "runtimes", State: "failed", Why: err.Error()})
		}
	}
	r.mappedFiles.sweep()
	r.mappedLists.sweep()
	return &g.inputs, g.indexes
}

// readLocal reads the local database, or reuses the last reading if nothing has changed since. If the
// database cannot be read, the last reading stays in use.
func (g *inputCollector) readLocal(dbpath string) {
	var last *pacmandb.Local
	if g.lastInputs != nil && g.lastInputs.DBPath == dbpath {
		last = g.lastInputs.Local.Packages
	}
	g.inputs.Local = snapshot.LocalInput{Packages: last}
	if last != nil {
		if stamp, err := pacmandb.ReadLocalStamp(dbpath); err == nil && stamp.Same(last.Stamp) {
			g.addUnreadableLocalProblem()
			return
		}
	}
	err := g.runGuarded("the local database", func() error {
		local, err := pacmandb.Reread(g.ctx, dbpath, last)
		if err == nil {
			g.inputs.Local.Packages = local
		}
		return err
	})
	if err != nil {
		g.config.Log.Warn("local database not read", "err", err)
		g.inputs.Local.FailureReason = err.Error()
		return
	}
	g.addUnreadableLocalProblem()
	if g.inputs.Local.Packages.Stamp.RecentlyChanged {
		g.nextPause = rereadPause // another change in the same clock tick would not show in the stamp
	}
}

// addUnreadableLocalProblem adds a problem for entries of the local database that cannot be read.
func (g *inputCollector) addUnreadableLocalProblem() {
	var problem *wire.Problem
	g.inputs.Local.UnreadablePackages, problem = sources.DescribeUnreadablePackages(g.inputs.Local.Packages)
	if problem != nil {
		g.inputs.Problems = append(g.inputs.Problems, *problem)
	}
}

// systemRuntimes returns the versions of the runtimes that are installed as packages. It returns nil if the
// installed packages are unknown.
func systemRuntimes(local *pacmandb.Local) map[string]string {
	if local == nil {
		return nil
	}
	versions := make(map[string]string)
	for _, p := range local.Packages {
		if runtime, ok := runtimes.RuntimeOfPackage(p.Name); ok {
			versions[runtime] = runtimes.TrimPackageVersion(p.Version)
		}
	}
	return versions
}

// openStatic opens the index files of Config.StaticIndexes.
func (g *inputCollector) openStatic() {
	failed := func(err error) {
		g.config.Log.Error("cannot use an index that --index names", "err", err)
		g.inputs.Problems = append(g.inputs.Problems, wire.Problem{Name: "index", State: "failed", Why: err.Error()})
	}
	for _, name := range g.config.StaticIndexes {
		paths, err := sources.IndexFiles(name)
		if err != nil {
			failed(err)
		}
		for _, path := range paths {
			o, err := g.mappedFiles.get(path)
			if err != nil {
				failed(err)
				continue
			}
			g.static = append(g.static, o)
		}
	}
}

// readRepositories examines each repository together with its index. Unless this is the first snapshot, it
// waits up to buildWait for indexes that are being built.
func (g *inputCollector) readRepositories(pacman *sources.PacmanSetup) {
	for _, o := range g.static {
		pacman.AddFromIndex(sourceIndex(o).Repositories())
	}
	if g.pulled != nil {
		pacman.AddFromIndex(g.pulled.Repositories())
	}
	if pending := g.examineRepositories(pacman); pending && g.lastInputs != nil {
		g.builds.await(g.ctx, buildWait)
		g.examineRepositories(pacman)
	}
	if d := g.config.DownloadedDatabases; d != nil {
		g.inputs.DownloadedRepositories = d.ReplacePacmanSources(g.inputs.Repositories, pacman.Repositories, g.openUsed)
	}
	if g.pulled != nil {
		g.inputs.UsePulled(g.pulled.ReplacePacmanSources(g.inputs.NewestRepositories(), pacman, g.openUsed))
	}
}

// openUsed opens an index that was downloaded or pulled, and adds it to those that the snapshot reads.
func (g *inputCollector) openUsed(path string) (*pkgindex.File, error) {
	o, err := g.mappedFiles.get(path)
	if err != nil {
		return nil, err
	}
	g.addIndex(o.index)
	return o.file, nil
}

// examineRepositories examines all repositories and reports whether an index is being built.
func (g *inputCollector) examineRepositories(pacman *sources.PacmanSetup) (pending bool) {
	g.indexes = nil
	g.inputs.Repositories = make([]snapshot.IndexedSource, len(pacman.Repositories))
	for i := range pacman.Repositories {
		repo := &pacman.Repositories[i]
		err := g.runGuarded(repo.Name, func() error {
			var building bool
			g.inputs.Repositories[i], building = g.examineRepository(repo)
			pending = pending || building
			return nil
		})
		if err != nil {
			g.inputs.Repositories[i] = snapshot.IndexedSource{Usage: repo.Usage, Source: wire.Source{
				Name: repo.Name, Kind: wire.KindRepository, State: wire.SourceFailed, Why: err.Error(),
			}}
		}
	}
	return pending
}

// examineRepository finds the index and the state of a repository. If there is no index of the current content of the
// repository's database, it requests a build. It reports whether an index is being built.
func (g *inputCollector) examineRepository(repo *sources.Repository) (snapshot.IndexedSource, bool) {
	for _, o := range g.static {
		if x := sourceIndex(o); x.HasRepository(repo.Name) {
			x.UserChosen = true
			g.addIndex(o.index)
			return repo.Examine(g.ctx, x).IndexedSource, false
		}
	}
	path := sources.IndexPath(g.config.IndexDir, pkgindex.KindRepo, repo.Name)
	if built := g.builds.takeResult(path); built != nil {
		g.mappedFiles.putBuilt(path, built)
	}
	used, isOwn := mapIndex(g, g.mappedFiles, path), true
	e := repo.Examine(g.ctx, sourceIndex(used))
	if e.NeedsBuild && g.config.SharedIndexDir != "" {
		shared := mapIndex(g, g.mappedFiles, sources.IndexPath(g.config.SharedIndexDir, pkgindex.KindRepo, repo.Name))
		if other := repo.Examine(g.ctx, sourceIndex(shared)); other.Index != nil && !other.NeedsBuild && !other.Outdated {
			e, used, isOwn = other, shared, false
		}
	}
	content := buildContent{databaseStamp: e.Stamp}
	if g.inputs.Popularity != nil {
		content.sharesSHA256 = g.inputs.Popularity.SHA256
	}
	building := false
	switch {
	case e.NeedsBuild:
		building = ensureBuild(g, g.builds, path, repo, content, &e)
	case e.Index != nil && isOwn && !e.Outdated && hasOtherShares(e.Index, repo.Name, content) && !g.builds.hasBuilt(path, content):
		// The index has all packages, and stays in use until the new one is built.
		ensureBuild(g, g.builds, path, repo, content, nil)
	}
	if e.Index != nil {
		g.addIndex(used.index)
	}
	return e.IndexedSource, building
}

// examined is the result of examining a database whose index has to be built.
type examined interface {
	MarkIndexBuilding()
	SetFailed(err error)
}

// ensureBuild requests a build of the index at path, and sets the state of its source e, unless e is nil. If a build has failed, it has
// the next refresh begin when the build is due again. It reports whether the index is being built.
func ensureBuild[F state.IndexFile](g *inputCollector, builds *indexBuilds[F], path string, repo *sources.Repository, content buildContent, e examined) bool {
	wait, err := builds.ensureBuild(path, repo, content)
	switch {
	case e == nil:
	case err == nil:
		e.MarkIndexBuilding()
	default:
		e.SetFailed(err)
	}
	if wait > 0 && (g.nextPause == 0 || wait < g.nextPause) {
		g.nextPause = wait
	}
	return err == nil
}

// hasOtherShares reports whether an index was built with other shares of machines than those of the content.
func hasOtherShares(f *pkgindex.File, repo string, content buildContent) bool {
	facts, _ := f.IndexInfo().FindSource(pkgindex.KindRepo, repo)
	return facts.PopularitySHA256 != content.sharesSHA256
}

// mapIndex maps an index file. It returns nil if the file is missing or not usable.
func mapIndex[F state.IndexFile](g *inputCollector, files *mappedFiles[F], path string) *mappedFile[F] {
	o, err := files.get(path)
	if err == nil {
		return o
	}
	if !errors.Is(err, fs.ErrNotExist) {
		g.config.Log.Warn("index not usable", "err", err)
	}
	return nil
}

func sourceIndex(o *mappedFile[*pkgindex.File]) *sources.Index {
	if o == nil {
		return nil
	}
	return &sources.Index{File: o.file, BuiltFrom: o.origins}
}

// aur returns the AUR together with its index. It returns nil if the AUR is disabled and has no index.
func (g *inputCollector) aur() *snapshot.IndexedSource {
	var aur *snapshot.IndexedSource
	if g.config.AURSource != nil {
		aur = &snapshot.IndexedSource{Source: g.config.AURSource()}
	}
	for _, o := range g.static {
		if s := sources.NewAURSource(o.file, g.config.AURStaleAfter); s != nil {
			g.addIndex(o.index)
			return s
		}
	}
	var pulledErr error
	if g.pulled != nil && aur != nil {
		var s *snapshot.IndexedSource
		if s, pulledErr = g.pulled.AUR(g.openUsed); s != nil {
			return s
		}
	}
	o, err := g.mappedFiles.get(sources.IndexPath(g.config.IndexDir, pkgindex.KindAUR, wire.SourceAUR))
	switch {
	case pulledErr != nil && err != nil:
		return sources.NewMissingAURSource(wire.SourceFailed, "pulled: "+pulledErr.Error())
	case errors.Is(err, fs.ErrNotExist):
		return aur
	case err != nil:
		g.config.Log.Error("AUR index not usable", "err", err)
		return sources.NewMissingAURSource(wire.SourceFailed, err.Error())
	}
	g.addIndex(o.index)
	if aur == nil {
		return sources.NewAURSource(o.file, g.config.AURStaleAfter)
	}
	aur.Index = o.file
	if pulledErr != nil { // the last dump of omgd itself
		aur.State, aur.Why = wire.SourceStale, "pulled: "+pulledErr.Error()
	}
	return aur
}
