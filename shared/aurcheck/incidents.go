package aurcheck

import (
	"cmp"
	"slices"
	"time"

	"github.com/omg-arch/omg/shared/aurlevel"
	"github.com/omg-arch/omg/shared/incidents"
	"github.com/omg-arch/omg/shared/pacmandb"
)

// AddIncidents adds the findings that follow from lists of known incidents to the packages with findings, and returns these in their
// order. All installed packages are compared, also those of a repository: it can have built a package of the AUR. If names are given,
// only these packages are compared, also if they are not installed. The parameter local is nil if the installed packages are unknown.
func AddIncidents(found []CheckedPackage, lists []incidents.State, local *pacmandb.Local, names []string, now time.Time) []CheckedPackage {
	installed := map[string]bool{}
	if local != nil {
		for _, p := range local.Packages {
			installed[p.Name] = true
			if len(names) == 0 || slices.Contains(names, p.Name) {
				compared := &incidents.Package{Name: p.Name, Base: p.Base, Version: p.Version, BuildDate: p.BuildDate, InstallDate: p.InstallDate}
				found = addIncidents(found, lists, compared, now)
			}
		}
	}
	for _, name := range slices.Compact(slices.Sorted(slices.Values(names))) {
		if !installed[name] {
			found = addIncidents(found, lists, &incidents.Package{Name: name}, now)
		}
	}
	sortPackages(found)
	return found
}

// addIncidents is AddIncidents for one package, and does not sort the packages.
func addIncidents(found []CheckedPackage, lists []incidents.State, p *incidents.Package, now time.Time) []CheckedPackage {
	var findings []aurlevel.Finding
	for _, m := range incidents.MatchAll(lists, p, now) {
		findings = append(findings, aurlevel.FindIncident(aurlevel.Incident{Match: m, Package: p}))
	}
	if len(findings) == 0 {
		return found
	}
	return addFindings(found, Package{
		Name: p.Name, Base: cmp.Or(p.Base, p.Name), InstalledVersion: p.Version, InstalledAt: p.InstallDate,
	}, findings)
}

// addFindings adds findings about a package to the packages with findings, and does not sort the packages.
func addFindings(found []CheckedPackage, p Package, findings []aurlevel.Finding) []CheckedPackage {
	at := slices.IndexFunc(found, func(c CheckedPackage) bool { return c.Name == p.Name })
	if at < 0 {
		at = len(found)
		found = append(found, CheckedPackage{Package: p})
	}
	found[at].Findings = slices.Concat(findings, found[at].Findings)
	aurlevel.Sort(found[at].Findings)
	return found
}
