// Package incidentlists downloads lists of known incidents in the AUR, and keeps the last good version of each list in a file, which omg
// reads. A list is accepted only if it is signed by the publisher whose key the user has set, and never replaces a later version.
package incidentlists

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/omg-arch/omg/omgd/internal/schedule"
	"github.com/omg-arch/omg/omgd/internal/store"
	"github.com/omg-arch/omg/shared/atomicfile"
	"github.com/omg-arch/omg/shared/fetch"
	"github.com/omg-arch/omg/shared/incidents"
)

const (
	// bucket is the bucket of this package in the store.
	bucket = "incidents"
	// interval is the time between two requests for a list.
	interval = 24 * time.Hour
	// retryPause is the pause after the first failed request.
	retryPause = 10 * time.Minute
)

// The errors of a list that is refused although its publisher has signed it.
var (
	// ErrOlder means that a list has a lower sequence number than an earlier version of it.
	ErrOlder = errors.New("the list is older than the last one")
	// ErrSameSequence means that a list has the sequence number of another version.
	ErrSameSequence = errors.New("the list has changed, but not its sequence number")
)

// Getter downloads. fetch.Client implements it.
type Getter interface {
	Get(ctx context.Context, r fetch.Request, w io.Writer) (fetch.Response, error)
}

// Config configures a Downloader.
type Config struct {
	Location incidents.Location
	// Dir is the directory of the file in which the list is kept.
	Dir    string
	Client Getter
	Store  store.ValueStore
	Log    *slog.Logger
	// IsTrusted reports whether a user may own the file.
	IsTrusted func(uid uint32) bool
	// OnChange, unless it is nil, is called after a request that changed the list or the result of FailureReason.
	OnChange func()
}

// Downloader downloads one list.
type Downloader struct {
	Config
	// Demands lets users demand the next request.
	Demands *schedule.Demands
	path    string
	failure atomic.Pointer[string] // why the last request failed; nil before the first one
}

// record is the record about a list in the store.
type record struct {
	ETag         string `msgpack:"etag"`
	LastModified string `msgpack:"last_modified"`
	// ConfirmedAt is when the server last confirmed the list, and NextRequestAt when the next request is sent, in Unix seconds.
	ConfirmedAt   int64 `msgpack:"good"`
	NextRequestAt int64 `msgpack:"next"`
	// Sequence is the highest sequence number that was accepted, also if the file with the list has been lost.
	Sequence int64 `msgpack:"sequence"`
}

// New returns a Downloader. It downloads nothing: Run does that.
func New(c Config) *Downloader {
	return &Downloader{Config: c, Demands: schedule.NewDemands(), path: filepath.Join(c.Dir, c.Location.FileName())}
}

// RemoveOthers removes the files of lists that are no longer in the settings from the directory dir.
func RemoveOthers(dir string, current []incidents.Location) {
	paths, _ := filepath.Glob(filepath.Join(dir, incidents.FilePattern))
	for _, path := range paths {
		if !slices.ContainsFunc(current, func(l incidents.Location) bool { return l.FileName() == filepath.Base(path) }) {
			_ = os.Remove(path)
		}
	}
}

// Run requests the list once a day until ctx ends. If the last request is younger, also one of an earlier daemon, Run first waits.
func (d *Downloader) Run(ctx context.Context) {
	r, _, _ := store.Load[record](d.Store, bucket, d.Location.FileName())
	s := schedule.Schedule{
		Interval: interval, FirstRetry: retryPause, Demands: d.Demands, LastSuccess: r.ConfirmedAt,
		OnPlanned: func(next time.Time) {
			r.NextRequestAt = next.Unix()
			store.Save(d.Store, d.Log, bucket, d.Location.FileName(), &r, time.Now())
		},
	}
	s.Run(ctx, s.TimeUntil(r.NextRequestAt), func(ctx context.Context) error {
		before := r.Sequence
		err := d.update(ctx, &r)
		if ctx.Err() != nil {
			return err
		}
		why := ""
		if err != nil {
			why = failureText(err)
			d.Log.Warn("list of incidents not downloaded", "url", d.Location.Address, "err", err)
		}
		last := d.FailureReason()
		d.failure.Store(&why)
		if d.OnChange != nil && (why != last || r.Sequence != before) {
			d.OnChange()
		}
		return err
	})
}

// requestError is an error of a request, not of the list that the server has sent.
type requestError struct{ error }

func (e requestError) Unwrap() error { return e.error }

// failureText returns a text for users that says why there is no new list.
func failureText(err error) string {
	if request := new(requestError); errors.As(err, request) {
		return fetch.ErrorText("its server", request.error)
	}
	return err.Error()
}

// FailureReason returns why the last request failed, or "" if it succeeded or if there was none.
func (d *Downloader) FailureReason() string {
	if why := d.failure.Load(); why != nil {
		return *why
	}
	return ""
}

// update requests the list, and then its signature if the list has changed. It replaces the file only by a good list.
func (d *Downloader) update(ctx context.Context, r *record) error {
	last, _, err := incidents.ReadSigned(&d.Location, d.path, d.IsTrusted)
	if err != nil {
		r.ETag, r.LastModified = "", ""
	}
	var list, signature bytes.Buffer
	got, err := d.Client.Get(ctx, fetch.Request{
		URL: d.Location.Address, ETag: r.ETag, LastModified: r.LastModified, MaxBytes: incidents.MaxBytes,
	}, &list)
	if err != nil {
		return requestError{err}
	}
	now := time.Now()
	if got.NotModified {
		if err := os.Chtimes(d.path, time.Time{}, now); err != nil {
			return err
		}
		r.ConfirmedAt = now.Unix()
		return nil
	}
	request := fetch.Request{URL: d.Location.SignatureAddress(), MaxBytes: incidents.MaxSignatureBytes}
	if _, err := d.Client.Get(ctx, request, &signature); err != nil {
		return fmt.Errorf("the signature: %w", requestError{err})
	}
	content := incidents.Join(list.Bytes(), signature.Bytes())
	next, err := incidents.ParseSigned(d.Location.Address, d.Location.Key, content)
	if err != nil {
		return err
	}
	if err := d.checkSequence(next, last, list.Bytes(), r.Sequence); err != nil {
		return err
	}
	if err := d.write(content); err != nil {
		return err
	}
	d.Log.Info("new list of incidents", "url", d.Location.Address, "sequence", next.Sequence, "incidents", len(next.Incidents))
	*r = record{ETag: got.ETag, LastModified: got.LastModified, ConfirmedAt: now.Unix(), Sequence: next.Sequence}
	return nil
}

// checkSequence returns an error if the list next is older than the last list, or if it is another list with the same number. The last
// list is nil if its file has been lost.
func (d *Downloader) checkSequence(next, last *incidents.List, content []byte, highest int64) error {
	if last != nil {
		highest = max(highest, last.Sequence)
	}
	switch {
	case next.Sequence < highest:
		return fmt.Errorf("%w: its sequence number is %d, the last one was %d", ErrOlder, next.Sequence, highest)
	case last == nil || next.Sequence > last.Sequence:
		return nil
	}
	same, err := incidents.HasContent(d.path, content)
	if err == nil && !same {
		err = fmt.Errorf("%w: %d", ErrSameSequence, next.Sequence)
	}
	return err
}

// write replaces the file.
func (d *Downloader) write(content []byte) error {
	if err := os.MkdirAll(d.Dir, 0o755); err != nil {
		return err
	}
	return atomicfile.Write(d.path, content, atomicfile.Options{Mode: 0o644, Sync: true})
}
