package advisories

import (
	"cmp"
	"slices"

	"github.com/omg-arch/omg/shared/pacmandb"
)

// Verdict says what a record means for an installed package.
type Verdict string

// The verdicts, in the order in which they are decided.
const (
	// Safe: the tracker says so, or what is installed is at or above the fix.
	Safe Verdict = "not-affected"
	// InTesting: installed is below the fix, which is being tested.
	InTesting Verdict = "fixed-in-testing"
	// Fixable: installed is below the fix, and a repository has that or newer.
	Fixable Verdict = "fixable"
	// Affected: installed is below the fix, which no repository has yet; or there
	// is no fix, and installed is at or below the version in which it was found.
	Affected Verdict = "affected"
	// Unconfirmed: there is no fix, and installed is above the version in which it
	// was found. Mostly nobody closed the record.
	Unconfirmed Verdict = "unconfirmed"
)

// Counts reports whether a verdict counts as a vulnerability.
func (v Verdict) Counts() bool { return v == Fixable || v == InTesting || v == Affected }

// Judge is the verdict on a package that the record names, installed in a
// version. offered says whether a repository has the version fixed, or a newer
// one. Versions compare as pacman's do.
func (r *Record) Judge(installed string, offered func(fixed string) bool) Verdict {
	belowFix := r.FixedIn != "" && pacmandb.Compare(installed, r.FixedIn) < 0
	switch {
	case r.Status == NotAffected, r.FixedIn != "" && !belowFix:
		return Safe
	case r.Status == Testing && belowFix:
		return InTesting
	case belowFix && offered(r.FixedIn):
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

// PackageFindings is an installed package that records concern.
type PackageFindings struct {
	Name, Installed string
	// Update is a repository's version that fixes the Fixable findings; empty if there
	// is none.
	Update string
	// Foreign packages are in no repository: the tracker, which knows packages by
	// name, may mean another one.
	Foreign bool
	// Findings are what concerns it, the worst first; none is Safe.
	Findings []Finding
}

// System is what an assessment asks of a system.
type System interface {
	// Installed is a package's version.
	Installed(name string) (version string, ok bool)
	// Offered are the versions that repositories have, in their order.
	Offered(name string) []string
}

// Assess finds what concerns the installed packages, the worst first.
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
				for _, v := range system.Offered(name) {
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
				found = append(found, PackageFindings{Name: name, Installed: installed, Foreign: len(system.Offered(name)) == 0})
			}
			p := &found[place]
			p.Findings = append(p.Findings, Finding{r, verdict})
			if verdict == Fixable && (p.Update == "" || pacmandb.Compare(update, p.Update) > 0) {
				p.Update = update
			}
		}
	}
	for i := range found {
		slices.SortStableFunc(found[i].Findings, worse)
	}
	slices.SortFunc(found, func(a, b PackageFindings) int {
		return cmp.Or(worse(a.Findings[0], b.Findings[0]), cmp.Compare(a.Name, b.Name))
	})
	return found
}

// worse orders findings: those that count first, then the more severe, then the fixable.
func worse(a, b Finding) int {
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
