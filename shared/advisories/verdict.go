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
	// Safe means that the tracker rates the package as not affected, or that the installed version has the fix.
	Safe Verdict = "not-affected"
	// InTesting means that the installed version lacks the fix, which is in testing.
	InTesting Verdict = "fixed-in-testing"
	// Fixable means that the installed version lacks the fix, and a repository has a version with the fix.
	Fixable Verdict = "fixable"
	// Affected means that the installed version lacks the fix and no repository has the fix yet; or that no fix exists,
	// and the installed version is not newer than the version in which the vulnerability was found.
	Affected Verdict = "affected"
	// Unconfirmed means that no fix exists, and the installed version is newer than the version in which the
	// vulnerability was found. Most such records are outdated.
	Unconfirmed Verdict = "unconfirmed"
)

// Counts reports whether a verdict means that the package is vulnerable.
func (v Verdict) Counts() bool { return v == Fixable || v == InTesting || v == Affected }

// Judge returns the record's verdict on one of its packages. The parameter installed is the package's installed
// version. The function isOffered reports whether a repository has the fixed version, or a newer version. Versions are
// compared as in pacman.
func (r *Record) Judge(installed string, isOffered func(fixed string) bool) Verdict {
	belowFix := r.FixedIn != "" && pacmandb.Compare(installed, r.FixedIn) < 0
	switch {
	case r.Status == NotAffected, r.FixedIn != "" && !belowFix:
		return Safe
	case r.Status == Testing && belowFix:
		return InTesting
	case belowFix && isOffered(r.FixedIn):
		return Fixable
	case belowFix, pacmandb.Compare(installed, r.Affected) <= 0:
		return Affected
	}
	return Unconfirmed
}

// Finding is a record that concerns an installed package.
type Finding struct {
	*Record
	Verdict Verdict
}

// PackageFindings is an installed package with the tracker's records that concern it.
type PackageFindings struct {
	Name, Installed string
	// Update is the version in a repository that fixes all Fixable findings; empty if no finding is Fixable.
	Update string
	// Foreign means that no repository has the package. The tracker identifies packages by name, so its record may be
	// about another package of the same name.
	Foreign bool
	// Findings are the records that concern the package, the worst first, without records whose verdict is Safe.
	Findings []Finding
}

// System gives Assess the versions of the installed packages and of the packages in the repositories.
type System interface {
	// Installed returns the version of an installed package.
	Installed(name string) (version string, ok bool)
	// OfferedVersions returns the versions of a package in the repositories, in the order of the repositories.
	OfferedVersions(name string) []string
}

// Assess returns the installed packages for which a record's verdict is not Safe, the worst first.
func Assess(records []Record, system System) []PackageFindings {
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
			if verdict == Safe {
				continue
			}
			place, ok := at[name]
			if !ok {
				place = len(found)
				at[name] = place
				found = append(found, PackageFindings{Name: name, Installed: installed, Foreign: len(system.OfferedVersions(name)) == 0})
			}
			p := &found[place]
			p.Findings = append(p.Findings, Finding{r, verdict})
			if verdict == Fixable && (p.Update == "" || pacmandb.Compare(update, p.Update) > 0) {
				p.Update = update
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

// compareFindings orders findings: vulnerabilities (Verdict.Counts) first, then by severity, the most severe first,
// then by verdict, Fixable first, then by name.
func compareFindings(a, b Finding) int {
	counts := func(f Finding) int {
		if f.Verdict.Counts() {
			return 1
		}
		return 0
	}
	order := []Verdict{Fixable, InTesting, Affected, Unconfirmed}
	return cmp.Or(
		cmp.Compare(counts(b), counts(a)),
		cmp.Compare(b.Severity, a.Severity),
		cmp.Compare(slices.Index(order, a.Verdict), slices.Index(order, b.Verdict)),
		cmp.Compare(a.Name, b.Name),
	)
}
