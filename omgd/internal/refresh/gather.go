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

// gathering collects the inputs of one snapshot, and the index files that the snapshot reads.
type gathering struct {
	*Refresher
	ctx     context.Context
	in      snapshot.Inputs
	static  []*opened // the usable indexes of Config.StaticIndexes
	indexes []*state.MappedIndex
}

// use adds an index to the indexes that the snapshot reads.
func (g *gathering) use(x *state.MappedIndex) {
	if !slices.Contains(g.indexes, x) {
		g.indexes = append(g.indexes, x)
	}
}

// gather reads all sources. If a source cannot be read, the error is in the state of that source.
func (r *Refresher) gather(ctx context.Context, pacman *sources.Pacman, lock sources.Lock) (*snapshot.Inputs, []*state.MappedIndex) {
	g := &gathering{Refresher: r, ctx: ctx}
	g.in = snapshot.Inputs{CheckedAt: time.Now(), DBPath: pacman.DBPath, Config: pacman.Config, SearchDownloaded: r.config.SearchDownloads}
	if lock.Problem != nil {
		g.in.Problems = append(g.in.Problems, *lock.Problem)
	}
	g.readLocal(pacman.DBPath)
	g.openStatic()
	g.readRepositories(pacman)
	if err := r.guarded("the AUR's index", func() error { g.in.AUR = g.aur(); return nil }); err != nil {
		g.in.AUR = sources.MissingAUR(wire.SourceFailed, err.Error())
	}
	if r.config.Tracker != nil {
		g.in.Tracker = r.config.Tracker()
	}
	if r.config.Replies != nil {
		g.in.Replies = r.config.Replies()
	}
	if r.config.Runtimes != nil {
		if err := r.guarded("runtimes", func() error {
			g.in.Runtimes, g.in.SystemRuntimes = r.config.Runtimes(systemRuntimes(g.in.Local.Packages))
			return nil
		}); err != nil {
			g.in.Problems = append(g.in.Problems, wire.Problem{Name: "runtimes", State: "failed", Why: err.Error()})
		}
	}
	r.files.sweep()
	return &g.in, g.indexes
}

// readLocal reads the local database, or reuses the last reading if nothing has changed since. If the
// database cannot be read, the last reading stays in use.
func (g *gathering) readLocal(dbpath string) {
	var last *pacmandb.Local
	if g.last != nil && g.last.DBPath == dbpath {
		last = g.last.Local.Packages
	}
	g.in.Local = snapshot.LocalInput{Packages: last}
	if last != nil {
		if stamp, err := pacmandb.LocalStamp(dbpath); err == nil && stamp.Same(last.Stamp) {
			g.examineLocal()
			return
		}
	}
	err := g.guarded("the local database", func() error {
		local, err := pacmandb.Reread(g.ctx, dbpath, last)
		if err == nil {
			g.in.Local.Packages = local
		}
		return err
	})
	if err != nil {
		g.config.Log.Warn("local database not read", "err", err)
		g.in.Local.Why = err.Error()
		return
	}
	g.examineLocal()
	if g.in.Local.Packages.Stamp.Fresh {
		g.again = freshPause // another change in the same clock tick would not show in the stamp
	}
}

// examineLocal adds a problem for entries of the local database that cannot be read.
func (g *gathering) examineLocal() {
	var problem *wire.Problem
	g.in.Local.UnreadablePackages, problem = sources.UnreadablePackages(g.in.Local.Packages)
	if problem != nil {
		g.in.Problems = append(g.in.Problems, *problem)
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
		if runtime, ok := runtimes.SystemPackage(p.Name); ok {
			versions[runtime] = runtimes.PackageVersion(p.Version)
		}
	}
	return versions
}

