// Package pull gets published indexes at an interval, by running omg-index pull. The last good indexes stay in use after any failure.
package pull

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/omg-arch/omg/omgd/internal/schedule"
	"github.com/omg-arch/omg/shared/config"
	"github.com/omg-arch/omg/shared/pulled"
	"github.com/omg-arch/omg/shared/sources"
)

// firstRetry is the pause after the first failure.
const firstRetry = time.Minute

// Config configures a Puller.
type Config struct {
	config.Index
	// StaleAfter limits the time since a mirror last had the manifest.
	StaleAfter time.Duration
	// DataDir is omg's data directory.
	DataDir string
	// IsTrusted reports whether a user may own the pulled files.
	IsTrusted func(uid uint32) bool
	Log       *slog.Logger
	// RunIndex runs omg-index with arguments, and returns the warnings that it prints.
	RunIndex func(ctx context.Context, args ...string) (warnings []string, err error)
	// OnDone is called after each pull.
	OnDone func()
}

// Puller pulls indexes.
type Puller struct {
	Config
	// Demands lets users demand the next pull.
	Demands *schedule.Demands
	// Documents reads what was pulled of sources without an index.
	Documents sources.Documents

	latest atomic.Pointer[latest]
}

// latest describes what was pulled, until something else was pulled.
type latest struct {
	*sources.Pulled
	replaced chan struct{} // closed when there is another description
}

// New returns a Puller that knows what was pulled before. It pulls nothing: Run does that.
func New(c Config) *Puller {
	p := &Puller{Config: c, Demands: schedule.NewDemands(), Documents: sources.Documents{IsTrusted: c.IsTrusted}}
	p.read(time.Time{}, nil)
	return p
}

// Latest describes what was pulled. The returned value never changes.
func (p *Puller) Latest() *sources.Pulled { return p.latest.Load().Pulled }

// read reads what is installed. The time next is when the next pull is planned, and err the error of the last one.
func (p *Puller) read(next time.Time, err error) {
	state, readErr := pulled.ReadOrNew(pulled.Dir(p.DataDir), p.IsTrusted)
	if readErr != nil {
		p.Log.Warn("what was pulled is not usable", "err", readErr)
		state = &pulled.State{LastError: readErr.Error()}
	}
	if err != nil { // omg-index may not have been able to write it
		state.LastError = err.Error()
	}
	now := &sources.Pulled{Dir: pulled.Dir(p.DataDir), State: state, StaleAfter: p.StaleAfter}
	if !next.IsZero() {
		now.NextRequestAt = next.Unix()
	}
	if before := p.latest.Swap(&latest{now, make(chan struct{})}); before != nil {
		close(before.replaced)
	}
}

// Run pulls once an interval until ctx ends. The interval begins at the last pull, also if omgd was restarted. Without any index, the first pull is
// at once.
func (p *Puller) Run(ctx context.Context) {
	var last error
	s := schedule.Schedule{
		Interval: time.Duration(p.Interval), FirstRetry: min(firstRetry, time.Duration(p.Interval)), Demands: p.Demands,
		OnPlanned: func(next time.Time) {
			p.read(next, last)
			p.OnDone()
		},
	}
	if state := p.Latest().State; state.HasIndex() {
		s.LastSuccess = state.ConfirmedAt
	}
	first := s.FirstPause()
	p.read(time.Now().Add(first), nil)
	s.Run(ctx, first, func(ctx context.Context) error {
		last = p.pull(ctx)
		return last
	})
}

func (p *Puller) pull(ctx context.Context) error {
	args := []string{"pull", "--data-dir", p.DataDir}
	for _, key := range p.Keys {
		args = append(args, "-P", key)
	}
	warnings, err := p.RunIndex(ctx, append(args, p.URLs...)...)
	for _, warning := range warnings {
		p.Log.Warn("pulling indexes", "warning", warning)
	}
	if err != nil && ctx.Err() == nil {
		p.Log.Warn("indexes not pulled", "err", err)
	}
	return err
}

// ErrUnknown means that it is not known yet which sources are published.
var ErrUnknown = errors.New("waiting for the first pull")

// Replaces reports whether sources of a kind are published, so that omgd must not request them. The error wraps ErrUnknown as long as nothing was
// pulled.
func (p *Puller) Replaces(kind string) (bool, error) { return replaces(p.Latest(), kind) }

func replaces(now *sources.Pulled, kind string) (bool, error) {
	if now.State.ConfirmedAt == 0 {
		return false, ErrUnknown
	}
	return now.IsPublished(kind), nil
}

// RunUnlessReplaced calls the function run, which requests a kind of sources until its context ends, as long as these sources are known not to be
// published. It returns when ctx ends.
func (p *Puller) RunUnlessReplaced(ctx context.Context, kind string, run func(context.Context)) {
	stop := func() {}
	running := false
	for ctx.Err() == nil {
		now := p.latest.Load()
		replaced, err := replaces(now.Pulled, kind)
		switch asks := !replaced && err == nil; {
		case asks && !running:
			p.Log.Info("nothing is pulled for a source: requesting it", "kind", kind)
			stop = start(ctx, run)
		case !asks && running:
			stop()
			p.Log.Info("a source is pulled now: no more requests for it", "kind", kind)
			stop = func() {}
		}
		running = !replaced && err == nil
		select {
		case <-ctx.Done():
		case <-now.replaced:
		}
	}
	stop()
}

// start calls a function in another goroutine. The result ends its context and waits until it has returned.
func start(ctx context.Context, run func(context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		run(ctx)
	}()
	return func() {
		cancel()
		<-ended
	}
}
