package sources

import (
	"cmp"
	"path/filepath"
	"sync"
	"time"

	"github.com/omg-arch/omg/shared/advisories"
	"github.com/omg-arch/omg/shared/clock"
	"github.com/omg-arch/omg/shared/journal"
	"github.com/omg-arch/omg/shared/news"
	"github.com/omg-arch/omg/shared/popularity"
	"github.com/omg-arch/omg/shared/pulled"
	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/sourcefile"
	"github.com/omg-arch/omg/shared/wire"
)

// sharesStaleAfter is the age from which shares of machines are stale. pkgstats has new ones each month.
const sharesStaleAfter = 10 * 7 * 24 * time.Hour

// IsPublished reports whether the manifest has a source of one of the kinds. Nothing else is then asked for this source, also if it could not be
// installed.
func (p *Pulled) IsPublished(kinds ...string) bool { return p.findListed(kinds...) != nil }

// findListed returns the source of one of the kinds that the manifest has, installed or not; nil if there is none.
func (p *Pulled) findListed(kinds ...string) *pulled.Source {
	for i := range p.State.Sources {
		for _, kind := range kinds {
			if s := &p.State.Sources[i]; s.Kind == kind {
				return s
			}
		}
	}
	return nil
}

// describeDocument describes a source without an index; the result is nil if it is not published. The source is also stale if its publisher has not
// confirmed it for longer than staleAfter.
func (p *Pulled) describeDocument(listed *pulled.Source, kind wire.SourceKind, staleAfter time.Duration) *wire.Source {
	if listed == nil {
		return nil
	}
	if listed.Sequence == 0 {
		return &wire.Source{
			Name: listed.Name, Kind: kind, State: wire.SourceMissing, Why: cmp.Or(listed.LastError, wire.NotDownloadedYet), NextRequestAt: p.NextRequestAt,
			Publisher: p.State.Publisher,
		}
	}
	s := p.describe(listed, kind, listed.AsOf)
	if age := clock.Now().Sub(time.Unix(listed.AsOf, 0)); s.State == wire.SourceOK && age > staleAfter+p.StaleAfter {
		s.State, s.Why = wire.SourceStale, "not confirmed by the publisher for "+formatAge(age)
	}
	return &s
}

// Documents reads what is pulled of sources without an index. As long as nothing has changed, it returns the same pointers. Its methods may be called
// concurrently.
type Documents struct {
	// IsTrusted reports whether a user may own the files.
	IsTrusted func(uid uint32) bool

	mu      sync.Mutex
	tracker document[snapshot.TrackerData]
	news    document[snapshot.NewsData]
	shares  document[snapshot.PopularityData]
}

// document is what was read last of a file.
type document[T any] struct {
	stamp  sourcefile.Stamp
	source wire.Source
	latest *T // nil if nothing was read yet
}

// get returns the content of a file, or nil if its source is not published. The function read reads the file; if it fails, the source has failed. The
// function describe gives the content the description of its source, and its time; 0 if the content is unknown.
func (d *document[T]) get(source *wire.Source, path string, read func(path string) (T, error), describe func(content *T, source *wire.Source, at int64)) *T {
	if source == nil {
		return nil
	}
	stamp, _ := sourcefile.StampOfPath(path) // reading the file returns the error
	if d.latest != nil && stamp == d.stamp && *source == d.source {
		return d.latest
	}
	d.stamp, d.source = stamp, *source
	var content T
	described, at := *source, source.AsOf
	if !source.Unavailable() {
		var err error
		if content, err = read(path); err != nil {
			described.State, described.Why, at = wire.SourceFailed, err.Error(), 0
		}
	}
	describe(&content, &described, at)
	d.latest = &content
	return d.latest
}

// Tracker returns the pulled advisories; nil if they are not published.
func (d *Documents) Tracker(p *Pulled, staleAfter time.Duration) *snapshot.TrackerData {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.tracker.get(p.describeDocument(p.findListed(pulled.KindAdvisories), wire.KindTracker, staleAfter), advisories.Path(p.Dir),
		func(path string) (t snapshot.TrackerData, err error) {
			t.Records, t.SkippedCount, err = advisories.ReadPulled(path, d.IsTrusted)
			return t, err
		},
		func(t *snapshot.TrackerData, s *wire.Source, at int64) { t.Pulled, t.RepliedAt, t.AsOf = s, at, at })
}

// News returns the pulled news; nil if they are not published.
func (d *Documents) News(p *Pulled, staleAfter time.Duration) *snapshot.NewsData {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.news.get(p.describeDocument(p.findListed(pulled.KindNews), wire.KindNews, staleAfter), news.Path(p.Dir),
		func(path string) (snapshot.NewsData, error) {
			f, err := news.Read(path, d.IsTrusted)
			if err != nil {
				return snapshot.NewsData{}, err
			}
			return snapshot.NewsData{Items: f.Items}, nil
		},
		func(n *snapshot.NewsData, s *wire.Source, at int64) { n.Pulled, n.RepliedAt = s, at })
}

// Popularity describes the pulled shares of machines, which are in the file at SharesPath; nil if they are not published.
func (d *Documents) Popularity(p *Pulled) *snapshot.PopularityData {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.shares.get(p.describeDocument(p.findListed(pulled.KindShares), wire.KindPopularity, sharesStaleAfter), p.SharesPath(),
		func(path string) (snapshot.PopularityData, error) {
			shares, err := popularity.ReadKept(path, d.IsTrusted)
			if err != nil {
				return snapshot.PopularityData{}, err
			}
			return snapshot.PopularityData{SHA256: shares.SHA256}, nil
		},
		func(n *snapshot.PopularityData, s *wire.Source, at int64) { n.Pulled, n.RepliedAt = s, at })
}

// SharesPath returns the path of the file with the pulled shares of machines.
func (p *Pulled) SharesPath() string { return popularity.Path(p.Dir) }

// Journal returns the path of the journal of the AUR to read: that of what is pulled, or own if no journal is published. It also returns why the journal
// has no new entries; empty if it has.
func (p *Pulled) Journal(own string) (path, problem string) {
	switch s := p.findListed(pulled.KindJournal, pulled.KindJournalWithoutNames); {
	case s != nil && s.LastError != "":
		return filepath.Join(p.Dir, journal.FileName), s.LastError
	case s != nil:
		return filepath.Join(p.Dir, journal.FileName), ""
	case p.IsPublished(string(wire.KindAUR)):
		return own, "the packages of the AUR are pulled, but no journal is published (omg-index publish --source journal)"
	}
	return own, ""
}
