package snapshot

import (
	"fmt"
	"slices"
	"time"

	"github.com/omg-arch/omg/shared/advisories"
	"github.com/omg-arch/omg/shared/wire"
)

// source returns the description of the tracker for a reply at the time now.
func (t *TrackerData) source(now time.Time) wire.Source {
	s := wire.Source{Name: wire.SourceTracker, Kind: wire.KindTracker, State: wire.SourceOK, AsOf: t.AsOf, Changed: t.At, Why: t.Why}
	age := now.Sub(time.Unix(t.At, 0))
	switch {
	case t.At == 0:
		s.State = wire.SourceMissing
		if s.Why == "" {
			s.Why = "not downloaded yet"
		}
	case t.StaleAfter > 0 && age > t.StaleAfter:
		s.State = wire.SourceStale
		if s.Why == "" {
			s.Why = fmt.Sprintf("not downloaded for %d hours", age/time.Hour)
		}
	}
	return s
}

// loaded reports whether the tracker has ever replied, so that its advisories are known.
func (t *TrackerData) loaded() bool { return t.At != 0 }

// security holds the advisories for the installed packages.
type security struct {
	*TrackerData
	packages []advisories.PackageFindings
	counts   wire.SecurityCounts
	words    map[string][]string // maps a package's name to the lines about advisories in the package's details
}

// source returns the description of the tracker for a reply at the present time, because the tracker may become stale
// between two snapshots.
func (s *security) source() wire.Source { return s.TrackerData.source(time.Now()) }

// assess determines which advisories apply to the installed packages. It returns nil if the tracker is disabled.
func (s *Snapshot) assess() (*security, error) {
	if s.in.Tracker == nil {
		return nil, nil
	}
	out := &security{TrackerData: s.in.Tracker, words: map[string][]string{}}
	if !out.loaded() || s.system == nil {
		return out, nil
	}
	view := &offers{s: s}
	out.packages = advisories.Assess(out.Records, view)
	for i := range out.packages {
		p := &out.packages[i]
		if !answers(s.compared) {
			p.Foreign = false // without repositories, it is unknown whether a package is foreign
		}
		for _, f := range p.Findings {
			out.count(f)
		}
		out.words[p.Name] = words(p.Findings)
	}
	return out, view.err
}

// words returns lines about advisories for the details of a package, such as "AVG-1 (High, fixable)".
func words(findings []advisories.Finding) []string {
	const maxLines = 50
	var lines []string
	for i, f := range findings {
		if i == maxLines {
			return append(lines, fmt.Sprintf("and %d more", len(findings)-maxLines))
		}
		lines = append(lines, fmt.Sprintf("%s (%s, %s)", f.Name, f.Severity, f.Verdict))
	}
	return lines
}

func (s *security) count(f advisories.Finding) {
	c := &s.counts
	switch f.Verdict {
	case advisories.Fixable:
		c.Fixable++
	case advisories.InTesting:
		c.InTesting++
	case advisories.Affected:
		c.Affected++
	default:
		c.Unconfirmed++
	}
	if !f.Verdict.Counts() {
		return
	}
	c.Vulnerabilities++
	switch f.Severity {
	case advisories.Critical:
		c.Critical++
	case advisories.High:
		c.High++
	case advisories.Medium:
		c.Medium++
	case advisories.Low:
		c.Low++
	default:
		c.Unknown++
	}
}

// offers implements advisories.System: it returns the installed version of a package, and its versions in the repositories.
type offers struct {
	s   *Snapshot
	err error
}

func (o *offers) Installed(name string) (string, bool) {
	v, ok := o.s.system.versions[name]
	return v, ok
}

func (o *offers) OfferedVersions(name string) (versions []string) {
	err := eachInRepos(o.s.comparedSet, name, func(_, version string) { versions = append(versions, version) })
	if o.err == nil {
		o.err = err
	}
	return versions
}

// Assessment is the result of a SecurityRequest.
type Assessment struct {
	wire.Basis
	Packages []*advisories.PackageFindings
	// Missing lists the requested names that are not installed.
	Missing []string
	// Skipped is the number of the tracker's advisories that could not be read.
	Skipped int
}

// Security returns the advisories for the installed packages that a SecurityRequest requests.
func (s *Snapshot) Security(r *wire.SecurityRequest) (*Assessment, error) {
	if s.system == nil {
		return nil, s.unknown()
	}
	security, err := s.security()
	if err != nil {
		return nil, err
	}
	if security == nil {
		return nil, wire.Errorf(wire.CodeNetwork, "no data of the security tracker: it is disabled (tracker.enabled)")
	}
	tracker := security.source()
	if !security.loaded() {
		return nil, wire.Errorf(wire.CodeNetwork, "no data of the security tracker: %s", tracker.Why)
	}
	if len(r.Packages) > maxNames {
		return nil, invalid("%d names in one request: at most %d are allowed", len(r.Packages), maxNames)
	}
	found := &Assessment{Basis: s.comparedBasis(), Skipped: security.Skipped}
	found.Sources = append([]wire.Source{tracker}, found.Sources...)
	wanted := make(map[string]bool, len(r.Packages))
	for _, name := range r.Packages {
		if _, ok := s.system.versions[name]; !ok && !wanted[name] {
			found.Missing = append(found.Missing, name)
		}
		wanted[name] = true
	}
	for i := range security.packages {
		if p := &security.packages[i]; len(wanted) == 0 || wanted[p.Name] {
			found.Packages = append(found.Packages, p)
		}
	}
	return found, nil
}

// fixes returns the names of the advisories for a package that an update resolves. The function fixed reports whether the
// update is at least the version in which an advisory is fixed.
func (s *security) fixes(name string, fixed func(in string) bool) []string {
	i := slices.IndexFunc(s.packages, func(p advisories.PackageFindings) bool { return p.Name == name })
	if i < 0 {
		return nil
	}
	var list []string
	for _, f := range s.packages[i].Findings {
		if f.FixedIn != "" && fixed(f.FixedIn) {
			list = append(list, f.Name)
		}
	}
	return list
}

// Vulnerable converts a package with advisories into the type that replies contain. The result contains only the given
// findings, which may be a part of the package's findings.
func Vulnerable(p *advisories.PackageFindings, findings []advisories.Finding) *wire.VulnerablePackage {
	out := &wire.VulnerablePackage{
		Name: p.Name, Installed: p.Installed, Update: p.Update, Foreign: p.Foreign,
		Severity: p.Findings[0].Severity.String(), Verdict: string(p.Findings[0].Verdict),
		Advisories: make([]wire.Advisory, len(findings)),
	}
	for i, f := range findings {
		out.Advisories[i] = wire.Advisory{
			Name: f.Name, Severity: f.Severity.String(), Verdict: string(f.Verdict), Counted: f.Verdict.Counts(),
			Status: string(f.Status), Type: f.Type, Affected: f.Affected, Fixed: f.FixedIn, Issues: f.Issues, Ticket: f.Ticket, Announced: f.Advisories,
		}
	}
	return out
}
