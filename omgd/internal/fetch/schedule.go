package fetch

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// Schedule decides when the next request is sent to a server.
type Schedule struct {
	// Interval is the pause after a successful request.
	Interval time.Duration
	// FirstRetry is the pause after the first failure. The pause doubles with each further failure, up to
	// Interval.
	FirstRetry time.Duration
	// OnPlanned, unless it is nil, is called after each request with the time of the next request. The caller
	// stores this time for the next start.
	OnPlanned func(next time.Time)

	failures int
}

// jitter is the largest fraction of a pause that is added to the pause, so that machines that start at the
// same time do not send requests at the same time.
const jitter = 0.1

// NextPause returns the pause after a request that ended with err.
func (s *Schedule) NextPause(err error) time.Duration {
	if err == nil {
		s.failures = 0
		return addJitter(s.Interval)
	}
	pause := s.FirstRetry
	for range min(s.failures, 30) {
		if pause *= 2; pause >= s.Interval {
			break
		}
	}
	s.failures++
	pause = min(pause, s.Interval)
	var refused *StatusError
	if errors.As(err, &refused) {
		pause = max(pause, refused.RetryAfter)
	}
	return addJitter(pause)
}

func addJitter(d time.Duration) time.Duration {
	return d + time.Duration(rand.Float64()*jitter*float64(d))
}

// TimeUntil returns the time from now until next, which is a time in Unix seconds that was planned before a
// restart. The result is at most two intervals, in case the clock was wrong when the time was planned.
func (s *Schedule) TimeUntil(next int64) time.Duration {
	return min(max(time.Until(time.Unix(next, 0)), 0), 2*s.Interval)
}

// Run sends requests by calling request(): the first one after the given duration, and each later one after a
// pause of the schedule. It returns when ctx ends.
func (s *Schedule) Run(ctx context.Context, first time.Duration, request func(context.Context) error) {
	timer := time.NewTimer(max(first, 0))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		err := request(ctx)
		if ctx.Err() != nil {
			return
		}
		pause := s.NextPause(err)
		if s.OnPlanned != nil {
			s.OnPlanned(time.Now().Add(pause))
		}
		timer.Reset(pause)
	}
}
