package schedule

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/fetch"
)

// demanded is a Schedule that runs in virtual time.
type demanded struct {
	t     *testing.T
	began time.Time
	*Demands

	mu       sync.Mutex
	requests []time.Duration // when requests began
	err      error           // the error of the next requests
}

// sent returns when requests began.
func (d *demanded) sent() []time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.requests)
}

// fail sets the error of the next requests.
func (d *demanded) fail(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.err = err
}

// request takes a second.
func (d *demanded) request(context.Context) error {
	d.mu.Lock()
	d.requests = append(d.requests, time.Since(d.began))
	err := d.err
	d.mu.Unlock()
	time.Sleep(time.Second)
	return err
}

// runDemanded calls the function do while a Schedule runs, whose last request succeeded at a time in Unix seconds.
func runDemanded(t *testing.T, first time.Duration, lastSuccess func(now time.Time) int64, do func(d *demanded)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		d := &demanded{t: t, began: time.Now(), Demands: NewDemands()}
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		s := Schedule{Interval: 24 * time.Hour, FirstRetry: 10 * time.Minute, Demands: d.Demands, LastSuccess: lastSuccess(d.began)}
		running.Go(func() { s.Run(ctx, first, d.request) })
		synctest.Wait()
		do(d)
		cancel()
		running.Wait()
	})
}

func never(time.Time) int64 { return 0 }

func TestDemands_Limits(t *testing.T) {
	runDemanded(t, time.Hour, never, func(d *demanded) {
		got := d.Demand(d.t.Context())
		require.True(t, got.Sent)
		require.NoError(t, got.Err)
		require.Equal(t, []time.Duration{0}, d.sent())
		ended := time.Now()
		require.Equal(t, ended, got.LastEndedAt)
		require.GreaterOrEqual(t, got.PlannedAt.Sub(ended), 24*time.Hour, "the planned time begins again")

		time.Sleep(time.Hour - time.Second)
		got = d.Demand(d.t.Context())
		require.False(t, got.Sent)
		require.Equal(t, ended, got.LastEndedAt)
		require.Equal(t, ended.Add(time.Hour), got.AllowedAt)
		require.Len(t, d.sent(), 1)
		time.Sleep(time.Second)
		require.True(t, d.Demand(d.t.Context()).Sent)
		require.Len(t, d.sent(), 2)
	})
}

// TestDemands_Shared checks that users who demand a request while one is running wait for the running one.
func TestDemands_Shared(t *testing.T) {
	runDemanded(t, 0, never, func(d *demanded) {
		require.Len(t, d.sent(), 1, "the first request is running")
		var users sync.WaitGroup
		for range 100 {
			users.Go(func() {
				if got := d.Demand(d.t.Context()); !got.Sent || got.Running || got.Err != nil {
					t.Errorf("%+v", got)
				}
			})
		}
		users.Wait()
		require.Equal(t, time.Second, time.Since(d.began))
		require.Len(t, d.sent(), 1)
		require.False(t, d.Demand(d.t.Context()).Sent)
	})
}

// TestDemands_Failures checks that another request can be demanded a minute after a failure, unless the server has asked for a
// longer pause.
func TestDemands_Failures(t *testing.T) {
	runDemanded(t, time.Hour, never, func(d *demanded) {
		refused := errors.New("refused")
		d.fail(refused)
		got := d.Demand(d.t.Context())
		require.ErrorIs(t, got.Err, refused)
		require.Less(t, time.Until(got.PlannedAt), 12*time.Minute)
		got = d.Demand(d.t.Context())
		require.False(t, got.Sent)
		require.ErrorIs(t, got.Err, refused, "the reason why the last one failed")
		time.Sleep(failedDemandPause)
		d.fail(&fetch.StatusError{Code: 429, RetryAfter: 3 * time.Hour})
		require.True(t, d.Demand(d.t.Context()).Sent)
		time.Sleep(3*time.Hour - time.Second)
		require.False(t, d.Demand(d.t.Context()).Sent)
		require.Len(t, d.sent(), 2)
	})
}

// TestDemands_Deadline checks that a demand ends with its context, and that the request goes on.
func TestDemands_Deadline(t *testing.T) {
	runDemanded(t, time.Hour, never, func(d *demanded) {
		ctx, cancel := context.WithTimeout(d.t.Context(), time.Millisecond)
		defer cancel()
		require.Equal(t, DemandResult{Sent: true, Running: true}, d.Demand(ctx))
		got := d.Demand(d.t.Context())
		require.True(t, got.Sent)
		require.False(t, got.Running)
		require.Len(t, d.sent(), 1)
	})
}

// TestDemands_Restart checks that a request cannot be demanded earlier because the daemon was restarted.
func TestDemands_Restart(t *testing.T) {
	runDemanded(t, 23*time.Hour, func(now time.Time) int64 { return now.Add(-time.Minute).Unix() }, func(d *demanded) {
		got := d.Demand(d.t.Context())
		require.False(t, got.Sent)
		require.Equal(t, 59*time.Minute, got.AllowedAt.Sub(d.began))
		require.Equal(t, 23*time.Hour, got.PlannedAt.Sub(d.began))
	})
	runDemanded(t, 23*time.Hour, func(now time.Time) int64 { return now.Add(time.Hour).Unix() }, func(d *demanded) {
		require.True(t, d.Demand(d.t.Context()).Sent, "a time in the future is wrong")
	})
}

// TestDemands_Planned checks that a planned request counts as one that was demanded.
func TestDemands_Planned(t *testing.T) {
	runDemanded(t, time.Hour, never, func(d *demanded) {
		time.Sleep(time.Hour + time.Minute)
		require.Len(t, d.sent(), 1)
		require.False(t, d.Demand(d.t.Context()).Sent)
	})
}
