package aurcheck

import (
	"github.com/omg-arch/omg/shared/aurlevel"
	"github.com/omg-arch/omg/shared/incidents"
	"github.com/omg-arch/omg/shared/journal"
	"github.com/omg-arch/omg/shared/wire"
)

// NewAnswer returns the result of a check in the form in which omgd sends it. The parameter path is that of the journal. The packages
// with findings are not those of the result, but those in found.
func NewAnswer(c *Check, result *Result, path string, reading *JournalReading, found []CheckedPackage, lists []incidents.State) *wire.AURCheckResult {
	return &wire.AURCheckResult{
		Journal: DescribeReading(path, reading), CheckedCount: uint32(result.CheckedCount), Packages: DescribePackages(found), Bases: c.Bases(),
		DumpDiffers: result.HasOtherDump, Shortened: result.Shortened, NotInAUR: result.NotInAUR, IncidentLists: DescribeLists(lists),
	}
}

// DescribeReading returns how the journal at path was read, in the form in which omgd sends it.
func DescribeReading(path string, r *JournalReading) wire.JournalReading {
	return wire.JournalReading{
		Path: path, ObservedFrom: r.Observed.From, ObservedTo: r.Observed.To, CompleteSince: r.CompleteSince,
		Problem: r.Problem, Incomplete: r.Incomplete, LastRefused: r.LastRefused,
	}
}

// DescribeLists returns lists of incidents in the form in which omgd sends them.
func DescribeLists(lists []incidents.State) []wire.IncidentList {
	described := []wire.IncidentList{}
	for _, l := range lists {
		d := wire.IncidentList{Location: l.Location, Problem: l.Problem}
		if l.List != nil {
			d.Name, d.Sequence, d.Expires, d.Warnings = l.List.Name, l.List.Sequence, l.List.Expires.String(), l.List.Warnings
		}
		described = append(described, d)
	}
	return described
}

// DescribePackages returns packages with findings in the form in which omgd sends them.
func DescribePackages(found []CheckedPackage) []wire.CheckedPackage {
	packages := make([]wire.CheckedPackage, len(found))
	for i := range found {
		p := &found[i]
		packages[i] = wire.CheckedPackage{Name: p.Name, RequiredBy: p.RequiredBy, Base: p.Base, BuiltBase: p.BuiltBase, Installed: p.InstalledVersion}
		if e := p.Evidence; e != nil {
			packages[i].Evidence = &wire.InstallEvidence{BuiltAt: e.BuiltAt, InstalledAt: e.InstalledAt, Packager: e.Packager, Validation: e.Validation}
		}
		for j := range p.Findings {
			packages[i].Findings = append(packages[i].Findings, describeFinding(&p.Findings[j]))
		}
	}
	return packages
}

func describeFinding(f *aurlevel.Finding) wire.AURFinding {
	described := wire.AURFinding{
		Level: f.Level.String(), Reason: string(f.Reason), UpdatedAt: f.UpdatedAt, FlaggedAt: f.FlaggedAt,
		SubmittedAt: f.SubmittedAt, PendingRequests: f.PendingRequests, Dependencies: f.Dependencies,
	}
	if f.LookAlikeOf != nil {
		described.LookAlikeOf = f.LookAlikeOf.Name
	}
	if i := f.Incident; i != nil {
		described.Incident = &wire.AURIncident{
			What: i.Incident.What, Source: i.Incident.Source, List: i.List.Path, First: i.Incident.First.String(), Last: i.Incident.Last.String(),
			Versions: i.Incident.VersionText(), BuiltAt: i.Package.BuildDate, InstalledAt: i.Package.InstallDate,
		}
	}
	for _, fact := range f.Scriptlet {
		described.Scriptlet = append(described.Scriptlet, wire.ScriptletFact{Line: uint32(fact.Line), Function: fact.Function, Subject: fact.Subject, Text: fact.Text})
	}
	if f.Build != nil {
		described.Build = &wire.AURBuildChange{From: f.Build.Copies.From, To: f.Build.Copies.To, Values: f.Build.Values}
	}
	for _, e := range f.Events {
		described.Events = append(described.Events, DescribeEvent(e.Event, e.Source))
	}
	return described
}

// DescribeEvent returns an event of the journal in the form in which omgd sends it.
func DescribeEvent(e journal.Event, source string) wire.AUREvent {
	fields := e.JSON()
	return wire.AUREvent{
		Base: fields.Base, Event: fields.Event, Old: fields.From, New: fields.To, After: e.Between.From, Before: e.Between.To, Source: source,
	}
}
