package direct

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/sourcefile"
	"github.com/omg-arch/omg/shared/sources"
	"github.com/omg-arch/omg/shared/wire"
)

// checkIndexes checks the index files that the user named, or otherwise omg's own.
func (d *doctor) checkIndexes(ctx context.Context, pacman *sources.PacmanSetup) {
	if named := d.env.ChosenIndexPaths(d.o.IndexPaths); named != nil {
		for _, path := range named {
			files, err := sources.IndexFiles(path)
			if err == nil && len(files) == 0 {
				err = fmt.Errorf("no index in %s", path)
			}
			if err != nil {
				d.addProblem("index", err.Error(), "name another index")
			}
			for _, file := range files {
				d.checkIndex(ctx, file, pacman, true)
			}
		}
		return
	}
	if d.daemon != nil && d.daemon.status != nil {
		d.checkServedIndexes(ctx, pacman)
		return
	}
	found := 0
	for i := range pacman.Repositories {
		if path := d.usedIndexPath(ctx, &pacman.Repositories[i]); path != "" {
			found++
			d.checkIndex(ctx, path, pacman, false)
		}
	}
	if path := d.firstIndexPath(pkgindex.KindAUR, wire.SourceAUR); path != "" {
		d.checkIndex(ctx, path, pacman, false)
	}
	if found == 0 {
		d.addOff("index", "no index in "+paths.IndexDir(d.env.DataDir(d.o.DataDir)), "searches are faster with an index: start omgd, or run omg-index build")
	}
}

// checkServedIndexes checks the index files that the daemon uses. The daemon may run as another user, whose files this user may
// not read.
func (d *doctor) checkServedIndexes(ctx context.Context, pacman *sources.PacmanSetup) {
	served := &d.daemon.status.Index
	for _, path := range served.Files {
		if f, err := os.Open(path); errors.Is(err, fs.ErrPermission) {
			d.addOK("index", path+", used by omgd, not readable by you")
			continue
		} else if err == nil {
			_ = f.Close()
		}
		d.checkIndex(ctx, path, pacman, false)
	}
	switch {
	case len(served.Files) > 0:
	case served.Packages > 0:
		d.addOK("index", fmt.Sprintf("%d packages in omgd's memory", served.Packages))
	default:
		d.add("index", backend.CheckStateUnknown, "omgd has no index yet", "omgd builds an index of each database that it can read")
	}
}

// usedIndexPath returns the path of the index that omg uses for a repository if no daemon runs: the index in the first data
// directory whose index matches the database or, if none matches, the first index that is damaged or was built from the database
// earlier. It returns "" if there is none: an index of other databases, as the system-wide daemon has if the user chose databases, is
// not used.
func (d *doctor) usedIndexPath(ctx context.Context, repo *sources.Repository) string {
	first := ""
	for _, data := range d.env.DataDirs(d.o.DataDir) {
		path := sources.IndexPath(paths.IndexDir(data), pkgindex.KindRepo, repo.Name)
		f, err := pkgindex.Open(path, d.env.Trusts)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			first = cmp.Or(first, path)
			continue
		}
		e := repo.Examine(ctx, &sources.Index{File: f, BuiltFrom: sources.ReadOrigins(path, d.env.Trusts)})
		_ = f.Close()
		if !e.NeedsBuild && !e.Outdated {
			return path
		}
		if e.Index != nil {
			first = cmp.Or(first, path)
		}
	}
	return first
}

// firstIndexPath returns the path of a source's index in the first data directory that has one, or "".
func (d *doctor) firstIndexPath(kind pkgindex.SourceKind, name string) string {
	for _, data := range d.env.DataDirs(d.o.DataDir) {
		path := sources.IndexPath(paths.IndexDir(data), kind, name)
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			return path
		}
	}
	return ""
}

// checkIndex checks that an index file is not damaged, and that it matches the databases.
func (d *doctor) checkIndex(ctx context.Context, path string, pacman *sources.PacmanSetup, static bool) {
	f, err := pkgindex.Open(path, d.env.Trusts)
	if err == nil {
		defer f.Close()
		if err = f.Check(); err != nil {
			err = fmt.Errorf("%s: %w", path, err)
		}
	}
	if err != nil {
		d.addProblem("index", err.Error(), "remove it: omgd or omg-index build creates a new one")
		return
	}
	x := &sources.Index{File: f, BuiltFrom: sources.ReadOrigins(path, d.env.Trusts), UserChosen: static}
	for i := range pacman.Repositories {
		repo := &pacman.Repositories[i]
		if !x.HasRepository(repo.Name) {
			continue
		}
		e := repo.Examine(ctx, x)
		if e.NeedsBuild || static && e.Outdated && e.Stamp != (sourcefile.Stamp{}) {
			d.addProblem("index", path+" is older than the databases: "+repo.Name, "start omgd, or run omg-index build")
			return
		}
	}
	d.addOK("index", fmt.Sprintf("%s, %d packages", path, f.DocCount()))
}
