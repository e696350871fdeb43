package snapshot

import (
	"fmt"
	"slices"
	"time"

	"github.com/omg-arch/omg/shared/advisories"
	"github.com/omg-arch/omg/shared/clock"
	"github.com/omg-arch/omg/shared/wire"
)

// source returns the description of the tracker for a reply at the time now.
func (t *TrackerData) source(now time.Time) wire.Source {
	if t.Pulled != nil {
		return *t.Pulled
	}
	s := wire.Source{Name: wire.SourceTracker, Kind: wire.KindTracker, AsOf: t.AsOf, ChangedAt: t.RepliedAt, Why: t.LastError, NextRequestAt: t.NextRequestAt}
	setDownloadState(&s, t.StaleAfter, now)
	return s
}

// setDownloadState sets the state of a source whose server last replied at ChangedAt. The field Why holds the error of the last request.
func setDownloadState(s *wire.Source, staleAfter time.Duration, now time.Time) {
	s.State = wire.SourceOK
	age := now.Sub(time.Unix(s.ChangedAt, 0))
	switch {
	case s.ChangedAt == 0:
		s.State = wire.SourceMissing
		if s.Why == "" {
			s.Why = wire.NotDownloadedYet
		}
	case staleAfter > 0 && age > staleAfter:
		s.State = wire.SourceStale
		if s.Why == "" {
			s.Why = fmt.Sprintf("not downloaded for %d hours", age/time.Hour)
		}
	}
}

// hasReplied reports whether the tracker has ever replied, so that its advisories are known.
func (t *TrackerData) hasReplied() bool { return t.RepliedAt != 0 }

// installedAdvisories holds the advisories for the installed packages.
type installedAdvisories struct {
	*TrackerData
	packages       []advisories.PackageFindings
	counts         wire.SecurityCounts
	linesByPackage map[string][]string // maps a package's name to the lines about advisories in the package's details
}

// source returns the description of the tracker for a reply at the present time, because the tracker may become stale
// between two snapshots.
func (s *installedAdvisories) source() wire.Source { return s.TrackerData.source(clock.Now()) }

// assessSecurity determines which advisories apply to the installed packages. It returns nil if the tracker is disabled.
func (s *Snapshot) assessSecurity() (*installedAdvisories, error) {
	if s.inputs.Tracker == nil {
		return nil, nil
	}
	out := &installedAdvisories{TrackerData: s.inputs.Tracker, linesByPackage: map[string][]string{}}
	if !out.hasReplied() || s.installedSet == nil {
		return out, nil
	}
	view := &snapshotPackageVersions{s: s}
	out.packages = advisories.Assess(out.Records, view)
	for i := range out.packages {
		p := &out.packages[i]
		if !hasAnyIndex(s.comparedRepos) {
			p.Foreign = false // without repositories, it is unknown whether a package is foreign
		}
		for _, f := range p.Findings {
			out.countFinding(f)
		}
		out.linesByPackage[p.Name] = advisoryLines(p.Findings)
	}
	return out, view.err
}