// openStatic opens the index files of Config.StaticIndexes.
func (g *gathering) openStatic() {
	failed := func(err error) {
		g.config.Log.Error("cannot use an index that --index names", "err", err)
		g.in.Problems = append(g.in.Problems, wire.Problem{Name: "index", State: "failed", Why: err.Error()})
	}
	for _, name := range g.config.StaticIndexes {
		paths, err := sources.IndexFiles(name)
		if err != nil {
			failed(err)
		}
		for _, path := range paths {
			o, err := g.files.get(path)
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
func (g *gathering) readRepositories(pacman *sources.Pacman) {
	for _, o := range g.static {
		pacman.AddFromIndex(indexOf(o).Repositories())
	}
	if pending := g.examineAll(pacman); pending && g.last != nil {
		g.builds.await(g.ctx, buildWait)
		g.examineAll(pacman)
	}
	if g.config.Downloads != nil {
		d := *g.config.Downloads
		d.Open = func(path string) (*pkgindex.File, error) {
			o, err := g.files.get(path)
			if err != nil {
				return nil, err
			}
			g.use(o.index)
			return o.index.File, nil
		}
		g.in.Downloaded = d.Replace(g.in.Repositories, pacman.Repositories)
	}
}

// examineAll examines all repositories and reports whether an index is being built.
func (g *gathering) examineAll(pacman *sources.Pacman) (pending bool) {
	g.indexes = nil
	g.in.Repositories = make([]snapshot.IndexedSource, len(pacman.Repositories))
	for i := range pacman.Repositories {
		repo := &pacman.Repositories[i]
		err := g.guarded(repo.Name, func() error {
			var building bool
			g.in.Repositories[i], building = g.examine(repo)
			pending = pending || building
			return nil
		})
		if err != nil {
			g.in.Repositories[i] = snapshot.IndexedSource{Usage: repo.Usage, Source: wire.Source{
				Name: repo.Name, Kind: wire.KindRepository, State: wire.SourceFailed, Why: err.Error(),
			}}
		}
	}
	return pending
}

// examine finds the index and the state of a repository. If there is no index of the current content of the
// repository's database, it requests a build. It reports whether an index is being built.
func (g *gathering) examine(repo *sources.Repository) (snapshot.IndexedSource, bool) {
	for _, o := range g.static {
		if x := indexOf(o); x.Holds(repo.Name) {
			x.Static = true
			g.use(o.index)
			return repo.Examine(g.ctx, x).IndexedSource, false
		}
	}
	path := sources.IndexPath(g.config.IndexDir, pkgindex.KindRepo, repo.Name)
	if built := g.builds.takeResult(path); built != nil {
		g.files.put(path, built)
	}
	used := g.open(path)
	e := repo.Examine(g.ctx, indexOf(used))
	if e.NeedsBuild && g.config.SharedIndexDir != "" {
		shared := g.open(sources.IndexPath(g.config.SharedIndexDir, pkgindex.KindRepo, repo.Name))
		if other := repo.Examine(g.ctx, indexOf(shared)); other.Index != nil && !other.NeedsBuild && !other.Outdated {
			e, used = other, shared
		}
	}
	building := false
	if e.NeedsBuild {
		wait, err := g.builds.want(path, repo, e.Stamp)
		if building = err == nil; building {
			e.SetPending()
		} else {
			e.SetFailed(err)
		}
		if wait > 0 && (g.again == 0 || wait < g.again) {
			g.again = wait
		}
	}
	if e.Index != nil {
		g.use(used.index)
	}
	return e.IndexedSource, building
}

// open maps an index file. It returns nil if the file is missing or not usable.
func (g *gathering) open(path string) *opened {
	o, err := g.files.get(path)
	if err == nil {
		return o
	}
	if !errors.Is(err, fs.ErrNotExist) {
		g.config.Log.Warn("index not usable", "err", err)
	}
	return nil
}

func indexOf(o *opened) *sources.Index {
	if o == nil {
		return nil
	}
	return &sources.Index{File: o.index.File, Origins: o.origins}
}

// aur returns the AUR together with its index. It returns nil if the AUR is disabled and has no index.
func (g *gathering) aur() *snapshot.IndexedSource {
	var aur *snapshot.IndexedSource
	if g.config.AUR != nil {
		aur = &snapshot.IndexedSource{Source: g.config.AUR()}
	}
	for _, o := range g.static {
		if s := sources.AUR(o.index.File, g.config.StaleAUR); s != nil {
			g.use(o.index)
			return s
		}
	}
	o, err := g.files.get(sources.IndexPath(g.config.IndexDir, pkgindex.KindAUR, wire.SourceAUR))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return aur
	case err != nil:
		g.config.Log.Error("AUR index not usable", "err", err)
		return sources.MissingAUR(wire.SourceFailed, err.Error())
	}
	g.use(o.index)
	if aur == nil {
		return sources.AUR(o.index.File, g.config.StaleAUR)
	}
	aur.Index = o.index.File
	return aur
}
