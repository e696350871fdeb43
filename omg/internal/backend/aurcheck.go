package backend

import (
	"time"

	"github.com/omg-arch/omg/shared/wire"
)

// NewAURCheckResult returns the findings that omgd has sent.
func NewAURCheckResult(r *wire.AURCheckResult, now time.Time) *AURCheckResult {
	return &AURCheckResult{
		Basis: r.Basis, JournalReading: NewJournalReading(&r.Journal), EventsSince: now.Add(-wire.MaxEventAge).Truncate(time.Second),
		CheckedCount: int(r.CheckedCount), Packages: NewCheckedPackages(r.Packages), DumpDiffers: r.DumpDiffers, Shortened: r.Shortened,
		NotInAUR: r.NotInAUR, IncidentLists: NewIncidentLists(r.IncidentLists),
	}
}

// NewJournalReading returns how a journal was read.
func NewJournalReading(r *wire.JournalReading) JournalReading {
	reading := JournalReading{Path: r.Path, Problem: r.Problem, Incomplete: r.Incomplete, LastRefused: r.LastRefused}
	if r.ObservedTo != 0 {
		interval := NewInterval(r.ObservedFrom, r.ObservedTo)
		since := time.Unix(r.CompleteSince, 0).UTC()
		reading.Observed, reading.CompleteSince = &interval, &since
	}
	return reading
}

// NewIncidentLists returns lists of incidents.
func NewIncidentLists(lists []wire.IncidentList) []IncidentList {
	all := []IncidentList{}
	for _, l := range lists {
		all = append(all, IncidentList(l))
	}
	return all
}

// NewCheckedPackages returns packages with findings.
func NewCheckedPackages(found []wire.CheckedPackage) []CheckedPackage {
	packages := make([]CheckedPackage, len(found))
	for i := range found {
		p := &found[i]
		packages[i] = CheckedPackage{Name: p.Name, RequiredBy: p.RequiredBy, Base: p.Base, BuiltBase: p.BuiltBase, Installed: p.Installed}
		if e := p.Evidence; e != nil {
			packages[i].Evidence = &InstallEvidence{
				Built: NewTime(e.BuiltAt), InstalledAt: NewTime(e.InstalledAt), Packager: e.Packager, Validation: append([]string{}, e.Validation...),
			}
		}
		for j := range p.Findings {
			packages[i].Findings = append(packages[i].Findings, newAURFinding(&p.Findings[j]))
		}
		if len(p.Findings) > 0 {
			packages[i].Level = p.Findings[0].Level
		}
	}
	return packages
}

func newAURFinding(f *wire.AURFinding) AURFinding {
	finding := AURFinding{
		Level: f.Level, Reason: f.Reason, Events: []AUREvent{}, Updated: NewTime(f.UpdatedAt), Flagged: NewTime(f.FlaggedAt),
		Submitted: NewTime(f.SubmittedAt), PendingRequests: f.PendingRequests, Dependencies: f.Dependencies, LookAlikeOf: f.LookAlikeOf,
	}
	if i := f.Incident; i != nil {
		finding.Incident = &AURIncident{
			What: i.What, Source: i.Source, List: i.List, First: i.First, Last: i.Last, Versions: i.Versions,
			Built: NewTime(i.BuiltAt), InstalledAt: NewTime(i.InstalledAt),
		}
	}
	for _, fact := range f.Scriptlet {
		finding.Scriptlet = append(finding.Scriptlet, ScriptletFact{Line: int(fact.Line), Function: fact.Function, Subject: fact.Subject, Text: fact.Text})
	}
	if f.Build != nil {
		finding.Build = &AURBuildChange{Copies: NewInterval(f.Build.From, f.Build.To), Values: f.Build.Values}
	}
	for i := range f.Events {
		finding.Events = append(finding.Events, NewAUREvent(&f.Events[i]))
	}
	return finding
}

// NewAUREvent returns an event of the journal.
func NewAUREvent(e *wire.AUREvent) AUREvent {
	return AUREvent{Base: e.Base, Event: e.Event, From: e.Old, To: e.New, Between: NewInterval(e.After, e.Before), Source: e.Source}
}

// NewTime returns a time in Unix seconds, or nil if it is 0.
func NewTime(unix int64) *time.Time {
	if unix == 0 {
		return nil
	}
	at := time.Unix(unix, 0).UTC()
	return &at
}
