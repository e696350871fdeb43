// Package document keeps a document of a server up to date. It requests the document at an interval, if it has changed. If a request fails, the
// last good reply stays in use, with its age and the reason.
package document

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/omg-arch/omg/omgd/internal/schedule"
	"github.com/omg-arch/omg/shared/fetch"
)

// Kept is what is known about the last good reply, except its content.
type Kept struct {
	// ETag and LastModified are the values for the next request; empty if there is no reply.
	ETag, LastModified string
	// ConfirmedAt is when the server last confirmed the reply, and NextRequestAt when the next request is sent, in Unix seconds. They are 0 if
	// this is unknown.
	ConfirmedAt, NextRequestAt int64
}

// Condition returns the request for another reply than the kept one.
func (k *Kept) Condition(r fetch.Request) fetch.Request {
	r.ETag, r.LastModified = k.ETag, k.LastModified
	return r
}

// Fields are those fields of the data D that describe the requests.
type Fields struct {
	RepliedAt, NextRequestAt *int64
	LastError                *string
}

// Content is what makes one document different from another one. D is the data that is read from the document.
type Content[D any] interface {
	// Load reads the last good reply. The data is not nil.
	Load() (Kept, *D)
	// Request requests the document if it differs from the reply, and changes what is kept about it. The data is nil if it does not differ.
	Request(ctx context.Context, kept *Kept) (*D, error)
	// Save keeps the last good reply for the next start, after a request that succeeded.
	Save(kept *Kept)
	// Fields returns those fields of the data that describe the requests.
	Fields(data *D) Fields
}

// Config configures a Downloader.
type Config struct {
	// Interval, MaxJitter and FirstRetry are as in schedule.Schedule.
	Interval, MaxJitter, FirstRetry time.Duration
	// Name is the name of the document in the log, and URL its address.
	Name, URL string
	// ErrorText returns a text for users that says why a request failed.
	ErrorText func(err error) string
	Log       *slog.Logger
	// OnRequestDone is called after each request, when the next request is planned.
	OnRequestDone func()
}

// Downloader keeps a document up to date.
type Downloader[D any] struct {
	Config
	// Kept is set at the first use. After that, only the goroutine of Run uses it.
	Kept Kept
	// Demands lets users demand the next request.
	Demands *schedule.Demands

	content  Content[D]
	loadOnce sync.Once
	next     time.Time // when the next request is sent
	latest   atomic.Pointer[D]
}

// New returns a Downloader. The last good reply is read at the first use, because reading it would delay the daemon's first reply.
func New[D any](c Config, content Content[D]) *Downloader[D] {
	return &Downloader[D]{Config: c, content: content, Demands: schedule.NewDemands()}
}

// load reads the last good reply and plans the first request, so that there is no data without a plan.
func (d *Downloader[D]) load() {
	kept, data := d.content.Load()
	d.Kept = kept
	d.latest.Store(data)
	d.setNextRequest(time.Now().Add(d.pauseBeforeFirst()))
}

// pauseBeforeFirst returns the time until the first request. If the last good reply has been lost, it is at most FirstRetry.
func (d *Downloader[D]) pauseBeforeFirst() time.Duration {
	s := d.schedule()
	first := s.TimeUntilDue()
	if d.Kept.NextRequestAt != 0 {
		first = s.TimeUntil(d.Kept.NextRequestAt)
	}
	if d.Kept.ConfirmedAt == 0 {
		first = min(first, s.FirstRetry)
	}
	return first
}

func (d *Downloader[D]) schedule() *schedule.Schedule {
	return &schedule.Schedule{
		Interval: d.Interval, MaxJitter: d.MaxJitter, FirstRetry: min(d.FirstRetry, d.Interval), Demands: d.Demands, LastSuccess: d.Kept.ConfirmedAt,
		OnPlanned: func(next time.Time) {
			d.setNextRequest(next)
			d.OnRequestDone()
		},
	}
}

// Latest returns the latest data. The returned value never changes.
func (d *Downloader[D]) Latest() *D {
	d.loadOnce.Do(d.load)
	return d.latest.Load()
}

// Run requests the document once an interval until ctx ends, also if omgd was restarted since the last request.
func (d *Downloader[D]) Run(ctx context.Context) {
	d.loadOnce.Do(d.load)
	d.schedule().Run(ctx, time.Until(d.next), d.Update)
}

// setNextRequest records when the next request will be sent.
func (d *Downloader[D]) setNextRequest(at time.Time) {
	d.next = at
	d.Kept.NextRequestAt = at.Unix()
	now := *d.latest.Load()
	*d.content.Fields(&now).NextRequestAt = at.Unix()
	d.latest.Store(&now)
}

// Update sends a request. Only Run and tests call it.
func (d *Downloader[D]) Update(ctx context.Context) error {
	data := *d.Latest()
	next, err := d.content.Request(ctx, &d.Kept)
	if ctx.Err() != nil {
		return err
	}
	if err != nil {
		*d.content.Fields(&data).LastError = d.ErrorText(err)
		d.Log.Warn(d.Name+" not downloaded", "url", d.URL, "err", err)
		d.latest.Store(&data)
		return err
	}
	if next != nil {
		planned := *d.content.Fields(&data).NextRequestAt
		data = *next
		*d.content.Fields(&data).NextRequestAt = planned
	}
	d.Kept.ConfirmedAt = time.Now().Unix()
	fields := d.content.Fields(&data)
	*fields.RepliedAt, *fields.LastError = d.Kept.ConfirmedAt, ""
	d.latest.Store(&data)
	d.content.Save(&d.Kept)
	return nil
}
