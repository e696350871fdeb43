package refresh

import (
	"maps"
	"slices"
	"time"

	"github.com/omg-arch/omg/omgd/internal/state"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/wire"
)

// publish builds a snapshot of the inputs and makes it the current snapshot. If the inputs are the same as
// those of the current snapshot, the current snapshot stays and only gets a new time.
func (r *Refresher) publish(in *snapshot.Inputs, files []*state.MappedIndex) error {
	in.LibalpmResult = r.libAlpmComparison.libalpmCorrection(in)
	if in.Local.FailureReason != "" && r.lastInputs != nil {
		in.CheckedAt = r.lastInputs.CheckedAt // this refresh could not check the local database
	} else if in.Local.FailureReason != "" {
		in.CheckedAt = time.Time{}
	}
	if r.lastInputs != nil && sameInputs(r.lastInputs, in) {
		r.setCheckTime(in)
	} else if err := r.replace(in, files); err != nil {
		r.CheckIndexes()
		return err
	}
	r.lastFailure.Store(nil)
	if r.config.OnSuccess != nil {
		r.config.OnSuccess()
	}
	return nil
}

// setCheckTime gives the current snapshot the time of a refresh that has found no changes.
func (r *Refresher) setCheckTime(in *snapshot.Inputs) {
	current, release, err := r.config.SnapshotHolder.Acquire()
	if err != nil {
		return
	}
	defer release()
	r.lastInputs.Local.Packages = in.Local.Packages // the same packages, but the field RecentlyChanged of their stamp may have become false
	r.lastInputs.CheckedAt = in.CheckedAt
	r.config.SnapshotHolder.Swap(state.New(current.WithCheckTime(in.CheckedAt), current.Indexes()))
	if r.libAlpmComparison.lastComparisonFailed.Load() {
		r.libAlpmComparison.request()
	}
}

// replace builds a new snapshot and makes it the current one.
func (r *Refresher) replace(in *snapshot.Inputs, files []*state.MappedIndex) error {
	in.Generation = r.generation + 1
	s := snapshot.Build(*in)
	if err := s.ComputeAll(); err != nil {
		return err
	}
	r.generation++
	r.config.SnapshotHolder.Swap(state.New(s, files))
	r.lastInputs = in
	r.libAlpmComparison.request()
	r.config.Log.Info("new snapshot", "generation", r.generation, "packages", s.PackageCount(), "complete", s.IsComplete())
	return nil
}

// sameInputs reports whether the snapshots of the inputs a and b would give the same answers.
func sameInputs(a, b *snapshot.Inputs) bool {
	return a.DBPath == b.DBPath && sameIgnoreSettings(a.PacmanConfig, b.PacmanConfig) && sameLocal(&a.Local, &b.Local) &&
		slices.EqualFunc(a.Repositories, b.Repositories, sameSource) &&
		slices.EqualFunc(a.Files, b.Files, sameFileList) &&
		slices.EqualFunc(a.DownloadedRepositories, b.DownloadedRepositories, sameSource) && a.SearchDownloaded == b.SearchDownloaded &&
		(a.AUR == nil) == (b.AUR == nil) && (a.AUR == nil || sameSource(*a.AUR, *b.AUR)) &&
		a.AURReplies == b.AURReplies && a.AURFindings == b.AURFindings && a.Tracker == b.Tracker &&
		a.News == b.News && a.Popularity == b.Popularity && a.UpgradedAt == b.UpgradedAt && a.LibalpmResult == b.LibalpmResult &&
		slices.Equal(a.Runtimes, b.Runtimes) && maps.Equal(a.SystemRuntimes, b.SystemRuntimes) &&
		slices.Equal(a.Problems, b.Problems) && samePulled(a.Pulled, b.Pulled)
}

func samePulled(a, b *wire.PulledStatus) bool {
	return (a == nil) == (b == nil) && (a == nil || *a == *b)
}

func sameSource(a, b snapshot.IndexedSource) bool {
	return a.Source == b.Source && a.Index == b.Index && a.Usage == b.Usage && a.Building == b.Building
}

func sameFileList(a, b snapshot.FilesSource) bool {
	return a.Source == b.Source && a.List == b.List && a.Building == b.Building
}

func sameLocal(a, b *snapshot.LocalInput) bool {
	return a.FailureReason == b.FailureReason && a.UnreadablePackages == b.UnreadablePackages &&
		(a.Packages == b.Packages || a.Packages != nil && b.Packages != nil && a.Packages.SamePackages(b.Packages))
}

// sameIgnoreSettings reports whether two configurations ignore the same packages.
func sameIgnoreSettings(a, b *pacmandb.Config) bool {
	return slices.Equal(a.IgnorePkg, b.IgnorePkg) && slices.Equal(a.IgnoreGroup, b.IgnoreGroup)
}
