// Package loader answers the requests of the browser from a backend. Each lane has a goroutine, so that a slow preview does not delay the
// list. A newer request of a lane replaces one that waits, and cancels the one that is being answered.
package loader

import (
	"context"
	"errors"
	"sync"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/omg/omg-browse/internal/browser"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/wire"
)

// Loader answers requests.
type Loader struct {
	backend backend.Backend
	deliver func(browser.Answer)
	lanes   [browser.LaneCount]lane
	running sync.WaitGroup
}

// lane holds at most one request that waits.
type lane struct {
	mu      sync.Mutex
	waiting *browser.Request
	cancel  context.CancelFunc // cancels the request that is being answered; nil if there is none
	wake    chan struct{}
}

// Start starts the goroutines, which end when the context is cancelled. The function deliver is called with each answer, by several
// goroutines. The function rescue is deferred in each goroutine, for panics.
func Start(ctx context.Context, b backend.Backend, deliver func(browser.Answer), rescue func()) *Loader {
	l := &Loader{backend: b, deliver: deliver}
	for i := range l.lanes {
		l.lanes[i].wake = make(chan struct{}, 1)
		l.running.Go(func() {
			defer rescue()
			l.run(ctx, &l.lanes[i])
		})
	}
	return l
}

// Wait waits until all goroutines have ended.
func (l *Loader) Wait() { l.running.Wait() }

// Request answers a request later. It does not block.
func (l *Loader) Request(r browser.Request) {
	lane := &l.lanes[r.Lane]
	lane.mu.Lock()
	defer lane.mu.Unlock()
	lane.waiting = &r
	if lane.cancel != nil {
		lane.cancel()
	}
	select {
	case lane.wake <- struct{}{}:
	default:
	}
}

func (l *Loader) run(ctx context.Context, lane *lane) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-lane.wake:
		}
		lane.mu.Lock()
		r := lane.waiting
		lane.waiting = nil
		if r == nil {
			lane.mu.Unlock()
			continue
		}
		requestCtx, cancel := context.WithCancel(ctx)
		lane.cancel = cancel
		lane.mu.Unlock()

		a, err := l.answer(requestCtx, r)
		a.Request = r
		obsolete := requestCtx.Err() != nil
		lane.mu.Lock()
		lane.cancel = nil
		lane.mu.Unlock()
		cancel()
		if obsolete {
			continue
		}
		if err != nil {
			a.Fail = message(err)
		}
		l.deliver(a)
	}
}

// message returns the text of an error for the user.
func message(err error) string {
	if refused := new(wire.Error); errors.As(err, &refused) {
		return refused.Message
	}
	if failed := new(exit.Error); errors.As(err, &failed) && failed.Hint != "" {
		return err.Error() + ": " + failed.Hint
	}
	return err.Error()
}

func (l *Loader) answer(ctx context.Context, r *browser.Request) (browser.Answer, error) {
	switch {
	case r.Search != nil:
		return l.search(ctx, r.Search)
	case r.Files != nil:
		return l.files(ctx, r.Files)
	case r.Load != nil:
		return l.view(ctx, *r.Load)
	}
	page, err := l.preview(ctx, r.Preview)
	return browser.Answer{Page: page}, err
}
