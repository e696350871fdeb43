// Package tracker keeps what Arch's security tracker says: asked now and then,
// remembered across restarts, and known to be old when it cannot be asked.
package tracker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/vmihailenco/msgpack/v5"

	"github.com/omg-arch/omg/omgd/internal/fetch"
	"github.com/omg-arch/omg/shared/advisories"
	"github.com/omg-arch/omg/shared/answers"
	"github.com/omg-arch/omg/shared/wire"
)

// Where the last good answer stands in the store.
const (
	bucket = "tracker"
	key    = "all.json"
)

// firstPause is how long after a failure the tracker is asked again, at first.
const firstPause = time.Minute

// Getter downloads; fetch.Client does.
type Getter interface {
	Get(ctx context.Context, r fetch.Request, w io.Writer) (fetch.Answer, error)
}

// Store remembers across restarts.
type Store interface {
	Put(bucket, key string, value []byte, at time.Time) error
	Get(bucket, key string) (value []byte, at time.Time, ok bool)
}

// Config makes a tracker.
type Config struct {
	// URL is the tracker's address, without the name of the file.
	URL      string
	Interval time.Duration
	// StaleAfter is the age from which what is known is called stale.
	StaleAfter time.Duration
	Client     Getter
	Store      Store
	Log        *slog.Logger
	// Changed is called when something else is known.
	Changed func()
}

// Tracker is what is known of the tracker.
type Tracker struct {
	Config
	recalled sync.Once
	latest   atomic.Pointer[answers.Tracker]
	last     saved // for recall and then for ask only
}

// saved is the last good answer.
type saved struct {
	// URL is the tracker's that gave it: another one may say something else.
	URL          string `msgpack:"url"`
	ETag         string `msgpack:"etag"`
	LastModified string `msgpack:"last_modified"`
	// At is when the tracker last said that this is right, in Unix seconds.
	At   int64  `msgpack:"at"`
	Body []byte `msgpack:"body"` // compressed
}

// New returns a tracker that knows what the last one knew.
func New(c Config) *Tracker { return &Tracker{Config: c} }

// recall reads what the last tracker knew. That takes too long to do it while
// nobody is answered yet.
func (t *Tracker) recall() {
	known := answers.Tracker{StaleAfter: t.StaleAfter}
	if value, _, ok := t.Store.Get(bucket, key); ok {
		switch records, skipped, s, err := load(value); {
		case err != nil:
			t.Log.Warn("the remembered advisories cannot be read", "err", err)
		case s.URL != t.URL:
			t.Log.Info("the remembered advisories are another tracker's", "url", s.URL)
		default:
			t.last = s
			known = t.knows(records, skipped)
		}
	}
	t.latest.Store(&known)
}

// load reads a remembered answer. What is in the store is no more believed than
// what comes from the network.
func load(value []byte) (records []advisories.Record, skipped int, s saved, err error) {
	if err := wire.Check(value); err != nil {
		return nil, 0, s, err
	}
	if err := msgpack.Unmarshal(value, &s); err != nil {
		return nil, 0, s, err
	}
	z, err := gzip.NewReader(bytes.NewReader(s.Body))
	if err != nil {
		return nil, 0, s, err
	}
	records, skipped, err = advisories.Read(z)
	return records, skipped, s, err
}

// Latest is what is known now. It is not changed any more.
func (t *Tracker) Latest() *answers.Tracker {
	t.recalled.Do(t.recall)
	return t.latest.Load()
}

// Run asks the tracker now and then, until ctx ends. What is still young is not
// asked for at the start.
func (t *Tracker) Run(ctx context.Context) {
	t.recalled.Do(t.recall)
	first := time.Duration(0)
	if t.last.At != 0 {
		first = t.Interval - min(max(0, time.Since(time.Unix(t.last.At, 0))), t.Interval)
	}
	s := fetch.Schedule{Interval: t.Interval, First: min(firstPause, t.Interval)}
	s.Run(ctx, first, t.ask)
}

func (t *Tracker) ask(ctx context.Context) error {
	now := *t.Latest()
	var body bytes.Buffer
	a, err := t.Client.Get(ctx, fetch.Request{
		URL:  strings.TrimRight(t.URL, "/") + "/all.json",
		ETag: t.last.ETag, LastModified: t.last.LastModified, MaxBytes: advisories.MaxBytes,
	}, &body)
	if ctx.Err() != nil {
		return err
	}
	switch {
	case err != nil:
	case a.NotModified:
		t.last.At = time.Now().Unix()
		now.At, now.Why = t.last.At, ""
		t.save()
	default:
		var records []advisories.Record
		var skipped int
		if records, skipped, err = advisories.Read(bytes.NewReader(body.Bytes())); err == nil {
			t.last = saved{URL: t.URL, ETag: a.ETag, LastModified: a.LastModified, At: time.Now().Unix(), Body: compressed(body.Bytes())}
			now = t.knows(records, skipped)
			t.save()
			t.Log.Info("new security advisories", "records", len(records), "skipped", skipped)
		}
	}
	if err != nil {
		now.Why = fmt.Sprintf("%s: %v", t.URL, err)
		t.Log.Warn("the security tracker does not answer", "err", now.Why)
	}
	t.latest.Store(&now)
	t.Changed()
	return err
}

func (t *Tracker) knows(records []advisories.Record, skipped int) answers.Tracker {
	known := answers.Tracker{Records: records, Skipped: skipped, At: t.last.At, StaleAfter: t.StaleAfter}
	if at, err := http.ParseTime(t.last.LastModified); err == nil {
		known.AsOf = at.Unix()
	}
	return known
}

// save remembers the last good answer. The store says itself when it cannot.
func (t *Tracker) save() {
	value, err := msgpack.Marshal(&t.last)
	if err == nil {
		err = t.Store.Put(bucket, key, value, time.Unix(t.last.At, 0))
	}
	if err != nil {
		t.Log.Warn("the advisories are not remembered", "err", err)
	}
}

func compressed(body []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := io.Copy(z, bytes.NewReader(body))
	if err = errors.Join(err, z.Close()); err != nil {
		return nil // memory does not fail
	}
	return b.Bytes()
}
