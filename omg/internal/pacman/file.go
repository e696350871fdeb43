package pacman

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/omg-arch/omg/omg/internal/show"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/wire"
)

// queryFiles runs pacman -Qp: the targets are package files.
func (r *Runner) queryFiles() (code int, err error) {
	found := false
	for _, path := range r.Line.Targets {
		p, err := pacmandb.ReadPackageFile(path)
		if err != nil {
			r.errorf("could not load package '%s': %s", path, loadProblem(err))
			code = 1
			continue
		}
		ok, err := r.fileDoesPass(p)
		if err != nil {
			return 1, err
		}
		if !ok {
			continue
		}
		found = true
		if ok, err := r.displayFile(path, p); err != nil {
			return 1, err
		} else if !ok {
			code = 1
		}
	}
	if !found {
		code = 1
	}
	return code, nil
}

// loadProblem returns pacman's text for an error, or a more exact one.
func loadProblem(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "could not find or read package"
	case errors.Is(err, fs.ErrPermission):
		return "insufficient privileges"
	}
	return err.Error()
}

// fileDoesPass reports whether the package of a file passes the filters of the command line.
func (r *Runner) fileDoesPass(p *pacmandb.PackageFile) (bool, error) {
	l := r.Line
	if l.Has("deps") { // a file has no reason why it would be installed
		return false, nil
	}
	if n := l.Count("unrequired"); n > 0 && (len(r.requiring(p, false)) > 0 || n == 1 && len(r.requiring(p, true)) > 0) {
		return false, nil
	}
	if l.Has("native") || l.Has("foreign") {
		native, err := r.isInRepository(p.Name, r.repositoryNames())
		if err != nil || native != l.Has("native") {
			return false, err
		}
	}
	if l.Has("upgrades") {
		update, err := r.fileUpdate(p)
		return update != nil, err
	}
	return true, nil
}

// fileUpdate returns the newer version of the package of a file in the first repository that has the package, or nil.
func (r *Runner) fileUpdate(p *pacmandb.PackageFile) (*wire.Update, error) {
	for _, repo := range r.Setup.Config.Repos {
		found, err := r.findInRepository(repo.Name, p.Name)
		if err != nil {
			return nil, err
		}
		if found == nil {
			continue
		}
		if pacmandb.Compare(found.Version, p.Version) <= 0 {
			return nil, nil
		}
		ignored := repo.Usage&pacmandb.UsageUpgrade == 0 || pacmandb.IsIgnored(r.Setup.Config, &p.Installed)
		return &wire.Update{Name: p.Name, Installed: p.Version, Version: found.Version, Repo: repo.Name, Ignored: ignored}, nil
	}
	return nil, nil
}

// requiring returns the installed packages that require the package of a file or, with optional, that use it optionally.
func (r *Runner) requiring(p *pacmandb.PackageFile, optional bool) (names []string) {
	for _, installed := range r.installed() {
		dependencies := installed.Depends
		if optional {
			dependencies = installed.OptDepends
		}
		if slices.ContainsFunc(dependencies, func(s string) bool {
			return pacmandb.ParseDepend(s).IsSatisfiedByPackage(p.Name, p.Version, p.Provides)
		}) {
			names = append(names, installed.Name)
		}
	}
	return names
}

// displayFile prints the package of a file in the form that the command line selects.
func (r *Runner) displayFile(path string, p *pacmandb.PackageFile) (ok bool, err error) {
	l := r.Line
	ok = true
	if l.Has("info") {
		if _, err := os.Lstat(path + ".sig"); !errors.Is(err, fs.ErrNotExist) {
			return false, &exit.Error{
				Code: exit.Failed, Err: fmt.Errorf("%s has a signature, which omg does not check", path), Hint: l.PacmanCommand("pacman"),
			}
		}
		shown := &show.FilePackage{Package: &p.Package, Size: p.Size, HasScript: p.HasScript}
		if l.Count("info") > 1 && !installedPacman().isBefore(6, 1) {
			shown.Extra = &show.FileExtra{RequiredBy: r.requiring(p, false), OptionalFor: r.requiring(p, true), XData: p.XData}
		}
		r.Style.PrintPacmanFile(r.Out, shown)
	}
	if l.Has("list") {
		r.printPaths(p.Name, p.Files)
	}
	switch {
	case l.Has("changelog") && p.HasChangelog:
		r.printChangelogText(p.Name, p.Changelog)
	case l.Has("changelog"):
		r.errorf("no changelog available for '%s'.", p.Name)
	}
	switch {
	case l.Count("check") > 1:
		r.printNoMtree(p.Name) // pacman does not read the mtree file of a package file
	case l.Has("check"):
		ok = r.checkFiles(p.Name, p.Files)
	case l.Has("info") || l.Has("list") || l.Has("changelog"):
	case l.Has("quiet"):
		r.Style.PrintText(r.Out, p.Name)
	case l.Has("upgrades"):
		update, err := r.fileUpdate(p)
		if err != nil || update == nil {
			return false, err
		}
		r.Style.PrintUpdate(r.Out, update)
	default:
		r.Style.PrintNameVersion(r.Out, p.Name, p.Version)
	}
	return ok, nil
}
