package refresh

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/omg-arch/omg/omgd/internal/alpm"
	"github.com/omg-arch/omg/omgd/internal/alpmproto"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/wire"
)

// libalpmConfirmation has the state and the results of the comparison of the snapshot with libalpm.
type libalpmConfirmation struct {
	comparisonRequested  chan struct{}                     // has a value if a snapshot waits to be compared
	lastComparisonFailed atomic.Bool                       // the last comparison failed
	problem              atomic.Pointer[wire.Problem]      // the problem to report in the status; nil if there is none
	libAlpmVersion       atomic.Pointer[string]            // the version of libalpm that omg-alpm-worker has last reported
	difference           atomic.Pointer[libalpmDifference] // libalpm's results, if they differ from omg's
}

// libalpmDifference has libalpm's results, and the inputs of the snapshot that was compared with them.
type libalpmDifference struct {
	libAlpmResult *snapshot.LibalpmResult
	inputs        *snapshot.Inputs
}

// appliesTo reports whether libalpm's results are for the same databases as these inputs.
func (d *libalpmDifference) appliesTo(in *snapshot.Inputs) bool {
	inputs := d.inputs
	return in.Local.Packages != nil && in.Local.Packages.SamePackages(inputs.Local.Packages) && sameIgnoreSettings(in.PacmanConfig, inputs.PacmanConfig) &&
		slices.EqualFunc(in.Repositories, inputs.Repositories, func(a, b snapshot.IndexedSource) bool {
			return a.Name == b.Name && a.Index == b.Index && a.Usage == b.Usage
		})
}

// libalpmCorrection returns libalpm's results for these inputs. It returns nil if the results do not differ from
// omg's, or if libalpm has not read these databases yet.
func (c *libalpmConfirmation) libalpmCorrection(in *snapshot.Inputs) *snapshot.LibalpmResult {
	if d := c.difference.Load(); d != nil && d.appliesTo(in) {
		return d.libAlpmResult
	}
	return nil
}

// request requests that the current snapshot is compared with the data of libalpm, and does not wait for the comparison.
func (c *libalpmConfirmation) request() {
	select {
	case c.comparisonRequested <- struct{}{}:
	default:
	}
}

// runConfirmation compares each new snapshot with libalpm until ctx ends. It runs beside the refreshes; while a
// comparison runs, omg's own results are used. A snapshot that is replaced before its comparison begins is
// skipped. After a failure, the next refresh requests another comparison.
func (r *Refresher) runConfirmation(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.libAlpmComparison.comparisonRequested:
		}
		st, release, err := r.config.SnapshotHolder.Acquire()
		if err != nil {
			continue
		}
		in := st.Inputs()
		if in.Local.Packages != nil && in.Local.FailureReason == "" && !st.HasBuildingIndex() && slices.ContainsFunc(in.Repositories, func(s snapshot.IndexedSource) bool { return s.Index != nil }) {
			r.compareWithLibAlpm(ctx, st.Snapshot)
		}
		release()
		if ctx.Err() != nil {
			return
		}
	}
}

// compareWithLibAlpm compares a snapshot with libalpm. If the results differ, libalpm's results are used, but only if
// omg could read all databases: libalpm silently reads a damaged database as one with fewer packages.
func (r *Refresher) compareWithLibAlpm(ctx context.Context, s *snapshot.Snapshot) {
	problem, correction, err := r.libAlpmComparison.compare(ctx, r.config.Alpm, s)
	switch {
	case ctx.Err() != nil:
		return
	case err != nil:
		r.config.Log.Info("comparison with libalpm failed", "err", err)
	case problem != nil:
		r.config.Log.Warn("libalpm reads the databases differently", "differences", problem.Why)
	}
	previous := r.libAlpmComparison.problem.Swap(problem)
	// The text may differ after each comparison, and each refresh requests a comparison after one that failed.
	sameProblem := previous == nil && problem == nil || previous != nil && problem != nil && previous.State == problem.State
	var next *libalpmDifference
	if correction != nil {
		next = &libalpmDifference{correction, s.Inputs()}
	}
	before := r.libAlpmComparison.difference.Load()
	unchanged := next == nil && before == nil || next != nil && before != nil && before.appliesTo(s.Inputs()) &&
		before.libAlpmResult.AllRepositoriesRead == correction.AllRepositoriesRead && slices.Equal(before.libAlpmResult.Packages, correction.Packages)
	if !unchanged {
		r.libAlpmComparison.difference.Store(next)
	}
	if !unchanged || !sameProblem {
		r.Kick() // otherwise, the status would have the old problem until the next refresh
	}
}

func (c *libalpmConfirmation) compare(ctx context.Context, worker *alpm.Worker, s *snapshot.Snapshot) (*wire.Problem, *snapshot.LibalpmResult, error) {
	config, facts := s.ComparisonFacts()
	libalpm, err := worker.Facts(ctx, alpm.Databases{
		Path: s.Inputs().DBPath, Repos: config.Repos, IgnorePkg: config.IgnorePkg, IgnoreGroup: config.IgnoreGroup,
	})
	c.lastComparisonFailed.Store(err != nil)
	if err != nil {
		return &wire.Problem{Name: "libalpm", State: "missing", Why: err.Error()}, nil, err
	}
	c.libAlpmVersion.Store(&libalpm.LibAlpm)
	databases := make([]alpmproto.Database, len(config.Repos))
	for i, repo := range config.Repos {
		n, _ := s.RepoPackageCount(repo.Name)
		databases[i] = alpmproto.Database{Name: repo.Name, PackageCount: n}
	}
	differ := alpm.CompareFacts(libalpm, alpm.OwnFacts(s.Inputs().Local.Packages, config, facts, databases))
	if len(differ) == 0 {
		return nil, nil, nil
	}
	problem := &wire.Problem{Name: "libalpm", State: "differs", Why: strings.Join(differ[:min(len(differ), 3)], "; ")}
	if !s.IsComplete() {
		problem.Why += "; omg's own results are used, because omg could not read all of the databases"
		return problem, nil, nil
	}
	problem.Why += "; libalpm's results are used"
	return problem, libalpmResultOf(libalpm), nil
}

// needByRequirement converts the values of alpmproto.NeedLevel to values of snapshot.NeedLevel.
var needByRequirement = [...]snapshot.NeedLevel{
	alpmproto.NotRequired:        snapshot.NeedNone,
	alpmproto.OptionallyRequired: snapshot.NeedOptional,
	alpmproto.StrictlyRequired:   snapshot.NeedRequired,
}

func libalpmResultOf(f *alpm.ReaderFacts) *snapshot.LibalpmResult {
	c := &snapshot.LibalpmResult{AllRepositoriesRead: true, Packages: make([]snapshot.LibalpmPackage, len(f.Installed))}
	for _, d := range f.Databases {
		c.AllRepositoriesRead = c.AllRepositoriesRead && d.Err == ""
	}
	for i, p := range f.Installed {
		c.Packages[i] = snapshot.LibalpmPackage{
			Name: p.Name, Version: p.Version, InstallReason: pacmandb.Reason(p.Reason), NeedLevel: needByRequirement[p.NeedLevel],
			Repo: p.Repo, OfferedVersion: p.Offered, VersionOrder: p.VersionOrder, Ignored: p.Ignored,
		}
	}
	return c
}

// LibAlpmVersion returns the version of libalpm in its last reply, empty if there was no reply.
func (r *Refresher) LibAlpmVersion() string {
	if v := r.libAlpmComparison.libAlpmVersion.Load(); v != nil {
		return *v
	}
	return ""
}
