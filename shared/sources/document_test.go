package sources

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/advisories"
	"github.com/omg-arch/omg/shared/news"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/popularity"
	"github.com/omg-arch/omg/shared/pulled"
	"github.com/omg-arch/omg/shared/wire"
)

// writeDocuments writes the files of advisories, news and shares, and adds them to what was pulled.
func writeDocuments(t *testing.T, p *Pulled, asOf int64) {
	t.Helper()
	content, err := advisories.Encode([]advisories.Record{{Name: "AVG-1", Packages: []string{"a"}, AffectedVersion: "1-1", Status: "Fixed"}}, 2)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(advisories.Path(p.Dir), content, 0o644))
	f := news.File{ConfirmedAt: asOf, Items: []wire.NewsItem{{NewsHeadline: wire.NewsHeadline{ID: "1", Title: "a", PublishedAt: 5}}}}
	require.NoError(t, f.Write(news.Path(p.Dir)))
	shares, err := popularity.New(map[string]popularity.Share{"a": 5})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(p.SharesPath(), shares.Reply(), 0o644))
	for _, s := range []struct{ kind, name string }{
		{pulled.KindAdvisories, wire.SourceTracker}, {pulled.KindNews, wire.SourceNews}, {pulled.KindShares, wire.SourcePopularity},
	} {
		p.State.Sources = append(p.State.Sources, pulled.Source{Kind: s.kind, Name: s.name, AsOf: asOf, Sequence: 5})
	}
}

// sourcesOf returns the descriptions of what is pulled; nil for what is not published.
func sourcesOf(d *Documents, p *Pulled) (list []*wire.Source) {
	list = make([]*wire.Source, 3)
	if t := d.Tracker(p, time.Hour); t != nil {
		list[0] = t.Pulled
	}
	if n := d.News(p, time.Hour); n != nil {
		list[1] = n.Pulled
	}
	if s := d.Popularity(p); s != nil {
		list[2] = s.Pulled
	}
	return list
}

func TestDocuments(t *testing.T) {
	p, d := newPulled(t, 100), &Documents{IsTrusted: paths.ProcessEnv().Trusts}
	require.Equal(t, []*wire.Source{nil, nil, nil}, sourcesOf(d, p))
	require.False(t, p.IsPublished(pulled.KindAdvisories))

	asOf := time.Now().Unix()
	writeDocuments(t, p, asOf)
	tracker, items, shares := d.Tracker(p, time.Hour), d.News(p, time.Hour), d.Popularity(p)
	require.Len(t, tracker.Records, 1)
	require.Equal(t, 2, tracker.SkippedCount)
	require.Equal(t, "a", items.Items[0].Title)
	require.NotEmpty(t, shares.SHA256)
	require.Equal(t, []int64{asOf, asOf, asOf}, []int64{tracker.RepliedAt, items.RepliedAt, shares.RepliedAt})
	require.Equal(t, wire.Source{
		Name: wire.SourceTracker, Kind: wire.KindTracker, State: wire.SourceOK, AsOf: asOf, ChangedAt: p.State.ConfirmedAt, NextRequestAt: 9, Publisher: "key",
	}, *tracker.Pulled)
	require.Same(t, tracker, d.Tracker(p, time.Hour), "nothing has changed")
	require.Same(t, items, d.News(p, time.Hour))
	require.Same(t, shares, d.Popularity(p))

	p.State.ConfirmedAt++
	require.Equal(t, p.State.ConfirmedAt, d.Tracker(p, time.Hour).Pulled.ChangedAt)
	require.True(t, p.IsPublished(pulled.KindAdvisories))
}

