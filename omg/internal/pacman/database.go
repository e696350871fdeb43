package pacman

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/wire"
)

// databasePackage is a package whose relations are checked.
type databasePackage struct {
	name, version                string
	depends, provides, conflicts []string
}

// providers maps a name to the packages that have or provide it.
type providers map[string][]*databasePackage

func newProviders(packages []databasePackage) providers {
	all := providers{}
	for i := range packages {
		p := &packages[i]
		all[p.name] = append(all[p.name], p)
		for _, s := range p.provides {
			if name := pacmandb.ParseDepend(s).Name; name != p.name {
				all[name] = append(all[name], p)
			}
		}
	}
	return all
}

// satisfying returns the packages that satisfy a dependency.
func (all providers) satisfying(d pacmandb.Depend) (found []*databasePackage) {
	for _, p := range all[d.Name] {
		if d.IsSatisfiedByPackage(p.name, p.version, p.provides) && !slices.Contains(found, p) {
			found = append(found, p)
		}
	}
	return found
}

// database runs pacman -Dk and -Dkk.
func (r *Runner) database() (code int, err error) {
	problems := 0
	report := func(format string, args ...any) {
		problems++
		r.errorf(format, args...)
	}
	if r.Line.Count("check") > 1 {
		err = r.checkSyncDatabases(report)
	} else {
		err = r.checkLocalDatabase(report)
	}
	if err != nil {
		return 1, err
	}
	if problems == 0 && !r.Line.Has("quiet") {
		r.Style.PrintText(r.Out, "No database errors have been found!")
	}
	if problems > 0 && !installedPacman().isBefore(6, 1) {
		problems = 1 // pacman 6.0 counts the problems
	}
	return problems, nil
}

func (r *Runner) checkSyncDatabases(report func(string, ...any)) error {
	r.warnAboutRepositories()
	var all []databasePackage
	for _, repo := range r.repositoryNames() {
		packages, err := r.packagesOf(repo, true)
		if err != nil {
			return err
		}
		for i := range packages {
			all = append(all, newDatabasePackage(&packages[i]))
		}
	}
	reportMissing(all, newProviders(all), report)
	return nil
}

func newDatabasePackage(p *wire.Package) databasePackage {
	return databasePackage{name: p.Name, version: p.Version, depends: p.Depends, provides: p.Provides, conflicts: p.Conflicts}
}

// reportMissing reports the dependencies that no package satisfies.
func reportMissing(packages []databasePackage, all providers, report func(string, ...any)) {
	for i := range packages {
		for _, s := range packages[i].depends {
			if len(all.satisfying(pacmandb.ParseDepend(s))) == 0 {
				report("missing '%s' dependency for '%s'", s, packages[i].name)
			}
		}
	}
}

func (r *Runner) checkLocalDatabase(report func(string, ...any)) error {
	dir := filepath.Join(r.dbPath(), "local")
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	if err != nil {
		return err
	}
	slices.Sort(names)
	complete := true
	for _, name := range names {
		for _, file := range []struct{ name, text string }{{"desc", "description file"}, {"files", "file list"}} {
			if _, err := os.Stat(filepath.Join(dir, name, file.name)); err != nil && name != "ALPM_DB_VERSION" {
				complete = false
				report("'%s': %s is missing", name, file.text)
			}
		}
	}
	if !complete {
		return nil // pacman then checks nothing else
	}
	var packages []databasePackage
	for _, p := range r.installed() {
		packages = append(packages, newDatabasePackage(&p.Package))
	}
	all := newProviders(packages)
	reportMissing(packages, all, report)
	reportConflicts(packages, all, report)
	return r.reportSharedFiles(report)
}

// reportConflicts reports the packages that conflict with each other, each pair once for each direction.
func reportConflicts(packages []databasePackage, all providers, report func(string, ...any)) {
	for i := range packages {
		p := &packages[i]
		seen := map[string]bool{p.name: true}
		for _, s := range p.conflicts {
			found := all.satisfying(pacmandb.ParseDepend(s))
			slices.SortFunc(found, func(a, b *databasePackage) int { return strings.Compare(a.name, b.name) })
			for _, other := range found {
				if !seen[other.name] {
					seen[other.name] = true
					report("'%s' conflicts with '%s'", p.name, other.name)
				}
			}
		}
	}
}

// reportSharedFiles reports the files that several packages own. Pacman 6.0 prints them, but does not count them.
func (r *Runner) reportSharedFiles(report func(string, ...any)) error {
	if installedPacman().isBefore(6, 1) {
		report = r.errorf
	}
	type file struct{ path, owner string }
	var files []file
	for _, p := range r.installed() {
		paths, err := pacmandb.PackageFiles(r.dbPath(), p)
		if err != nil && !errors.Is(err, pacmandb.ErrNoFiles) {
			return fmt.Errorf("the files of %s are unknown: %w", p.Name, err)
		}
		for _, path := range paths {
			if !strings.HasSuffix(path, "/") {
				files = append(files, file{path, p.Name})
			}
		}
	}
	slices.SortStableFunc(files, func(a, b file) int { return cmp.Compare(a.path, b.path) })
	for i := 1; i < len(files); i++ {
		if files[i].path == files[i-1].path {
			report("file owned by '%s' and '%s': '%s'", files[i-1].owner, files[i].owner, files[i].path)
		}
	}
	return nil
}
