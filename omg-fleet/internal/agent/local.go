package agent

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/omg-fleet/internal/daemon"
	"github.com/omg-arch/omg/omg-fleet/internal/question"
	"github.com/omg-arch/omg/shared/client"
	"github.com/omg-arch/omg/shared/clock"
	"github.com/omg-arch/omg/shared/hostinventory"
	"github.com/omg-arch/omg/shared/inventory"
	"github.com/omg-arch/omg/shared/wire"
)

// taken is an inventory of the host.
type taken struct {
	Inventory
	document []byte
}

// local follows the host's omgd, and keeps the latest inventory.
type local struct {
	daemon daemon.Daemon
	log    *slog.Logger

	mu        sync.Mutex
	inventory *taken // nil before the first
	// confirmedAt is when the inventory was made, or last known to be still right.
	confirmedAt time.Time
	problem     string // why omgd does not tell the state; empty if it does
}

// Local returns the source that asks the omgd of this host.
func Local(d daemon.Daemon, log *slog.Logger) Source {
	return &local{daemon: d, log: log, problem: "omgd was not asked yet"}
}

// Delays before omgd is asked again after a failure.
const (
	firstDelay = time.Second
	lastDelay  = time.Minute
)

// Follow takes an inventory whenever omgd's data has changed, until the context ends.
func (l *local) Follow(ctx context.Context, changed func()) {
	delay := firstDelay
	for ctx.Err() == nil {
		worked, err := l.followOnce(ctx, changed)
		if ctx.Err() != nil {
			return
		}
		l.setProblem(err.Error())
		if worked {
			delay = firstDelay
		}
		select {
		case <-ctx.Done():
		case <-time.After(spread(delay)):
		}
		delay = min(2*delay, lastDelay)
	}
}

// followOnce follows an omgd until it fails. It reports whether an inventory was taken.
func (l *local) followOnce(ctx context.Context, changed func()) (worked bool, err error) {
	ended, closeEnded, err := client.EndOf(ctx)
	if err != nil {
		return false, err
	}
	defer closeEnded()
	conn, err := l.daemon.Dial(ctx)
	if err != nil {
		return false, err
	}
	defer conn.Close()
	await := func(fd int, limit time.Duration) error {
		err := client.Poll([]unix.PollFd{{Fd: ended, Events: unix.POLLIN}, {Fd: int32(fd), Events: unix.POLLIN}}, limit)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return err
	}
	err = conn.Watch(ctx, await, func(*wire.StatusResult) error {
		// Another connection asks, because this one has only statuses.
		err := l.take(ctx, changed)
		worked = worked || err == nil
		return err
	})
	return worked, err
}

// take takes an inventory.
func (l *local) take(ctx context.Context, changed func()) error {
	conn, err := l.daemon.Dial(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	v, err := hostinventory.AskDaemon(ctx, conn)
	if err != nil {
		return err
	}
	if _, err := hostinventory.Describe(v); err != nil {
		return err
	}
	found, err := encode(v)
	if err != nil {
		return err
	}
	// Making an inventory needs several times the memory of all else, and hours may pass until the next one.
	defer debug.FreeOSMemory()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.problem != "" {
		l.log.Info("omgd answers")
	}
	hasChanged := l.inventory == nil || l.inventory.Digest != found.Digest
	l.inventory, l.confirmedAt, l.problem = found, clock.Now(), ""
	if hasChanged {
		changed()
	}
	return nil
}

// encode returns the forms of an inventory.
func encode(v *inventory.Inventory) (*taken, error) {
	at := v.At
	v.At = 0
	timeless, err := inventory.Encode(v)
	if err != nil {
		return nil, err
	}
	v.At = at
	document, err := inventory.Encode(v)
	if err != nil {
		return nil, err
	}
	compressed, err := hostinventory.Compress(v, document)
	return &taken{Inventory{compressed, sha256.Sum256(timeless)}, document}, err
}

func (l *local) setProblem(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.problem != text {
		l.log.Warn("the state of this host is not known", "err", text)
	}
	l.problem = text
}

// Latest returns the latest inventory; nil if there is none.
func (l *local) Latest() *Inventory {
	found, _, _ := l.current()
	if found == nil {
		return nil
	}
	return &found.Inventory
}

// Confirmed returns when the latest inventory was last known to be right, and why it may not be right any more.
func (l *local) Confirmed() (at time.Time, problem string) {
	_, at, problem = l.current()
	return at, problem
}

// current returns the latest inventory, when it was last known to be right, and why it may not be right any more.
func (l *local) current() (found *taken, at time.Time, problem string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.problem == "" {
		l.confirmedAt = clock.Now() // omgd reports each change, so nothing has changed
	}
	return l.inventory, l.confirmedAt, l.problem
}

// Ask answers a question from the latest inventory. If omgd does not run any more, the answer has the time at which it was last right.
func (l *local) Ask(s *question.Spec) (*question.Answer, error) {
	q, err := s.Question()
	if err != nil {
		return nil, err
	}
	found, at, problem := l.current()
	if found == nil {
		return nil, fmt.Errorf("it has no inventory: %s", problem)
	}
	r, finish := q.Ask()
	v, err := r.Read(found.document)
	if err != nil {
		return nil, err
	}
	answer := finish(v)
	if answer.At = at.Unix(); problem != "" && answer.State == question.Answered {
		answer.State, answer.Why = question.Partial, "its state may have changed: "+problem
	}
	return answer, nil
}