// TestDocuments_Degraded checks what is known if something is wrong with what was pulled. It is never as if nothing were published.
func TestDocuments_Degraded(t *testing.T) {
	for name, c := range map[string]struct {
		change func(t *testing.T, p *Pulled)
		state  wire.SourceState
		why    string
		known  bool
	}{
		"not installed again": {func(_ *testing.T, p *Pulled) {
			for i := range p.State.Sources {
				p.State.Sources[i].LastError = "another hash"
			}
		}, wire.SourceStale, "another hash", true},
		"never installed": {func(_ *testing.T, p *Pulled) {
			for i := range p.State.Sources {
				p.State.Sources[i].LastError, p.State.Sources[i].Sequence = "another hash", 0
			}
		}, wire.SourceMissing, "another hash", false},
		"no mirror":             {func(_ *testing.T, p *Pulled) { p.State.ConfirmedAt = time.Now().Add(-5 * time.Hour).Unix() }, wire.SourceStale, "not confirmed by a mirror for 5 hours", true},
		"an expired manifest":   {func(_ *testing.T, p *Pulled) { p.State.Expires = 1 }, wire.SourceStale, "the publisher is late", true},
		"files without content": {damage([]byte{}), wire.SourceFailed, "", false},
		"damaged files":         {damage([]byte(`{"x`)), wire.SourceFailed, "", false},
		"too large files":       {damage(make([]byte, 17<<20)), wire.SourceFailed, "more than", false},
		"files of other users":  {func(t *testing.T, p *Pulled) { chmod(t, p, 0o666) }, wire.SourceFailed, "other users can write it", false},
		"no files": {func(t *testing.T, p *Pulled) {
			for _, path := range documentPaths(p) {
				require.NoError(t, os.Remove(path))
			}
		}, wire.SourceFailed, "no such file", false},
	} {
		t.Run(name, func(t *testing.T) {
			p, d := newPulled(t, 100), &Documents{IsTrusted: paths.ProcessEnv().Trusts}
			writeDocuments(t, p, time.Now().Unix())
			require.NotNil(t, d.Tracker(p, time.Hour).Records)
			c.change(t, p)
			for _, s := range sourcesOf(d, p) {
				require.Equal(t, c.state, s.State, s.Name)
				require.Contains(t, s.Why, c.why)
				require.Equal(t, "key", s.Publisher)
			}
			require.Equal(t, c.known, d.Tracker(p, time.Hour).RepliedAt != 0)
			require.Equal(t, c.known, d.News(p, time.Hour).Items != nil)
			require.Equal(t, c.known, d.Popularity(p).SHA256 != "")
			require.True(t, p.IsPublished(pulled.KindNews), "nobody else is asked")
		})
	}
}

func documentPaths(p *Pulled) []string {
	return []string{advisories.Path(p.Dir), news.Path(p.Dir), p.SharesPath()}
}

func damage(content []byte) func(t *testing.T, p *Pulled) {
	return func(t *testing.T, p *Pulled) {
		for _, path := range documentPaths(p) {
			require.NoError(t, os.WriteFile(path, content, 0o644))
		}
	}
}

func chmod(t *testing.T, p *Pulled, mode fs.FileMode) {
	for _, path := range documentPaths(p) {
		require.NoError(t, os.Chmod(path, mode))
	}
}

// TestDocuments_Old checks that data is stale if its publisher has not confirmed it for longer than a machine allows for its own requests and
// for a late mirror.
func TestDocuments_Old(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, d := newPulled(t, 100), &Documents{IsTrusted: paths.ProcessEnv().Trusts}
		writeDocuments(t, p, time.Now().Add(-119*time.Minute).Unix())
		require.Equal(t, wire.SourceOK, d.Tracker(p, time.Hour).Pulled.State)
		for i := range p.State.Sources {
			p.State.Sources[i].AsOf -= 120
		}
		require.Equal(t, wire.SourceStale, d.Tracker(p, time.Hour).Pulled.State)
		require.Equal(t, "not confirmed by the publisher for 2 hours", d.News(p, time.Hour).Pulled.Why)
		require.Equal(t, wire.SourceOK, d.Popularity(p).Pulled.State, "pkgstats has new ones once a month")
	})
}

func TestPulled_Journal(t *testing.T) {
	p := newPulled(t, 100)
	path, problem := p.Journal("own")
	require.Equal(t, "own", path)
	require.Empty(t, problem)
	p.State.Sources = append(p.State.Sources, pulled.Source{Kind: "aur", Name: wire.SourceAUR, Sequence: 5})
	path, problem = p.Journal("own")
	require.Equal(t, "own", path)
	require.Contains(t, problem, "no journal is published")
	for _, kind := range []string{pulled.KindJournal, pulled.KindJournalWithoutNames} {
		p.State.Sources[0] = pulled.Source{Kind: kind, Name: wire.SourceAUR, Sequence: 5}
		path, problem = p.Journal("own")
		require.Equal(t, filepath.Join(p.Dir, "aur.omgjournal"), path)
		require.Empty(t, problem)
		p.State.Sources[0].LastError = errors.ErrUnsupported.Error()
		_, problem = p.Journal("own")
		require.Equal(t, errors.ErrUnsupported.Error(), problem)
	}
}
