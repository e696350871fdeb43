package direct

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/omg/internal/filecheck"
	"github.com/omg-arch/omg/omg/internal/syscheck"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/kernel"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/sources"
	"github.com/omg-arch/omg/shared/wire"
)

// SystemCheck implements backend.Backend.
func (b *Backend) SystemCheck(ctx context.Context, r *backend.SystemCheckRequest) (*backend.SystemCheck, error) {
	l, err := b.readLocalDatabase(ctx)
	if err != nil {
		return nil, err
	}
	pacman, local := l.pacman, l.local
	c := &systemChecker{
		pacman: pacman, local: local, relations: l.relations(),
		result: &backend.SystemCheck{Reading: localDBReading(local), Problems: []backend.SystemProblem{}},
	}
	c.files = &filecheck.Checker{DBPath: pacman.DBPath, Root: pacman.Root(), NoExtract: pacman.Config.NoExtract, Report: c.addFileProblem}
	packages := local.Packages
	if len(r.Names) > 0 {
		if packages, err = c.named(r.Names); err != nil {
			return nil, err
		}
	} else {
		c.checkSystem(b.o.DBPath == "" && b.o.PacmanConfig == "" && c.pacman.Root() == "/")
	}
	c.result.PackageCount = len(packages)
	for _, p := range packages {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		c.checkDependencies(p)
		c.checkFiles(p, r.Contents)
	}
	if r.Rebuild {
		err = b.checkRebuilds(ctx, c, packages)
	}
	return c.result, err
}

// systemChecker checks the installed system.
type systemChecker struct {
	pacman    *sources.PacmanSetup
	local     *pacmandb.Local
	relations *pacmandb.Relations
	files     *filecheck.Checker
	result    *backend.SystemCheck
}

func (c *systemChecker) add(p backend.SystemProblem) {
	c.result.Problems = append(c.result.Problems, p)
}

func (c *systemChecker) named(names []string) (packages []*pacmandb.Installed, err error) {
	for _, name := range names {
		p := c.relations.Satisfier(name)
		if p == nil {
			return nil, exit.WithCode(exit.NotFound, fmt.Errorf("package %q is not installed", name))
		}
		if !slices.Contains(packages, p) {
			packages = append(packages, p)
		}
	}
	return packages, nil
}

// checkSystem checks what does not concern a package. isRunning means that the system is the running one.
func (c *systemChecker) checkSystem(isRunning bool) {
	// An ordinary user does not see whether a process of root, such as packagekitd, holds the lock: then the lock is stale only when
	// pacman has changed nothing for a while, as for omgd.
	path, since, isCertain := syscheck.StaleLock(c.pacman.DBPath, "/proc")
	if !since.IsZero() && (isCertain || sources.ExaminePacmanLock(c.pacman.DBPath).UntilStale == 0) {
		c.add(backend.SystemProblem{Kind: backend.ProblemStaleLock, Path: path, Details: []string{
			"created at " + since.Format(time.DateTime) + ", and no process holds it: remove it",
		}})
	}
	if release := kernel.MissingModules(kernel.ModulesDir, kernel.Release()); isRunning && release != "" {
		c.add(backend.SystemProblem{Kind: backend.ProblemReboot, Details: []string{"the modules of the running kernel " + release + " are not installed any more"}})
	}
	var backups []string
	for _, p := range c.local.Packages {
		list, err := pacmandb.PackageBackups(c.pacman.DBPath, p)
		if err != nil {
			continue // checkFiles reports the missing list of files
		}
		for _, backup := range list {
			backups = append(backups, backup.Name)
		}
	}
	left := syscheck.FindLeftovers(c.pacman.Root(), backups)
	for _, path := range left.Paths {
		c.add(backend.SystemProblem{Kind: backend.ProblemConfigFile, Path: path})
	}
	c.result.UnreadableCount += left.UnreadableCount
	if left.IsCut {
		c.result.Partial, c.result.WhyPartial = true, "/etc has too many files"
	}
	cache := syscheck.MeasureCache(c.pacman.Config.CacheDir, func(name, version string) bool {
		p := c.local.Find(name)
		return p != nil && p.Version == version
	})
	c.result.Cache = &backend.PackageCache{FileCount: cache.FileCount, Size: cache.Size, OldCount: cache.OldCount, OldSize: cache.OldSize, Problems: cache.Problems}
}

