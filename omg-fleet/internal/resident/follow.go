package resident

import (
	"context"
	"time"
)

// What changes is read every two seconds, but the pause is at least shareOfTime times as long as the reading took. Comparing the stamps of
// 10,000 files takes 20 ms.
const (
	minPause    = 2 * time.Second
	shareOfTime = 20
)

// Follow calls the function read, which puts what has changed into the fleet, again and again until the context ends. An error is shown as the
// problem of the fleet, which keeps the last states.
func (f *Fleet) Follow(ctx context.Context, read func(context.Context) error) {
	for {
		start := time.Now()
		err := read(ctx)
		if ctx.Err() != nil {
			return
		}
		problem := ""
		if err != nil {
			problem = err.Error()
		}
		f.SetProblem(problem)
		select {
		case <-time.After(max(minPause, shareOfTime*time.Since(start))):
		case <-ctx.Done():
			return
		}
	}
}
