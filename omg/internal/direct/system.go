package direct

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/shared/clock"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/sources"
)

// localDatabase is what was read of pacman's configuration and of the local database.
type localDatabase struct {
	pacman *sources.PacmanSetup
	local  *pacmandb.Local // nil if it could not be read
	err    error           // why it could not be read
	// These functions compute their results once, at the first call, if the local database could be read.
	relations func() *pacmandb.Relations
	installed func() *snapshot.Snapshot // a snapshot of the local database only
	stamps    *stamps                   // of the files before they were read; nil unless they are kept
}

// readLocal reads the local database. It reuses the unchanged packages of an earlier reading, which may be nil.
func readLocal(ctx context.Context, pacman *sources.PacmanSetup, earlier *pacmandb.Local) *localDatabase {
	l := &localDatabase{pacman: pacman}
	l.local, l.err = pacmandb.Reread(ctx, pacman.DBPath, earlier)
	l.relations = sync.OnceValue(func() *pacmandb.Relations { return pacmandb.ComputeRelations(l.local.Packages) })
	l.installed = sync.OnceValue(func() *snapshot.Snapshot {
		in := snapshot.Inputs{CheckedAt: clock.Now(), DBPath: pacman.DBPath, PacmanConfig: pacman.Config}
		in.Local.Packages = l.local
		in.Local.UnreadablePackages, _ = sources.DescribeUnreadablePackages(l.local)
		return snapshot.Build(in)
	})
	return l
}

// ownSetup returns a copy of pacman's configuration, to which repositories can be added.
func (l *localDatabase) ownSetup() *sources.PacmanSetup {
	setup := *l.pacman
	setup.Repositories = slices.Clone(setup.Repositories)
	return &setup
}

// localDatabase returns what pacman's configuration and the local database contain. It returns an error only about the configuration.
func (b *Backend) localDatabase(ctx context.Context) (*localDatabase, error) {
	if b.kept != nil {
		l, release, err := b.kept.local.acquire(ctx)
		if err == nil {
			release() // it is in memory, and stays there
		}
		return l, err
	}
	c := b.settings()
	pacman, err := b.pacmanConfig(&c)
	if err != nil {
		return nil, err
	}
	return readLocal(ctx, pacman, nil), nil
}

// readLocalDatabase does what localDatabase does, but also returns an error if the local database could not be read.
func (b *Backend) readLocalDatabase(ctx context.Context) (*localDatabase, error) {
	l, err := b.localDatabase(ctx)
	if err == nil {
		err = l.err
	}
	return l, err
}

// localDBReading returns how completely the local database was read.
func localDBReading(local *pacmandb.Local) backend.Reading {
	why, _ := sources.DescribeUnreadablePackages(local)
	return backend.Reading{Partial: why != "", WhyPartial: why}
}

// Owns implements backend.Backend. A name without a slash is looked up in PATH if the working directory has no such
// file.
func (b *Backend) Owns(ctx context.Context, named []string) (*backend.Owners, error) {
	l, err := b.readLocalDatabase(ctx)
	if err != nil {
		return nil, err
	}
	pacman := l.pacman
	result := &backend.Owners{Paths: make([]backend.OwnedPath, len(named))}
	var resolved []pacmandb.ResolvedPath
	var places []int // result.Paths[places[i]] is the result for resolved[i]
	for i, path := range named {
		one, err := pacmandb.ResolveOwned(pacman.Root(), lookUpInPath(path))
		switch {
		case errors.Is(err, pacmandb.ErrOutside):
			result.Paths[i] = backend.OwnedPath{Path: path, Owners: []backend.Owner{}}
		case err != nil:
			return nil, err
		default:
			result.Paths[i] = backend.OwnedPath{Path: one.Path, Exists: one.Exists, Owners: []backend.Owner{}}
			resolved, places = append(resolved, one), append(places, i)
		}
	}
	owners, unread, err := l.local.Owners(ctx, pacman.DBPath, resolved)
	if err != nil {
		return nil, err
	}
	result.UnreadCount = unread
	for i, packages := range owners {
		found := &result.Paths[places[i]]
		if found.Exists && !strings.HasSuffix(found.Path, "/") {
			packages = packages[:min(len(packages), 1)] // pacman too prints only the first owner
		}
		for _, p := range packages {
			found.Owners = append(found.Owners, backend.Owner{Name: p.Name, Version: p.Version})
		}
	}
	return result, nil
}

// lookUpInPath looks up a name in PATH if the name has no slash and is not a file in the working directory, like pacman.
func lookUpInPath(name string) string {
	if strings.Contains(name, "/") {
		return name
	}
	if _, err := os.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
		return name
	}
	if found, err := exec.LookPath(name); err == nil {
		return found
	}
	return name
}

// Files implements backend.Backend. It also finds packages by the names of what they provide.
func (b *Backend) Files(ctx context.Context, names []string) (*backend.FilesResult, error) {
	l, err := b.readLocalDatabase(ctx)
	if err != nil {
		return nil, err
	}
	pacman, local, relations := l.pacman, l.local, l.relations()
	result := &backend.FilesResult{Packages: []backend.FileList{}}
	exact := true // every name so far is the exact name of an installed package
	for _, name := range names {
		exact = exact && local.Find(name) != nil
		p := relations.Satisfier(name)
		if p == nil {
			result.Missing = append(result.Missing, name)
			continue
		}
		files, err := pacmandb.PackageFiles(pacman.DBPath, p)
		one := backend.FileList{Name: p.Name, Files: make([]string, len(files))}
		if err != nil {
			one.UnknownReason = err.Error()
		}
		for i, f := range files {
			one.Files[i] = pacman.Root() + f
		}
		result.Packages = append(result.Packages, one)
	}
	if !exact {
		result.Reading = localDBReading(local)
	}
	return result, nil
}

// Why implements backend.Backend.
func (b *Backend) Why(ctx context.Context, name string, reverse bool) (*backend.WhyResult, error) {
	l, err := b.readLocalDatabase(ctx)
	if err != nil {
		return nil, err
	}
	local, relations := l.local, l.relations()
	result := &backend.WhyResult{Reading: localDBReading(local), Chains: []backend.DependencyChain{}}
	p := relations.Satisfier(name)
	if p == nil {
		return result, nil
	}
	result.Name = p.Name
	chains := relations.Why
	if reverse {
		chains = relations.DependencyChains
	}
	for _, c := range chains(p.Name) {
		links := make([]backend.ChainLink, len(c))
		for i, l := range c {
			links[i] = backend.ChainLink(l)
		}
		result.Chains = append(result.Chains, backend.DependencyChain{Links: links})
	}
	return result, nil
}
