// Package tracker keeps the advisories of Arch's security tracker. It downloads them regularly, stores them
// for the next start, and records their age.
package tracker

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/omg-arch/omg/omgd/internal/document"
	"github.com/omg-arch/omg/omgd/internal/store"
	"github.com/omg-arch/omg/shared/advisories"
	"github.com/omg-arch/omg/shared/fetch"
	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/upstream"
)

// The bucket and the key of the last valid reply in the store.
const (
	bucket = "tracker"
	key    = "all.json"
)

// firstPause is the pause after the first failure. The pause doubles with each further failure.
const firstPause = time.Minute

// Getter downloads. fetch.Client implements it.
type Getter interface {
	Get(ctx context.Context, r fetch.Request, w io.Writer) (fetch.Response, error)
}

// Config configures a Downloader.
type Config struct {
	// URL is the address of the tracker, without the name of the file.
	URL      string
	Interval time.Duration
	// StaleAfter is the age from which the advisories are stale.
	StaleAfter time.Duration
	Client     Getter
	Store      store.ValueStore
	Log        *slog.Logger
	// OnRequestDone is called after each request to the tracker, when the next request is planned.
	OnRequestDone func()
}

// Downloader downloads the tracker's advisories, and keeps the latest advisories.
type Downloader struct {
	*document.Downloader[snapshot.TrackerData]
	Config
	body []byte // the last valid reply, compressed with gzip
}

// savedReply is the last valid reply of the tracker.
type savedReply struct {
	// URL is the address of the tracker. The reply is only used for a tracker with this address.
	URL          string `msgpack:"url"`
	ETag         string `msgpack:"etag"`
	LastModified string `msgpack:"last_modified"`
	// ConfirmedAt is when the tracker last confirmed the reply, in Unix seconds.
	ConfirmedAt int64  `msgpack:"at"`
	Body        []byte `msgpack:"body"` // the reply, compressed with gzip
}

// New returns a Downloader. The advisories in the store are loaded at the first use.
func New(c Config) *Downloader {
	t := &Downloader{Config: c}
	t.Downloader = document.New(document.Config{
		Interval: c.Interval, FirstRetry: firstPause, Name: "security advisories", URL: c.URL, Log: c.Log, OnRequestDone: c.OnRequestDone,
		ErrorText: func(err error) string { return fetch.ErrorText("the security tracker", err) },
	}, t)
	return t
}

// Load implements document.Content.
func (t *Downloader) Load() (document.Kept, *snapshot.TrackerData) {
	var kept document.Kept
	if s, _, ok := store.Load[savedReply](t.Store, bucket, key); ok {
		switch records, skipped, err := s.records(); {
		case err != nil:
			t.Log.Warn("cannot read stored advisories", "err", err)
		case s.URL != t.URL:
			t.Log.Info("stored advisories of another tracker ignored", "url", s.URL)
		default:
			t.body = s.Body
			kept = document.Kept{ETag: s.ETag, LastModified: s.LastModified, ConfirmedAt: s.ConfirmedAt}
			return kept, t.newTrackerData(records, skipped, &kept)
		}
	}
	return kept, &snapshot.TrackerData{StaleAfter: t.StaleAfter}
}

// records returns the advisories in the reply. Stored data is checked like data from the network.
func (s *savedReply) records() (records []advisories.Record, skipped int, err error) {
	z, err := gzip.NewReader(bytes.NewReader(s.Body))
	if err != nil {
		return nil, 0, err
	}
	return advisories.Read(z)
}

// Fields implements document.Content.
func (t *Downloader) Fields(d *snapshot.TrackerData) document.Fields {
	return document.Fields{RepliedAt: &d.RepliedAt, NextRequestAt: &d.NextRequestAt, LastError: &d.LastError}
}

// Request implements document.Content.
func (t *Downloader) Request(ctx context.Context, kept *document.Kept) (*snapshot.TrackerData, error) {
	var body bytes.Buffer
	a, err := t.Client.Get(ctx, kept.Condition(upstream.Advisories(t.URL)), &body)
	if err != nil || a.NotModified {
		return nil, err
	}
	records, skipped, err := advisories.Read(bytes.NewReader(body.Bytes()))
	if err != nil {
		return nil, err
	}
	t.body = gzipCompress(body.Bytes())
	kept.ETag, kept.LastModified = a.ETag, a.LastModified
	t.Log.Info("new security advisories", "records", len(records), "skipped", skipped)
	return t.newTrackerData(records, skipped, kept), nil
}

// newTrackerData returns TrackerData with these advisories and the times of the last reply.
func (t *Downloader) newTrackerData(records []advisories.Record, skipped int, kept *document.Kept) *snapshot.TrackerData {
	current := &snapshot.TrackerData{Records: records, SkippedCount: skipped, RepliedAt: kept.ConfirmedAt, StaleAfter: t.StaleAfter}
	if at, err := http.ParseTime(kept.LastModified); err == nil {
		current.AsOf = at.Unix()
	}
	return current
}

// Save implements document.Content.
func (t *Downloader) Save(kept *document.Kept) {
	reply := &savedReply{URL: t.URL, ETag: kept.ETag, LastModified: kept.LastModified, ConfirmedAt: kept.ConfirmedAt, Body: t.body}
	store.Save(t.Store, t.Log, bucket, key, reply, time.Unix(kept.ConfirmedAt, 0))
}

func gzipCompress(body []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := io.Copy(z, bytes.NewReader(body))
	if err = errors.Join(err, z.Close()); err != nil {
		return nil // cannot happen: a bytes.Buffer does not fail
	}
	return b.Bytes()
}
