package direct

import (
	"context"
	"errors"
	"time"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/shared/aurcheck"
	"github.com/omg-arch/omg/shared/aurlevel"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/snapshot"
)

// AURCheck implements backend.Backend. If the journal or the dump is missing, and a package matches a known incident or has a scriptlet
// with findings, the result has only these findings and the reason.
func (b *Backend) AURCheck(ctx context.Context, r *backend.AURCheckRequest) (*backend.AURCheckResult, error) {
	return withSnapshot(ctx, b, func(s *snapshot.Snapshot) (*backend.AURCheckResult, error) {
		now := time.Now()
		result, found, err := b.checkEvents(ctx, s, r, now)
		lists, levels := b.readIncidentLists(now)
		found = aurcheck.AddIncidents(found, lists, s.Inputs().Local.Packages, r.Names, now)
		found, scriptletErr := aurcheck.AddScriptlets(found, s, r.Names)
		found = aurcheck.ApplyLevels(found, levels)
		if err != nil {
			// The next build needs the copies, whether or not there is a journal.
			problems := b.copyNamed(r, now)
			if len(found) == 0 {
				for _, l := range describeLists(lists) {
					if problem := l.ProblemText(); problem != "" {
						b.o.PrintNote(problem)
					}
				}
				return nil, err
			}
			result = &backend.AURCheckResult{Unavailable: err.Error(), BuildProblems: problems}
		}
		if scriptletErr != nil {
			result.ScriptletProblem = scriptletErr.Error()
		}
		result.IncidentLists, result.Packages = describeLists(lists), describePackages(found)
		return result, nil
	})
}

// checkEvents returns the packages with findings that follow from the journal, the dump and, for named packages, the AUR's replies. The
// result does not have them yet.
func (b *Backend) checkEvents(ctx context.Context, s *snapshot.Snapshot, r *backend.AURCheckRequest, now time.Time) (*backend.AURCheckResult, []aurcheck.CheckedPackage, error) {
	path, err := b.findJournal()
	if err != nil {
		return nil, nil, withNetworkCode(err)
	}
	c, err := aurcheck.New(s)
	if err != nil {
		return nil, nil, err
	}
	basis, err := c.AddPackages(r.Names)
	if err != nil {
		return nil, nil, err
	}
	var live *backend.LiveReading
	if len(r.Names) > 0 && !r.Offline {
		conn := &liveConn{Backend: b}
		defer conn.close()
		reading, err := c.AskAUR(ctx, conn.ask)
		if err != nil {
			return nil, nil, err
		}
		live = describeLive(reading)
	}
	problems := b.addBuildChanges(c, r, now)
	reading, err := aurcheck.ReadJournal(path, b.env.Trusts, c.AddEvents)
	if err != nil {
		return nil, nil, withNetworkCode(err)
	}
	if err := c.ApplyReplies(); err != nil {
		return nil, nil, err
	}
	found := c.Finish(&reading, now.Unix())
	return &backend.AURCheckResult{
		Basis: *basis, JournalReading: describeReading(path, &reading), Live: live,
		EventsSince: time.Unix(now.Unix()-aurlevel.MaxEventAge, 0), CheckedCount: found.CheckedCount,
		DumpDiffers: found.HasOtherDump, Shortened: found.Shortened, NotInAUR: found.NotInAUR, Missing: found.Missing,
		BuildProblems: problems,
	}, found.Packages, nil
}

// withNetworkCode returns err with the exit code for data that omg does not have yet.
func withNetworkCode(err error) error {
	if coded := new(exit.Error); errors.As(err, &coded) {
		return &exit.Error{Code: exit.Network, Err: coded.Err, Hint: coded.Hint}
	}
	return exit.WithCode(exit.Network, err)
}

// describePackages returns packages with their findings in the form in which the backend returns them.
func describePackages(found []aurcheck.CheckedPackage) []backend.CheckedPackage {
	packages := make([]backend.CheckedPackage, len(found))
	for i := range found {
		packages[i] = describeFindings(&found[i])
	}
	return packages
}

// describeFindings returns a package with its findings in the form in which the backend returns them.
func describeFindings(p *aurcheck.CheckedPackage) backend.CheckedPackage {
	checked := backend.CheckedPackage{
		Name: p.Name, RequiredBy: p.RequiredBy, Base: p.Base, BuiltBase: p.BuiltBase, Installed: p.InstalledVersion, Level: p.Findings[0].Level.String(),
	}
	if e := p.Evidence; e != nil {
		checked.Evidence = &backend.InstallEvidence{
			Built: timeOrNil(e.BuiltAt), InstalledAt: timeOrNil(e.InstalledAt), Packager: e.Packager, Validation: append([]string{}, e.Validation...),
		}
	}
	for _, f := range p.Findings {
		described := backend.AURFinding{
			Level: f.Level.String(), Reason: string(f.Reason), Events: []backend.AUREvent{},
			Updated: timeOrNil(f.UpdatedAt), Flagged: timeOrNil(f.FlaggedAt),
			Submitted: timeOrNil(f.SubmittedAt), PendingRequests: f.PendingRequests, Dependencies: f.Dependencies,
			Incident: describeIncident(f.Incident),
		}
		if f.LookAlikeOf != nil {
			described.LookAlikeOf = f.LookAlikeOf.Name
		}
		for _, fact := range f.Scriptlet {
			described.Scriptlet = append(described.Scriptlet, backend.ScriptletFact{Line: fact.Line, Function: fact.Function, Subject: fact.Subject, Text: fact.Text})
		}
		if f.Build != nil {
			described.Build = &backend.AURBuildChange{Copies: backend.NewInterval(f.Build.Copies.From, f.Build.Copies.To), Values: f.Build.Values}
		}
		for _, e := range f.Events {
			described.Events = append(described.Events, *convertEvent(e.Event, e.Source))
		}
		checked.Findings = append(checked.Findings, described)
	}
	return checked
}

// timeOrNil returns a time in Unix seconds, or nil if it is 0.
func timeOrNil(unix int64) *time.Time {
	if unix == 0 {
		return nil
	}
	at := time.Unix(unix, 0).UTC()
	return &at
}
