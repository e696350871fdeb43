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
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/omg-arch/omg/omgd/internal/schedule"
	"github.com/omg-arch/omg/omgd/internal/store"
	"github.com/omg-arch/omg/shared/advisories"
	"github.com/omg-arch/omg/shared/fetch"
	"github.com/omg-arch/omg/shared/snapshot"
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
	Config
	// Demands lets users demand the next request.
	Demands *schedule.Demands

	loadOnce  sync.Once
	latest    atomic.Pointer[snapshot.TrackerData]
	lastReply savedReply // set by loadStored; after that, only the goroutine of Run uses it
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
func New(c Config) *Downloader { return &Downloader{Config: c, Demands: schedule.NewDemands()} }

// loadStored reads the advisories in the store. New does not read them, because that would delay the daemon's first
// reply.
func (t *Downloader) loadStored() {
	current := snapshot.TrackerData{StaleAfter: t.StaleAfter}
	if s, _, ok := store.Load[savedReply](t.Store, bucket, key); ok {
		switch records, skipped, err := s.records(); {
		case err != nil:
			t.Log.Warn("cannot read stored advisories", "err", err)
		case s.URL != t.URL:
			t.Log.Info("stored advisories of another tracker ignored", "url", s.URL)
		default:
			t.lastReply = s
			current = t.newTrackerData(records, skipped)
		}
	}
	t.latest.Store(&current)
}

// records returns the advisories in the reply. Stored data is checked like data from the network.
func (s *savedReply) records() (records []advisories.Record, skipped int, err error) {
	z, err := gzip.NewReader(bytes.NewReader(s.Body))
	if err != nil {
		return nil, 0, err
	}
	return advisories.Read(z)
}

// Latest returns the latest advisories. The returned value never changes.
func (t *Downloader) Latest() *snapshot.TrackerData {
	t.loadOnce.Do(t.loadStored)
	return t.latest.Load()
}

// Run requests the advisories once an interval until ctx ends. If the stored reply is younger than an
// interval, Run first waits until it is that old.
func (t *Downloader) Run(ctx context.Context) {
	t.loadOnce.Do(t.loadStored)
	s := schedule.Schedule{
		Interval: t.Interval, FirstRetry: min(firstPause, t.Interval), Demands: t.Demands, LastSuccess: t.lastReply.ConfirmedAt,
		OnPlanned: func(next time.Time) {
			t.setNextRequest(next)
			t.OnRequestDone()
		},
	}
	first := s.TimeUntilDue()
	t.setNextRequest(time.Now().Add(first))
	s.Run(ctx, first, t.update)
}

// setNextRequest records when the next request will be sent.
func (t *Downloader) setNextRequest(at time.Time) {
	now := *t.latest.Load()
	now.NextRequestAt = at.Unix()
	t.latest.Store(&now)
}

func (t *Downloader) update(ctx context.Context) error {
	now := *t.Latest()
	var body bytes.Buffer
	a, err := t.Client.Get(ctx, fetch.Request{
		URL:  strings.TrimRight(t.URL, "/") + "/all.json",
		ETag: t.lastReply.ETag, LastModified: t.lastReply.LastModified, MaxBytes: advisories.MaxBytes,
	}, &body)
	if ctx.Err() != nil {
		return err
	}
	switch {
	case err != nil:
	case a.NotModified:
		t.lastReply.ConfirmedAt = time.Now().Unix()
		now.RepliedAt, now.LastError = t.lastReply.ConfirmedAt, ""
		t.save()
	default:
		var records []advisories.Record
		var skipped int
		if records, skipped, err = advisories.Read(bytes.NewReader(body.Bytes())); err == nil {
			t.lastReply = savedReply{URL: t.URL, ETag: a.ETag, LastModified: a.LastModified, ConfirmedAt: time.Now().Unix(), Body: gzipCompress(body.Bytes())}
			now = t.newTrackerData(records, skipped)
			t.save()
			t.Log.Info("new security advisories", "records", len(records), "skipped", skipped)
		}
	}
	if err != nil {
		now.LastError = fetch.ErrorText("the security tracker", err)
		t.Log.Warn("security advisories not downloaded", "url", t.URL, "err", err)
	}
	t.latest.Store(&now)
	return err
}

// newTrackerData returns TrackerData with these advisories and the times of the last reply.
func (t *Downloader) newTrackerData(records []advisories.Record, skipped int) snapshot.TrackerData {
	current := snapshot.TrackerData{Records: records, SkippedCount: skipped, RepliedAt: t.lastReply.ConfirmedAt, StaleAfter: t.StaleAfter}
	if at, err := http.ParseTime(t.lastReply.LastModified); err == nil {
		current.AsOf = at.Unix()
	}
	return current
}

// save stores the last valid reply.
func (t *Downloader) save() {
	store.Save(t.Store, t.Log, bucket, key, &t.lastReply, time.Unix(t.lastReply.ConfirmedAt, 0))
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
