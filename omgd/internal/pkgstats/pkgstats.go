// Package pkgstats downloads the shares of machines that have packages, as pkgstats publishes them, and keeps the last good reply in a file,
// from which omg-index and omg-direct read the shares.
package pkgstats

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"github.com/omg-arch/omg/omgd/internal/document"
	"github.com/omg-arch/omg/omgd/internal/store"
	"github.com/omg-arch/omg/shared/fetch"
	"github.com/omg-arch/omg/shared/popularity"
	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/upstream"
)

const (
	// bucket and recordKey are where this package keeps its record in the store.
	bucket, recordKey = "pkgstats", "reply"
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
	*document.Downloader[snapshot.PopularityData]
	Config
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
func New(c Config) *Downloader {
	d := &Downloader{Config: c}
	d.Downloader = document.New(document.Config{
		Interval: interval, MaxJitter: maxJitter, FirstRetry: firstPause, Name: "shares of machines", URL: c.URL, Log: c.Log,
		ErrorText: func(err error) string { return fetch.ErrorText("pkgstats", err) },
		OnRequestDone: func() {
			d.Save(&d.Kept) // with the time of the next request
			c.OnRequestDone()
		},
	}, d)
	return d
}

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

// Load implements document.Content. A reply of another server than the configured one is removed.
func (d *Downloader) Load() (document.Kept, *snapshot.PopularityData) {
	r, _, _ := store.Load[record](d.Store, bucket, recordKey)
	if r.URL != d.URL {
		if r.URL != "" {
			Forget(d.Path, d.Store, d.Log)
		}
		r = record{}
	}
	kept := document.Kept{ETag: r.ETag, LastModified: r.LastModified, ConfirmedAt: r.ConfirmedAt, NextRequestAt: r.NextRequestAt}
	data := &snapshot.PopularityData{RepliedAt: r.ConfirmedAt, StaleAfter: staleAfter}
	switch shares, err := popularity.ReadKept(d.Path, d.IsTrusted); {
	case err == nil:
		data.SHA256 = shares.SHA256
	default:
		kept = document.Kept{NextRequestAt: r.NextRequestAt}
		data.RepliedAt = 0
		if !errors.Is(err, fs.ErrNotExist) {
			data.LastError = err.Error()
			d.Log.Warn("cannot read the kept shares of machines", "err", err)
		}
	}
	return kept, data
}

// Fields implements document.Content.
func (d *Downloader) Fields(p *snapshot.PopularityData) document.Fields {
	return document.Fields{RepliedAt: &p.RepliedAt, NextRequestAt: &p.NextRequestAt, LastError: &p.LastError}
}

// Request implements document.Content.
func (d *Downloader) Request(ctx context.Context, kept *document.Kept) (*snapshot.PopularityData, error) {
	next := &snapshot.PopularityData{StaleAfter: staleAfter}
	reply, err := d.Client.File(ctx, kept.Condition(upstream.Shares(d.URL)), d.Path, func(path string) error {
		shares, err := popularity.Read(ctx, path)
		if err != nil {
			return withoutPath(err)
		}
		next.SHA256 = shares.SHA256
		d.Log.Info("new shares of machines", "packages", shares.Len())
		return nil
	})
	if err != nil || reply.NotModified {
		return nil, err
	}
	kept.ETag, kept.LastModified = reply.ETag, reply.LastModified
	return next, nil
}

// Save implements document.Content.
func (d *Downloader) Save(kept *document.Kept) {
	store.Save(d.Store, d.Log, bucket, recordKey, &record{
		URL: d.URL, ETag: kept.ETag, LastModified: kept.LastModified, ConfirmedAt: kept.ConfirmedAt, NextRequestAt: kept.NextRequestAt,
	}, time.Now())
}

// withoutPath removes the path of the temporary file from an error about the content of a reply.
func withoutPath(err error) error {
	if wrong := new(fs.PathError); errors.As(err, &wrong) {
		return wrong.Err
	}
	return err
}
