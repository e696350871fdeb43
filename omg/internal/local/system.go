package local

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"strings"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/omg-arch/omg/omg/internal/ask"
	"github.com/omg-arch/omg/shared/answers"
	"github.com/omg-arch/omg/shared/catalog"
	"github.com/omg-arch/omg/shared/inventory"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/wire"
)

// system answers what concerns installed packages alone: no repository is read.
type system struct {
	asker *ask.Asker
	repos *catalog.Repos
}

// onlyLocal is what answers a request that concerns installed packages alone,
// nil for another.
func onlyLocal(op string, req any) func(context.Context, *system, ask.Emit) error {
	switch r := req.(type) {
	case *ask.OwnsRequest:
		return func(ctx context.Context, s *system, emit ask.Emit) error { return s.owns(ctx, r, emit) }
	case *ask.FilesRequest:
		return func(ctx context.Context, s *system, emit ask.Emit) error { return s.files(ctx, r, emit) }
	case *ask.WhyRequest:
		return func(ctx context.Context, s *system, emit ask.Emit) error { return s.why(ctx, r, emit) }
	case *wire.InstalledRequest:
		if r.Filter == wire.FilterForeign {
			return nil
		}
		return func(ctx context.Context, s *system, emit ask.Emit) error {
			return s.answer(ctx, func(d *answers.Data) error { return d.Installed(r, answers.Emit(emit)) })
		}
	}
	if op == wire.OpExplicit {
		return func(ctx context.Context, s *system, emit ask.Emit) error {
			return s.answer(ctx, func(d *answers.Data) error { return d.Explicit(answers.Emit(emit)) })
		}
	}
	return nil
}

// plain is an inventory without what the repositories say of it.
func plain(dbpath string, local *pacmandb.Local) *inventory.Inventory {
	inv := &inventory.Inventory{DBPath: dbpath, Local: local, Versions: make(map[string]string, len(local.Packages))}
	for _, p := range local.Packages {
		inv.Versions[p.Name] = p.Version
	}
	return inv
}

func (s *system) read(ctx context.Context) (*pacmandb.Local, error) {
	return pacmandb.ReadLocal(ctx, s.repos.DBPath)
}

func (s *system) answer(ctx context.Context, give func(*answers.Data) error) error {
	local, err := s.read(ctx)
	if err != nil {
		return err
	}
	inv := plain(s.repos.DBPath, local)
	inv.Relations = pacmandb.Relate(local.Packages)
	return askers(give(&answers.Data{Inventory: inv}))
}

// root is the directory that file lists count from, with a slash at its end.
func (s *system) root() string {
	root := "/"
	if s.repos.Config != nil && s.repos.Config.RootDir != "" {
		root = s.repos.Config.RootDir
	}
	return strings.TrimRight(root, "/") + "/"
}

func (s *system) owns(ctx context.Context, r *ask.OwnsRequest, emit ask.Emit) error {
	result := ask.OwnsResult{Paths: make([]ask.Owned, len(r.Paths))}
	var paths []pacmandb.OwnedPath
	var places []int // of paths in the result
	for i, path := range r.Paths {
		resolved, err := pacmandb.ResolveOwned(s.root(), inPath(path))
		switch {
		case errors.Is(err, pacmandb.ErrOutside):
			result.Paths[i].Path = path
		case err != nil:
			return err
		default:
			result.Paths[i] = ask.Owned{Path: resolved.Path, Exists: resolved.Exists}
			paths, places = append(paths, resolved), append(places, i)
		}
	}
	local, err := s.read(ctx)
	if err != nil {
		return err
	}
	owners, unread, err := local.Owners(ctx, s.repos.DBPath, paths)
	if err != nil {
		return err
	}
	result.Unread = unread
	for i := range result.Paths {
		result.Paths[i].Owners = []ask.Owner{}
	}
	for i, packages := range owners {
		found := &result.Paths[places[i]]
		if found.Exists && !strings.HasSuffix(found.Path, "/") {
			packages = packages[:min(len(packages), 1)] // as pacman, which stops at the first
		}
		for _, p := range packages {
			found.Owners = append(found.Owners, ask.Owner{Name: p.Name, Version: p.Version})
		}
	}
	return send(emit, &result)
}

// inPath looks for a bare name that is no file here in PATH, as pacman does.
func inPath(name string) string {
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

func (s *system) files(ctx context.Context, r *ask.FilesRequest, emit ask.Emit) error {
	local, err := s.read(ctx)
	if err != nil {
		return err
	}
	relations := pacmandb.Relate(local.Packages)
	result := ask.FilesResult{Packages: []ask.PackageFiles{}}
	for _, name := range r.Names {
		p := relations.Satisfier(name)
		if p == nil {
			result.Missing = append(result.Missing, name)
			continue
		}
		files, err := pacmandb.Files(s.repos.DBPath, p)
		one := ask.PackageFiles{Name: p.Name, Files: make([]string, len(files))}
		if err != nil {
			one.Why = err.Error()
		}
		for i, f := range files {
			one.Files[i] = s.root() + f
		}
		result.Packages = append(result.Packages, one)
	}
	return send(emit, &result)
}

func (s *system) why(ctx context.Context, r *ask.WhyRequest, emit ask.Emit) error {
	local, err := s.read(ctx)
	if err != nil {
		return err
	}
	relations := pacmandb.Relate(local.Packages)
	result := ask.WhyResult{Chains: []ask.Chain{}}
	if p := relations.Satisfier(r.Name); p != nil {
		result.Name = p.Name
		chains := relations.Why
		if r.Reverse {
			chains = relations.Brings
		}
		for _, c := range chains(p.Name) {
			links := make([]ask.Link, len(c))
			for i, l := range c {
				links[i] = ask.Link(l)
			}
			result.Chains = append(result.Chains, ask.Chain{Links: links})
		}
	}
	return send(emit, &result)
}

// send emits a result that has one part.
func send(emit ask.Emit, result any) error {
	b, err := msgpack.Marshal(result)
	if err != nil {
		return err
	}
	return emit(b, false)
}