func (c *systemChecker) checkDependencies(p *pacmandb.Installed) {
	for _, dependency := range p.Depends {
		if len(c.relations.Satisfiers(dependency)) == 0 {
			c.add(backend.SystemProblem{Kind: backend.ProblemMissingDependency, Package: p.Name, Details: []string{dependency}})
		}
	}
}

// checkFiles checks the files of a package.
func (c *systemChecker) checkFiles(p *pacmandb.Installed, contents bool) {
	var result filecheck.Result
	var err error
	if contents {
		result, err = c.files.CheckProperties(p)
		if errors.Is(err, fs.ErrNotExist) {
			c.result.UncheckedCount++
			return
		}
	} else {
		var files []string
		if files, err = pacmandb.PackageFiles(c.pacman.DBPath, p); err == nil {
			result = c.files.CheckExistence(p.Name, files)
		}
	}
	if err != nil {
		c.add(backend.SystemProblem{Kind: backend.ProblemNoFileList, Package: p.Name, Details: []string{err.Error()}})
	}
	c.result.FileCount += result.Files
}

// addFileProblem adds a problem of a file. The problems of one file follow each other.
func (c *systemChecker) addFileProblem(p filecheck.Problem) {
	one := backend.SystemProblem{Kind: backend.ProblemAlteredFile, Package: p.Package, Path: p.Path, Details: []string{p.Text}}
	switch {
	case errors.Is(p.Err, fs.ErrPermission) || p.Kind == filecheck.UnknownType:
		c.result.UnreadableCount++
		return
	case p.Kind == filecheck.BackupChanged:
		return // users are meant to change configuration files
	case p.Kind == filecheck.Missing:
		one.Kind, one.Details = backend.ProblemMissingFile, nil
		if !errors.Is(p.Err, fs.ErrNotExist) {
			one.Details = []string{p.Err.Error()}
		}
	}
	if n := len(c.result.Problems); n > 0 && one.Kind == backend.ProblemAlteredFile {
		if last := &c.result.Problems[n-1]; last.Kind == one.Kind && last.Path == one.Path && last.Package == one.Package {
			last.Details = append(last.Details, p.Text)
			return
		}
	}
	c.add(one)
}

// checkRebuilds looks for foreign packages that have to be built again.
func (b *Backend) checkRebuilds(ctx context.Context, c *systemChecker, packages []*pacmandb.Installed) error {
	foreign, err := b.Installed(ctx, &wire.InstalledRequest{Filter: wire.FilterForeign})
	if err != nil {
		return err
	}
	if foreign.Partial || foreign.Stale {
		c.result.Partial, c.result.WhyPartial = true, "which packages are in no repository is not certain"
	}
	isForeign := make(map[string]bool, len(foreign.Packages))
	for i := range foreign.Packages {
		isForeign[foreign.Packages[i].Name] = true
	}
	rebuilder := syscheck.NewRebuilder(c.pacman.Root(), func(visit func(string)) {
		for _, name := range []string{"python", "perl", "ruby"} {
			p := c.local.Find(name)
			if p == nil {
				continue
			}
			files, err := pacmandb.PackageFiles(c.pacman.DBPath, p)
			if err == nil {
				for _, f := range files {
					visit(f)
				}
			}
		}
	})
	for _, p := range packages {
		if !isForeign[p.Name] {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		files, err := pacmandb.PackageFiles(c.pacman.DBPath, p)
		if err != nil {
			continue // checkFiles has reported it
		}
		missing, directories, unreadable := rebuilder.Problems(files)
		c.result.UnreadableCount += unreadable
		var details []string
		for _, soname := range missing {
			details = append(details, "needs "+soname+", which does not exist")
		}
		for _, dir := range directories {
			details = append(details, "has files in "+dir+", which is that of another version")
		}
		if len(details) > 0 {
			c.add(backend.SystemProblem{Kind: backend.ProblemRebuild, Package: p.Name, Details: details})
		}
	}
	return nil
}
