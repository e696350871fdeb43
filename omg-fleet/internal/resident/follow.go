package resident

import (
	"context"
	"time"

	"github.com/omg-arch/omg/shared/clock"
)

// What changes is read every two seconds, but the pause is at least shareOfTime times as long as the reading took, up to maxPause. Comparing the
// stamps of 10,000 files takes 20 ms. A reading that has waited for a server that is away takes 15 seconds.
const (
	minPause    = 2 * time.Second
	maxPause    = 20 * time.Second
	shareOfTime = 20
)

// Read calls the function read, which puts what has changed into the fleet. An error is shown as the problem of the fleet, which keeps the last
// states.
func (f *Fleet) Read(ctx context.Context, read func(context.Context) error) error {
	err := read(ctx)
	if ctx.Err() != nil {
		return err
	}
	problem := ""
	if err != nil {
		problem = err.Error()
	}
	f.SetProblem(problem)
	if err == nil {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.readAt = clock.Now()
	}
	return err
}

// ReadAt returns when Read has last succeeded; zero if never.
func (f *Fleet) ReadAt() time.Time {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.readAt
}

// Follow calls Read again and again until the context ends.
func (f *Fleet) Follow(ctx context.Context, read func(context.Context) error) {
	for {
		start := time.Now()
		_ = f.Read(ctx, read) // the fleet has the error
		select {
		case <-time.After(min(max(minPause, shareOfTime*time.Since(start)), maxPause)):
		case <-ctx.Done():
			return
		}
	}
}
