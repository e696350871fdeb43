package schedule

import (
	"context"
	"sync"
	"time"
)

const (
	// demandsPerInterval limits the demanded requests: after a request that succeeded, the next one can be demanded after this
	// fraction of the interval.
	demandsPerInterval = 24
	// failedDemandPause is the pause after a request that failed, until the next one can be demanded.
	failedDemandPause = time.Minute
)

// Demands lets users demand that a Schedule sends its next request now. A demanded request is shared: all users who demand one
// at the same time wait for the same request, and after it nobody can demand another one for a while. So the load on the server
// does not grow with the number of users or demands, and each user gets the data that another user has demanded.
type Demands struct {
	wanted chan struct{} // has an element if a request was demanded and not begun

	mu          sync.Mutex
	earliest    time.Time // no request can be demanded before this time
	plannedAt   time.Time // when the next request is sent without a demand; zero if this is unknown
	lastErr     error     // the error of the last request
	lastEndedAt time.Time
	ended       chan struct{} // closed when the running or the demanded request has ended; nil if there is none
}

// NewDemands returns Demands for one Schedule.
func NewDemands() *Demands { return &Demands{wanted: make(chan struct{}, 1)} }

// DemandResult is what became of a demand.
type DemandResult struct {
	// Sent means that a request was sent for the demand, or was running. If it is false, a request was sent so recently that
	// another one cannot be demanded before AllowedAt.
	Sent      bool
	AllowedAt time.Time
	// Running means that the request had not ended when the context of the demand ended.
	Running bool
	// Err is the error of the request.
	Err error
	// LastEndedAt is when the last request ended; zero if there was none. PlannedAt is when the next request will be sent without a
	// demand; zero if this is unknown.
	LastEndedAt, PlannedAt time.Time
}

// Demand demands a request, unless another one was sent recently, and waits for its end.
func (d *Demands) Demand(ctx context.Context) DemandResult {
	d.mu.Lock()
	ended := d.ended
	if ended == nil {
		if now := time.Now(); now.Before(d.earliest) {
			defer d.mu.Unlock()
			return DemandResult{AllowedAt: d.earliest, Err: d.lastErr, LastEndedAt: d.lastEndedAt, PlannedAt: d.plannedAt}
		}
		ended = make(chan struct{})
		d.ended = ended
		d.wanted <- struct{}{} // does not block: the channel is empty while there is neither a demand nor a running request
	}
	d.mu.Unlock()
	select {
	case <-ended:
		d.mu.Lock()
		defer d.mu.Unlock()
		return DemandResult{Sent: true, Err: d.lastErr, LastEndedAt: d.lastEndedAt, PlannedAt: d.plannedAt}
	case <-ctx.Done():
		return DemandResult{Sent: true, Running: true}
	}
}

// begin is called before each request of the Schedule. A demand for this request is then met.
func (d *Demands) begin() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ended == nil {
		d.ended = make(chan struct{})
	}
	select {
	case <-d.wanted:
	default:
	}
}

// end is called after each request, when it is known when the next one is planned. The parameter retryAfter is the wait that
// the server has asked for.
func (d *Demands) end(err error, interval, retryAfter time.Duration, plannedAt time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	pause := interval / demandsPerInterval
	if err != nil {
		pause = max(min(pause, failedDemandPause), retryAfter)
	}
	d.earliest, d.plannedAt, d.lastErr, d.lastEndedAt = now.Add(pause), plannedAt, err, now
	close(d.ended)
	d.ended = nil
}

// start is called before the first request, which is planned for a time. The parameter lastSuccess is when an earlier daemon's
// request succeeded, in Unix seconds; 0 if none did.
func (d *Demands) start(lastSuccess int64, interval time.Duration, plannedAt time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.plannedAt = plannedAt
	if last := time.Unix(lastSuccess, 0); lastSuccess > 0 && !last.After(time.Now()) {
		d.lastEndedAt, d.earliest = last, last.Add(interval/demandsPerInterval)
	}
}
