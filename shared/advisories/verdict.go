package advisories

import (
	"cmp"
	"slices"

	"github.com/omg-arch/omg/shared/pacmandb"
)

// Verdict is what a record means for an installed package.
type Verdict string

// The verdicts, in the order in which Judge checks for them.
const (
	// VerdictSafe means that the tracker rates the package as not affected, or that the installed version has the fix.
	VerdictSafe Verdict = "not-affected"
	// VerdictInTesting means that the installed version lacks the fix, which is in testing.
	VerdictInTesting Verdict = "fixed-in-testing"
	// VerdictFixable means that the installed version lacks the fix, and a repository has a version with the fix.
	VerdictFixable Verdict = "fixable"
	// VerdictAffected means that the installed version lacks the fix and no repository has the fix yet; or that no fix exists,
	// and the installed version is not newer than the version in which the vulnerability was found.
	VerdictAffected Verdict = "affected"
	// VerdictUnconfirmed means that no fix exists, and the installed version is newer than the version in which the
	// vulnerability was found. Most such records are outdated.
	VerdictUnconfirmed Verdict = "unconfirmed"
)

// IsVulnerable reports whether a verdict means that the package is vulnerable.
func (v Verdict) IsVulnerable() bool {
	return v == VerdictFixable || v == VerdictInTesting || v == VerdictAffected
}

// Judge returns the record's verdict on one of its packages. The parameter installed is the package's installed
// version. The function isOffered reports whether a repository has the fixed version, or a newer version. Versions are
// compared as in pacman.
func (r *Record) Judge(installed string, isOffered func(fixed string) bool) Verdict {
	belowFix := r.FixedIn != "" && pacmandb.Compare(installed, r.FixedIn) < 0
	switch {
	case r.Status == StatusNotAffected, r.FixedIn != "" && !belowFix:
		return VerdictSafe
	case r.Status == StatusTesting && belowFix:
		return VerdictInTesting
	case belowFix && isOffered(r.FixedIn):
		return VerdictFixable
	case belowFix, pacmandb.Compare(installed, r.AffectedVersion) <= 0:
		return VerdictAffected
	}
	return VerdictUnconfirmed
}

// Finding is a record that concerns an installed package.
type Finding struct {
	*Record
	Verdict Verdict
}

// PackageFindings is an installed package with the tracker's records that concern it.
type PackageFindings struct {
	Name, InstalledVersion string
	// UpdateVersion is the version in a repository that fixes all findings with VerdictFixable; empty if there are none.
	UpdateVersion string
	// Foreign means that no repository has the package. The tracker identifies packages by name, so its record may be
	// about another package of the same name.
	Foreign bool
	// Findings are the records that concern the package, the worst first, without records whose verdict is VerdictSafe.
	Findings []Finding
}

// VersionLookup gives Assess the versions of the installed packages and of the packages in the repositories.
type VersionLookup interface {
	// Installed returns the version of an installed package.
	Installed(name string) (version string, ok bool)
	// OfferedVersions returns the versions of a package in the repositories, in the order of the repositories.
	OfferedVersions(name string) []string
}

// Assess returns the installed packages for which a record's verdict is not VerdictSafe, the worst first.
func Assess(records []Record, system VersionLookup) []PackageFindings {
	at := make(map[string]int)
	var found []PackageFindings
	for i := range records {
		r := &records[i]
		for k, name := range r.Packages {
			installed, ok := system.Installed(name)
			if !ok || slices.Contains(r.Packages[:k], name) {
				continue
			}
			var update string
			verdict := r.Judge(installed, func(fixed string) bool {
				for _, v := range system.OfferedVersions(name) {
					if pacmandb.Compare(v, fixed) >= 0 {
						update = v
						return true
					}
				}
				return false
			})
			if verdict == VerdictSafe {
				continue
			}
			place, ok := at[name]
			if !ok {
				place = len(found)
				at[name] = place
				found = append(found, PackageFindings{Name: name, InstalledVersion: installed, Foreign: len(system.OfferedVersions(name)) == 0})
			}
			p := &found[place]
			p.Findings = append(p.Findings, Finding{r, verdict})
			if verdict == VerdictFixable && (p.UpdateVersion == "" || pacmandb.Compare(update, p.UpdateVersion) > 0) {
				p.UpdateVersion = update
			}
		}
	}
	for i := range found {
		slices.SortStableFunc(found[i].Findings, compareFindings)
	}
	slices.SortFunc(found, func(a, b PackageFindings) int {
		return cmp.Or(compareFindings(a.Findings[0], b.Findings[0]), cmp.Compare(a.Name, b.Name))
	})
	return found
}

// compareFindings orders findings: vulnerabilities (Verdict.IsVulnerable) first, then by severity, the most severe first,
// then by verdict, VerdictFixable first, then by name.
func compareFindings(a, b Finding) int {
	counts := func(f Finding) int {
		if f.Verdict.IsVulnerable() {
			return 1
		}
		return 0
	}
	order := []Verdict{VerdictFixable, VerdictInTesting, VerdictAffected, VerdictUnconfirmed}
	return cmp.Or(
		cmp.Compare(counts(b), counts(a)),
		cmp.Compare(b.Severity, a.Severity),
		cmp.Compare(slices.Index(order, a.Verdict), slices.Index(order, b.Verdict)),
		cmp.Compare(a.Name, b.Name),
	)
}
