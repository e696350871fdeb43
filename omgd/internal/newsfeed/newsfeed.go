// Package newsfeed downloads Arch's news, and keeps the last good reply in a file, which omg-direct reads.
package newsfeed

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/omg-arch/omg/omgd/internal/schedule"
	"github.com/omg-arch/omg/shared/fetch"
	"github.com/omg-arch/omg/shared/news"
	"github.com/omg-arch/omg/shared/snapshot"
)

const (
	// firstPause is the pause after the first failure. The pause doubles with each further failure.
	firstPause = time.Minute
	// maxFeedBytes is the maximum size of the feed. It usually has about 50 kB.
	maxFeedBytes = 512 << 10
)

// Getter downloads. fetch.Client implements it.
type Getter interface {
	Get(ctx context.Context, r fetch.Request, w io.Writer) (fetch.Response, error)
}

// Config configures a Downloader.
type Config struct {
	// URL is the address of the feed.
	URL      string
	Interval time.Duration
	// StaleAfter is the age from which the news are stale.
	StaleAfter time.Duration
	// Path is the path of the file in which the news are kept.
	Path string
	// IsTrusted reports whether a user may own the file.
	IsTrusted func(uid uint32) bool
	Client    Getter
	Log       *slog.Logger
	// OnRequestDone is called after each request, when the next request is planned.
	OnRequestDone func()
}

// Downloader downloads the news, and keeps the latest.
type Downloader struct {
	Config
	// Demands lets users demand the next request.
	Demands *schedule.Demands

	loadOnce  sync.Once
	latest    atomic.Pointer[snapshot.NewsData]
	lastReply news.File // set by loadStored; after that, only the goroutine of Run uses it
}

// New returns a Downloader. The news in the file are loaded at the first use.
func New(c Config) *Downloader { return &Downloader{Config: c, Demands: schedule.NewDemands()} }

// Remove removes the file with the news. It is called if the news are disabled, so that no program shows old ones.
func Remove(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// loadStored reads the news in the file.
func (d *Downloader) loadStored() {
	switch f, err := news.Read(d.Path, d.IsTrusted); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		d.Log.Warn("cannot read stored news", "err", err)
	case f.URL != d.URL:
		d.Log.Info("stored news of another feed ignored", "url", f.URL)
	default:
		d.lastReply = *f
	}
	d.latest.Store(d.newData())
}

// newData returns the news of the last valid reply.
func (d *Downloader) newData() *snapshot.NewsData {
	return &snapshot.NewsData{Items: d.lastReply.Items, RepliedAt: d.lastReply.ConfirmedAt, StaleAfter: d.StaleAfter}
}

// Latest returns the latest news. The returned value never changes.
func (d *Downloader) Latest() *snapshot.NewsData {
	d.loadOnce.Do(d.loadStored)
	return d.latest.Load()
}

// Run requests the news once an interval until ctx ends. If the stored reply is younger than an interval, Run first waits until it is
// that old.
func (d *Downloader) Run(ctx context.Context) {
	d.loadOnce.Do(d.loadStored)
	s := schedule.Schedule{
		Interval: d.Interval, FirstRetry: min(firstPause, d.Interval), Demands: d.Demands, LastSuccess: d.lastReply.ConfirmedAt,
		OnPlanned: func(next time.Time) {
			d.setNextRequest(next)
			d.OnRequestDone()
		},
	}
	first := s.TimeUntilDue()
	d.setNextRequest(time.Now().Add(first))
	s.Run(ctx, first, d.update)
}

// setNextRequest records when the next request will be sent.
func (d *Downloader) setNextRequest(at time.Time) {
	now := *d.latest.Load()
	now.NextRequestAt = at.Unix()
	d.latest.Store(&now)
}

// update requests the news. The last good reply stays in use if there is no new one.
func (d *Downloader) update(ctx context.Context) error {
	last := *d.Latest()
	var body bytes.Buffer
	reply, err := d.Client.Get(ctx, fetch.Request{
		URL: d.URL, ETag: d.lastReply.ETag, LastModified: d.lastReply.LastModified, MaxBytes: maxFeedBytes,
	}, &body)
	if ctx.Err() != nil {
		return err
	}
	now := time.Now()
	if err == nil && !reply.NotModified {
		next := news.File{URL: d.URL, ETag: reply.ETag, LastModified: reply.LastModified}
		if next.Items, err = parseFeed(body.Bytes(), d.URL, d.lastReply.Items, now); err == nil {
			d.lastReply = next
			d.Log.Info("new version of the news", "items", len(next.Items))
		}
	}
	if err != nil {
		last.LastError = fetch.ErrorText("the server of Arch's news", err)
		if errors.Is(err, errNotFeed) {
			last.LastError = err.Error()
		}
		d.Log.Warn("news not downloaded", "url", d.URL, "err", err)
		d.latest.Store(&last)
		return err
	}
	d.lastReply.ConfirmedAt = now.Unix()
	data := d.newData()
	data.NextRequestAt = last.NextRequestAt
	d.latest.Store(data)
	if err := d.lastReply.Write(d.Path); err != nil {
		d.Log.Warn("news not saved", "err", err)
	}
	return nil
}
