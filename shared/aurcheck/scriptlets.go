package aurcheck

import (
	"cmp"
	"errors"
	"slices"
	"sync"

	"github.com/omg-arch/omg/shared/aurlevel"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/scriptlet"
	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/wire"
)

// Evidence is what pacman recorded when it installed a package.
type Evidence struct {
	// Packager and Validation are as in the package's desc. Validation lists how pacman checked the package: "none", "md5", "sha256", "pgp".
	Packager   string
	Validation []string
	// BuiltAt and InstalledAt are in Unix seconds; 0 if they are unknown.
	BuiltAt, InstalledAt int64
}

// AddScriptlets adds the findings that follow from the scriptlets of the installed packages that are in no repository, and returns the
// packages with findings in their order. If names are given, only the scriptlets of these packages, or of those in these package bases,
// are read. It also adds what pacman recorded about each installed package with findings. The scriptlets are read each time: only those
// of a few dozen packages are.
func AddScriptlets(found []CheckedPackage, s *snapshot.Snapshot, names []string) ([]CheckedPackage, error) {
	foreign, err := s.Installed(&wire.InstalledRequest{Filter: wire.FilterForeign})
	if err == nil {
		for _, p := range foreign.Packages {
			if len(names) == 0 || slices.Contains(names, p.Name) || slices.Contains(names, p.Base) {
				if findings := aurlevel.FindScriptlet(examineScriptlet(s.Inputs().DBPath, p)); len(findings) > 0 {
					found = addFindings(found, Package{
						Name: p.Name, Base: cmp.Or(p.Base, p.Name), InstalledVersion: p.Version, InstalledAt: p.InstallDate,
					}, findings)
				}
			}
		}
		sortPackages(found)
	}
	addEvidence(found, s.Inputs().Local.Packages)
	return found, err
}

// examineScriptlet returns the facts about the scriptlet of an installed package.
func examineScriptlet(dbpath string, p *pacmandb.Installed) scriptlet.Report {
	script, err := pacmandb.PackageScript(dbpath, p, scriptlet.MaxSize)
	if err != nil {
		return scriptlet.Unreadable(describeReadError(err))
	}
	files := sync.OnceValue(func() map[string]bool {
		owned := map[string]bool{}
		list, _ := pacmandb.PackageFiles(dbpath, p) // without a list, the package owns no file
		for _, file := range list {
			owned["/"+file] = true
		}
		return owned
	})
	return scriptlet.Examine(script, scriptlet.Options{IsOwned: func(path string) bool { return files()[path] }})
}

// describeReadError returns why a scriptlet could not be read, without its path.
func describeReadError(err error) string {
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(err) {
		err = inner
	}
	return err.Error()
}

// addEvidence adds what pacman recorded about each installed package.
func addEvidence(found []CheckedPackage, local *pacmandb.Local) {
	if local == nil {
		return
	}
	for _, p := range local.Packages {
		if at := slices.IndexFunc(found, func(c CheckedPackage) bool { return c.Name == p.Name }); at >= 0 {
			found[at].Evidence = &Evidence{Packager: p.Packager, Validation: p.Validation, BuiltAt: p.BuildDate, InstalledAt: p.InstallDate}
		}
	}
}
