package aur

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/omg-arch/omg/omgd/internal/schedule"
	"github.com/omg-arch/omg/omgd/internal/store"
	"github.com/omg-arch/omg/shared/atomicfile"
	"github.com/omg-arch/omg/shared/config"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/upstream"
	"github.com/omg-arch/omg/shared/wire"
)

const (
	keyDump = "dump"
	// dumpRetryPause is the pause after the first failed download.
	dumpRetryPause = 10 * time.Minute
	// A dump is stale when it is older than the interval plus 1/staleGraceDivisor of the interval, because each
	// request comes a little later than one interval after the last request.
	staleGraceDivisor = 4
)

// dumpRecord is the record about the dump in the store.
type dumpRecord struct {
	// Source is the setting aur.source at the last download; empty means the dump.
	Source string `msgpack:"source,omitempty"`
	// ETag and LastModified are those of the dump. For the git archive they are the commit and its time.
	ETag         string `msgpack:"etag"`
	LastModified string `msgpack:"last_modified"`
	// ConfirmedAt is the time at which the AUR last confirmed the dump. NextRequestAt is the time of the next request. Both
	// are in Unix seconds.
	ConfirmedAt   int64 `msgpack:"good"`
	NextRequestAt int64 `msgpack:"next"`
	// Why is the reason why the last request failed; empty if it succeeded.
	Why string `msgpack:"why"`
}

// Source returns the AUR as a source, with the state of the dump.
func (a *AUR) Source() wire.Source {
	d := a.dumpState.Load()
	s := wire.Source{Name: wire.SourceAUR, Kind: wire.KindAUR, State: wire.SourceOK, ChangedAt: d.ConfirmedAt, NextRequestAt: d.NextRequestAt}
	if d.Source == config.AURArchive {
		s.Form = wire.FormArchive
	}
	if at, err := http.ParseTime(d.LastModified); err == nil {
		s.AsOf = at.Unix()
	}
	if _, err := os.Stat(a.IndexPath); err != nil {
		return wire.Source{
			Name: wire.SourceAUR, Kind: wire.KindAUR, State: wire.SourceMissing, Why: cmp.Or(d.Why, wire.NotDownloadedYet), NextRequestAt: d.NextRequestAt,
		}
	}
	maxAge := max(a.StaleAfter, time.Duration(a.Interval)+time.Duration(a.Interval)/staleGraceDivisor)
	switch age := time.Since(time.Unix(d.ConfirmedAt, 0)); {
	case d.ConfirmedAt == 0, age < -wire.MaxClockDifference: // the clock was or is wrong
		s.State, s.Why = wire.SourceStale, "the age of the dump is unknown"
	case age > maxAge:
		s.State, s.Why = wire.SourceStale, ageText(age)
	}
	if s.State == wire.SourceStale && d.Why != "" {
		s.Why += ": " + d.Why
	}
	return s
}

func (a *AUR) loadDump() {
	d, _, _ := store.Load[dumpRecord](a.Store, storeBucket, keyDump)
	if _, err := os.Stat(a.DumpPath); err != nil && !a.isOtherSource(&d) {
		d.ETag, d.LastModified = "", ""
	}
	if a.isOtherSource(&d) {
		d.NextRequestAt = 0 // it is that of the other source
	}
	a.dumpState.Store(&d)
}

// isOtherSource reports whether the last download was from another source than the one that is set now. Its index and its times are used until the first
// download from the new source.
func (a *AUR) isOtherSource(d *dumpRecord) bool {
	return d.ConfirmedAt > 0 && (d.Source == config.AURArchive) != a.usesArchive()
}

func (a *AUR) saveDump(d dumpRecord) {
	a.dumpState.Store(&d)
	store.Save(a.Store, a.Log, storeBucket, keyDump, &d, time.Now())
}

// runDumpRefresh requests the dump once an interval. The interval begins at the last request, even if omgd was
// restarted since then.
func (a *AUR) runDumpRefresh(ctx context.Context) {
	atomicfile.RemoveLeftovers(a.DumpPath)
	a.rebuild(ctx)
	a.recordChanges(ctx)
	var d dumpRecord
	s := schedule.Schedule{
		Interval: time.Duration(a.Interval), FirstRetry: min(dumpRetryPause, time.Duration(a.Interval)),
		Demands: a.DumpDemands, LastSuccess: a.dumpState.Load().ConfirmedAt,
		OnPlanned: func(next time.Time) {
			d.NextRequestAt = next.Unix()
			a.saveDump(d)
			a.OnChange()
		},
	}
	s.Run(ctx, s.TimeUntil(a.dumpState.Load().NextRequestAt), func(ctx context.Context) (err error) {
		if a.IsReplaced != nil {
			if replaced, err := a.IsReplaced(); replaced || err != nil {
				d = *a.dumpState.Load()
				return err
			}
		}
		d, err = a.refreshDump(ctx)
		a.rebuild(ctx)
		a.recordChanges(ctx)
		return err
	})
}

