// Package pkgstats downloads the shares of machines that have packages, as pkgstats publishes them, and keeps the last good reply in a file,
// from which omg-index and omg-direct read the shares.
package pkgstats

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/omg-arch/omg/omgd/internal/schedule"
	"github.com/omg-arch/omg/omgd/internal/store"
	"github.com/omg-arch/omg/shared/fetch"
	"github.com/omg-arch/omg/shared/popularity"
	"github.com/omg-arch/omg/shared/snapshot"
)

const (
	// bucket and recordKey are where this package keeps its record in the store.
	bucket, recordKey = "pkgstats", "reply"
	// query is what is requested of the server: as many packages as it sends in one reply, the most popular first. pkgstats then replies
	// with the shares of the last complete month. The query is the same on every machine.
	query = "/api/packages?limit=10000"
	// interval and maxJitter make about one request a month, each on another day than the last one, so that the requests of all machines
	// spread over the month.
	interval  = 4 * 7 * 24 * time.Hour
	maxJitter = 7 * 24 * time.Hour
	// firstPause is the pause after the first failure. The pause doubles with each further failure.
	firstPause = time.Hour
	// staleAfter is the age from which the shares are stale: two intervals.
	staleAfter = 2 * (interval + maxJitter)
)

// Getter downloads into a file. fetch.Client implements it.
type Getter interface {
	File(ctx context.Context, r fetch.Request, path string, check func(path string) error) (fetch.Response, error)
}

// Config configures a Downloader.
type Config struct {
	// URL is the address of pkgstats.
	URL string
	// Path is the path of the file in which the last good reply is kept.
	Path string
	// IsTrusted reports whether a user may own the file.
	IsTrusted func(uid uint32) bool
	Client    Getter
	Store     store.ValueStore
	Log       *slog.Logger
	// OnRequestDone is called after each request, when the next request is planned.
	OnRequestDone func()
}

// Downloader downloads the shares.
type Downloader struct {
	Config
	// Demands lets users demand the next request.
	Demands *schedule.Demands

	loadOnce sync.Once
	latest   atomic.Pointer[snapshot.PopularityData]
	record   record // set by load; after that, only the goroutine of Run uses it
}

// record is the record about the kept reply in the store.
type record struct {
	URL          string `msgpack:"url"`
	ETag         string `msgpack:"etag"`
	LastModified string `msgpack:"last_modified"`
	// ConfirmedAt is when the server last confirmed the shares, and NextRequestAt when the next request is sent, in Unix seconds.
	ConfirmedAt   int64 `msgpack:"good"`
	NextRequestAt int64 `msgpack:"next"`
}

// New returns a Downloader. The kept reply is read at the first use.
func New(c Config) *Downloader { return &Downloader{Config: c, Demands: schedule.NewDemands()} }

// Forget removes the kept reply, and the record about it. It is called if the shares are disabled, so that no program uses old ones, and so
// that they are requested at once when they are enabled again.
func Forget(path string, s store.ValueStore, log *slog.Logger) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		log.Warn("old shares of machines not removed", "err", err)
	}
	if r, _, _ := store.Load[record](s, bucket, recordKey); r != (record{}) {
		store.Save(s, log, bucket, recordKey, &record{}, time.Now())
	}
}

// load reads the record and the kept reply. A reply of another server than the configured one is removed.
func (d *Downloader) load() {
	d.record, _, _ = store.Load[record](d.Store, bucket, recordKey)
	if d.record.URL != d.URL {
		if d.record.URL != "" {
			Forget(d.Path, d.Store, d.Log)
		}
		d.record = record{URL: d.URL}
	}
	data := &snapshot.PopularityData{RepliedAt: d.record.ConfirmedAt, StaleAfter: staleAfter}
	switch shares, err := popularity.ReadKept(d.Path, d.IsTrusted); {
	case err == nil:
		data.SHA256 = shares.SHA256
	default:
		d.record = record{URL: d.URL, NextRequestAt: d.record.NextRequestAt}
		data.RepliedAt = 0
		if !errors.Is(err, fs.ErrNotExist) {
			data.LastError = err.Error()
			d.Log.Warn("cannot read the kept shares of machines", "err", err)
		}
	}
	d.latest.Store(data)
}

// Latest describes the latest shares. The returned value never changes.
func (d *Downloader) Latest() *snapshot.PopularityData {
	d.loadOnce.Do(d.load)
	return d.latest.Load()
}

// Run requests the shares about once a month until ctx ends. The time of the next request is kept, so that a restart sends none. If the kept
// reply has been lost, the next request is sent within firstPause.
func (d *Downloader) Run(ctx context.Context) {
	last := d.Latest()
	s := schedule.Schedule{
		Interval: interval, MaxJitter: maxJitter, FirstRetry: firstPause, Demands: d.Demands, LastSuccess: d.record.ConfirmedAt,
		OnPlanned: func(next time.Time) {
			d.record.NextRequestAt = next.Unix()
			store.Save(d.Store, d.Log, bucket, recordKey, &d.record, time.Now())
			d.setNextRequest(next)
			d.OnRequestDone()
		},
	}
	first := s.TimeUntil(d.record.NextRequestAt)
	if last.SHA256 == "" {
		first = min(first, firstPause)
	}
	d.setNextRequest(time.Now().Add(first))
	s.Run(ctx, first, d.update)
}

// setNextRequest records when the next request will be sent.
func (d *Downloader) setNextRequest(at time.Time) {
	now := *d.latest.Load()
	now.NextRequestAt = at.Unix()
	d.latest.Store(&now)
}

// update requests the shares. The last good reply stays in use if there is no new one.
func (d *Downloader) update(ctx context.Context) error {
	next := *d.Latest()
	reply, err := d.Client.File(ctx, fetch.Request{
		URL: d.URL + query, ETag: d.record.ETag, LastModified: d.record.LastModified, MaxBytes: popularity.MaxBytes,
	}, d.Path, func(path string) error {
		shares, err := popularity.Read(ctx, path)
		if err != nil {
			return withoutPath(err)
		}
		next.SHA256 = shares.SHA256
		d.Log.Info("new shares of machines", "packages", shares.Len())
		return nil
	})
	if ctx.Err() != nil {
		return err
	}
	if err != nil {
		last := *d.latest.Load()
		last.LastError = fetch.ErrorText("pkgstats", err)
		d.latest.Store(&last)
		d.Log.Warn("shares of machines not downloaded", "url", d.URL, "err", err)
		return err
	}
	if !reply.NotModified {
		d.record.ETag, d.record.LastModified = reply.ETag, reply.LastModified
	}
	d.record.ConfirmedAt = time.Now().Unix()
	next.RepliedAt, next.LastError = d.record.ConfirmedAt, ""
	d.latest.Store(&next)
	return nil
}

// withoutPath removes the path of the temporary file from an error about the content of a reply.
func withoutPath(err error) error {
	if wrong := new(fs.PathError); errors.As(err, &wrong) {
		return wrong.Err
	}
	return err
}
