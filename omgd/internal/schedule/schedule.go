// Package schedule decides when requests are sent to a server: at an interval, later after a failure, or when a user demands it.
package schedule

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/omg-arch/omg/shared/fetch"
)

// Schedule decides when the next request is sent to a server.
type Schedule struct {
	// Interval is the pause after a successful request.
	Interval time.Duration
	// MaxJitter is the longest random time that is added to Interval; 0 means a tenth of Interval.
	MaxJitter time.Duration
	// FirstRetry is the pause after the first failure. The pause doubles with each further failure, up to
	// Interval.
	FirstRetry time.Duration
	// OnPlanned, unless it is nil, is called after each request with the time of the next request. The caller
	// stores this time for the next start.
	OnPlanned func(next time.Time)
	// Demands, unless it is nil, can demand that the next request is sent before its time. LastSuccess is when the last request
	// before Run succeeded, in Unix seconds; 0 if none did.
	Demands     *Demands
	LastSuccess int64

	failures int
}

// maxJitterFraction is the largest fraction of a pause that is added to the pause, so that machines that start at the
// same time do not send requests at the same time.
const maxJitterFraction = 0.1

// NextPause returns the pause after a request that ended with err.
func (s *Schedule) NextPause(err error) time.Duration {
	if err == nil {
		s.failures = 0
		return s.Interval + s.jitter()
	}
	pause := s.FirstRetry
	for range min(s.failures, 30) {
		if pause *= 2; pause >= s.Interval {
			break
		}
	}
	s.failures++
	return addJitter(max(min(pause, s.Interval), retryAfterOf(err)))
}

// retryAfterOf returns the pause that a server has asked for with the header Retry-After, 0 if it has not.
func retryAfterOf(err error) time.Duration {
	var refused *fetch.StatusError
	if errors.As(err, &refused) {
		return refused.RetryAfter
	}
	return 0
}

// jitter returns a random time that is added to Interval.
func (s *Schedule) jitter() time.Duration {
	if s.MaxJitter > 0 {
		return rand.N(s.MaxJitter)
	}
	return addJitter(s.Interval) - s.Interval
}

func addJitter(d time.Duration) time.Duration {
	return d + time.Duration(rand.Float64()*maxJitterFraction*float64(d))
}

// TimeUntil returns the time from now until next, which is a time in Unix seconds that was planned before a
// restart. The result is at most two intervals, in case the clock was wrong when the time was planned.
func (s *Schedule) TimeUntil(next int64) time.Duration {
	return min(max(time.Until(time.Unix(next, 0)), 0), 2*s.Interval)
}

// TimeUntilDue returns the time until the interval that began with LastSuccess ends. It is 0 if no request succeeded, and at most an
// interval, in case the clock was wrong.
func (s *Schedule) TimeUntilDue() time.Duration {
	if s.LastSuccess == 0 {
		return 0
	}
	return min(max(time.Until(time.Unix(s.LastSuccess, 0).Add(s.Interval)), 0), s.Interval)
}

// FirstPause returns the time until the first request: at once if no request succeeded, and otherwise when the interval that began with LastSuccess
// ends, or now if it has ended. The latter has jitter, because machines that start together, with data of the day before, would ask together.
func (s *Schedule) FirstPause() time.Duration {
	if s.LastSuccess == 0 {
		return 0
	}
	return s.TimeUntilDue() + s.jitter()
}

// Run sends requests by calling request(): the first one after the given duration, and each later one after a
// pause of the schedule, or when it is demanded. It returns when ctx ends.
func (s *Schedule) Run(ctx context.Context, first time.Duration, request func(context.Context) error) {
	if s.Demands == nil {
		s.Demands = NewDemands() // nobody else has it, so nobody demands a request
	}
	first = max(first, 0)
	s.Demands.start(s.LastSuccess, s.Interval, time.Now().Add(first))
	timer := time.NewTimer(first)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-s.Demands.wanted:
		}
		s.Demands.begin()
		err := request(ctx)
		if ctx.Err() != nil {
			return
		}
		pause := s.NextPause(err)
		next := time.Now().Add(pause)
		if s.OnPlanned != nil {
			s.OnPlanned(next)
		}
		s.Demands.end(err, s.Interval, retryAfterOf(err), next)
		timer.Reset(pause)
	}
}