// rebuild builds an index from the last dump if there is no index, or none that this version of omgd can
// read.
func (a *AUR) rebuild(ctx context.Context) {
	if _, err := os.Stat(a.DumpPath); err != nil {
		return
	}
	_, _, err := describeIndex(a.IndexPath)
	if err == nil {
		return
	}
	if !errors.Is(err, fs.ErrNotExist) {
		a.Log.Warn("AUR index not readable", "err", err)
	}
	if err := a.build(ctx, a.DumpPath, ""); err != nil {
		a.Log.Warn("AUR index not built", "err", err)
		return
	}
	a.OnChange()
}

// refreshDump downloads the dump if it has changed. The new dump replaces the old dump only after an index
// was built from the new one.
func (a *AUR) refreshDump(ctx context.Context) (dumpRecord, error) {
	d := *a.dumpState.Load()
	next := d
	if _, err := os.Stat(a.DumpPath); err != nil || a.isOtherSource(&d) {
		next.ETag, next.LastModified = "", ""
	}
	bytes, err := a.download(ctx, &next)
	now := time.Now()
	if err != nil {
		d.Why = ErrorText(err)
		a.Log.Warn("AUR dump not downloaded", "source", a.AUR.Source, "err", err)
		return d, err
	}
	if bytes > 0 {
		a.Log.Info("AUR dump downloaded", "source", a.AUR.Source, "bytes", bytes)
	}
	next.Source, next.ConfirmedAt, next.Why = a.AUR.Source, now.Unix(), ""
	if a.OtherDumpPath != "" {
		_ = os.Remove(a.OtherDumpPath) // of the source that was set before
	}
	return next, nil
}

// download downloads the dump or the git archive if it has changed since the record d, and changes d. It returns the size of what it downloaded.
func (a *AUR) download(ctx context.Context, d *dumpRecord) (bytes int64, err error) {
	if a.usesArchive() {
		return a.downloadArchive(ctx, d)
	}
	r := upstream.Dump(a.base)
	r.ETag, r.LastModified = d.ETag, d.LastModified
	got, err := (&upstream.DumpDownload{
		Client: a.Fetch, Request: r, Path: a.DumpPath,
		Check:        func(path string) error { return a.build(ctx, path, "") },
		OnNoChecksum: func(status int) { a.Log.Info("AUR dump without a checksum", "status", status) },
	}).Run(ctx)
	if err == nil && !got.NotModified {
		d.ETag, d.LastModified = got.ETag, got.LastModified
	}
	return got.Bytes, err
}

// build builds an index from a dump, or from a pack, which must have the given commit. The new index replaces the old one, unless it has less
// than half as many packages as the old one: a dump with so few packages is a fault of the AUR.
func (a *AUR) build(ctx context.Context, dump, commit string) error {
	next := a.IndexPath + ".new"
	defer os.Remove(next)
	if err := a.Build(ctx, dump, next); err != nil {
		// Remove the name of the temporary file from the error, because it tells users nothing.
		return fmt.Errorf("%w: %s", upstream.ErrDumpRejected, strings.TrimPrefix(err.Error(), "read "+dump+": "))
	}
	packages, got, err := describeIndex(next)
	switch {
	case err != nil:
		return err
	case commit != "" && got != commit:
		return fmt.Errorf("%w: the commit %.40q was sent instead of %s", upstream.ErrDumpRejected, got, commit)
	}
	before, _, err := describeIndex(a.IndexPath)
	if packages == 0 || err == nil && packages < before/2 {
		return fmt.Errorf("%w: %d packages, the last dump had %d", upstream.ErrDumpRejected, packages, before)
	}
	return os.Rename(next, a.IndexPath)
}

// describeIndex returns the number of packages in an index of the AUR, and the commit of the git archive that they come from.
func describeIndex(path string) (packages uint32, commit string, err error) {
	f, err := pkgindex.Open(path, nil)
	if err != nil {
		return 0, "", err
	}
	defer f.Close()
	source, _ := f.IndexInfo().FindSource(pkgindex.KindAUR, wire.SourceAUR)
	return f.DocCount(), source.Commit, nil
}
