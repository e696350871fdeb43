package direct

import (
	"context"
	"errors"
	"time"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/shared/aurcheck"
	"github.com/omg-arch/omg/shared/aurlevel"
	"github.com/omg-arch/omg/shared/clock"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/wire"
)

// AURCheck implements backend.Backend. If the journal or the dump is missing, and a package matches a known incident or has a scriptlet
// with findings, the result has only these findings and the reason.
func (b *Backend) AURCheck(ctx context.Context, r *backend.AURCheckRequest) (*backend.AURCheckResult, error) {
	if len(r.Names) == 0 && b.o.LiveSocket != "" {
		if result := b.checkWithDaemon(ctx, r, clock.Now()); result != nil {
			return result, nil
		}
	}
	return withSnapshot(ctx, b, func(s *snapshot.Snapshot) (*backend.AURCheckResult, error) {
		now := clock.Now()
		events, err := b.checkEvents(ctx, s, r, now)
		lists, levels := b.readIncidentLists(now)
		found := aurcheck.AddIncidents(events.found(), lists, s.Inputs().Local.Packages, r.Names, now)
		found, scriptletErr := aurcheck.AddScriptlets(found, s, r.Names)
		found = aurcheck.ApplyLevels(found, levels)
		if err != nil {
			// The next build needs the copies, whether or not there is a journal.
			problems := b.copyNamed(r, now)
			if len(found) == 0 {
				for _, l := range backend.NewIncidentLists(aurcheck.DescribeLists(lists)) {
					if problem := l.ProblemText(); problem != "" {
						b.o.PrintNote(problem)
					}
				}
				return nil, err
			}
			return &backend.AURCheckResult{
				Unavailable: err.Error(), BuildProblems: problems, ScriptletProblem: textOf(scriptletErr),
				IncidentLists: backend.NewIncidentLists(aurcheck.DescribeLists(lists)), Packages: backend.NewCheckedPackages(aurcheck.DescribePackages(found)),
			}, nil
		}
		answer := aurcheck.NewAnswer(events.check, events.result, events.path, &events.reading, found, lists)
		answer.Basis = *events.basis
		result := backend.NewAURCheckResult(answer, now)
		result.Live, result.Missing, result.BuildProblems, result.ScriptletProblem = events.live, events.result.Missing, events.buildProblems, textOf(scriptletErr)
		return result, nil
	})
}

// checkWithDaemon returns the findings that omgd has computed, after it has compared the build files. It returns nil if omgd has none, and
// if findings follow from build files, which omgd does not read.
func (b *Backend) checkWithDaemon(ctx context.Context, r *backend.AURCheckRequest, now time.Time) *backend.AURCheckResult {
	conn := &liveConn{Backend: b}
	defer conn.close()
	found, err := conn.findings(ctx)
	if err != nil {
		return nil
	}
	result := backend.NewAURCheckResult(found, now)
	hasChanges := false
	result.BuildProblems = b.compareBuildFiles(r, found.Bases, "", now, func(_ string, changes []aurlevel.BuildChange) {
		hasChanges = hasChanges || len(changes) > 0
	})
	if hasChanges {
		return nil
	}
	return result
}

// textOf returns the text of an error; empty for nil.
func textOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// checkedEvents is what follows from the journal, the dump and, for named packages, the AUR's replies.
type checkedEvents struct {
	check         *aurcheck.Check
	result        *aurcheck.Result
	path          string // of the journal
	reading       aurcheck.JournalReading
	basis         *wire.Basis
	live          *backend.LiveReading
	buildProblems []string
}

// found returns the packages with findings.
func (e *checkedEvents) found() []aurcheck.CheckedPackage {
	if e == nil {
		return nil
	}
	return e.result.Packages
}

// checkEvents derives findings from the journal, the dump and, for named packages, the AUR's replies.
func (b *Backend) checkEvents(ctx context.Context, s *snapshot.Snapshot, r *backend.AURCheckRequest, now time.Time) (*checkedEvents, error) {
	path, problem, err := b.findJournal()
	if err != nil {
		return nil, withNetworkCode(err)
	}
	c, err := aurcheck.New(s)
	if err != nil {
		return nil, err
	}
	events := &checkedEvents{check: c, path: path}
	if events.basis, err = c.AddPackages(r.Names); err != nil {
		return nil, err
	}
	if len(r.Names) > 0 && !r.Offline {
		conn := &liveConn{Backend: b}
		defer conn.close()
		reading, err := c.AskAUR(ctx, conn.ask)
		if err != nil {
			return nil, err
		}
		events.live = describeLive(reading)
	}
	events.buildProblems = b.addBuildChanges(c, r, now)
	if events.reading, err = aurcheck.ReadJournal(path, b.env.Trusts, c.AddEvents); err != nil {
		return nil, withNetworkCode(err)
	}
	events.reading.AddProblem(problem)
	if err := c.ApplyReplies(); err != nil {
		return nil, err
	}
	events.result = c.Finish(&events.reading, now.Unix())
	return events, nil
}

// withNetworkCode returns err with the exit code for data that omg does not have yet.
func withNetworkCode(err error) error {
	if coded := new(exit.Error); errors.As(err, &coded) {
		return &exit.Error{Code: exit.Network, Err: coded.Err, Hint: coded.Hint}
	}
	return exit.WithCode(exit.Network, err)
}