// advisoryLines returns lines about advisories for the details of a package, such as "AVG-1 (High, fixable)".
func advisoryLines(findings []advisories.Finding) []string {
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

func (s *installedAdvisories) countFinding(f advisories.Finding) {
	c := &s.counts
	switch f.Verdict {
	case advisories.VerdictFixable:
		c.Fixable++
	case advisories.VerdictInTesting:
		c.InTesting++
	case advisories.VerdictAffected:
		c.Affected++
	default:
		c.Unconfirmed++
	}
	if !f.Verdict.IsVulnerable() {
		return
	}
	c.Vulnerabilities++
	switch f.Severity {
	case advisories.SeverityCritical:
		c.Critical++
	case advisories.SeverityHigh:
		c.High++
	case advisories.SeverityMedium:
		c.Medium++
	case advisories.SeverityLow:
		c.Low++
	default:
		c.Unknown++
	}
}

// snapshotPackageVersions implements advisories.VersionLookup: it returns the installed version of a package, and its versions in the repositories.
type snapshotPackageVersions struct {
	s   *Snapshot
	err error
}

func (o *snapshotPackageVersions) Installed(name string) (string, bool) {
	v, ok := o.s.installedSet.versions[name]
	return v, ok
}

func (o *snapshotPackageVersions) OfferedVersions(name string) (versions []string) {
	err := eachRepoVersion(o.s.comparedFileSet, name, func(_, version string) { versions = append(versions, version) })
	if o.err == nil {
		o.err = err
	}
	return versions
}

// VulnerablePackageMatches is the result of a SecurityRequest.
type VulnerablePackageMatches struct {
	wire.Basis
	Packages []*advisories.PackageFindings
	// NotInstalled lists the requested names that are not installed.
	NotInstalled []string
	// SkippedCount is the number of the tracker's advisories that could not be read.
	SkippedCount int
}

// Security returns the advisories for the installed packages that a SecurityRequest requests.
func (s *Snapshot) Security(r *wire.SecurityRequest) (*VulnerablePackageMatches, error) {
	if s.installedSet == nil {
		return nil, s.installedUnknownError()
	}
	security, err := s.security()
	if err != nil {
		return nil, err
	}
	if security == nil {
		return nil, wire.Errorf(wire.CodeNetwork, "no data of the security tracker: it is disabled (tracker.enabled)")
	}
	tracker := security.source()
	if !security.hasReplied() {
		return nil, wire.Errorf(wire.CodeNetwork, "no data of the security tracker: %s", tracker.Why)
	}
	if len(r.Packages) > maxLookupNames {
		return nil, invalidErrorf("%d names in one request: at most %d are allowed", len(r.Packages), maxLookupNames)
	}
	found := &VulnerablePackageMatches{Basis: s.comparedBasis(), SkippedCount: security.SkippedCount}
	found.Sources = append([]wire.Source{tracker}, found.Sources...)
	wanted := make(map[string]bool, len(r.Packages))
	for _, name := range r.Packages {
		if _, ok := s.installedSet.versions[name]; !ok && !wanted[name] {
			found.NotInstalled = append(found.NotInstalled, name)
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

// advisoriesFixedByUpdate returns the names of the advisories for a package that an update resolves. The function fixed reports whether the
// update is at least the version in which an advisory is fixed. The result severity is the highest severity of these advisories; empty if
// there is none.
func (s *installedAdvisories) advisoriesFixedByUpdate(name string, fixed func(in string) bool) (list []string, severity string) {
	i := slices.IndexFunc(s.packages, func(p advisories.PackageFindings) bool { return p.Name == name })
	if i < 0 {
		return nil, ""
	}
	highest := advisories.SeverityUnknown
	for _, f := range s.packages[i].Findings {
		if f.FixedIn != "" && fixed(f.FixedIn) {
			list, highest = append(list, f.Name), max(highest, f.Severity)
		}
	}
	if list != nil {
		severity = highest.String()
	}
	return list, severity
}

// ConvertVulnerable converts a package with advisories into the type that replies contain. The result contains only the given
// findings, which may be a part of the package's findings.
func ConvertVulnerable(p *advisories.PackageFindings, findings []advisories.Finding) *wire.VulnerablePackage {
	out := &wire.VulnerablePackage{
		Name: p.Name, Installed: p.InstalledVersion, Update: p.UpdateVersion, Foreign: p.Foreign,
		Severity: p.Findings[0].Severity.String(), Verdict: string(p.Findings[0].Verdict),
		Advisories: make([]wire.Advisory, len(findings)),
	}
	for i, f := range findings {
		out.Advisories[i] = wire.Advisory{
			Name: f.Name, Severity: f.Severity.String(), Verdict: string(f.Verdict), Counted: f.Verdict.IsVulnerable(),
			Status: string(f.Status), Type: f.Type, AffectedVersion: f.AffectedVersion, FixedVersion: f.FixedIn, Issues: f.Issues, Ticket: f.Ticket, AnnouncementIDs: f.Advisories,
		}
	}
	return out
}
