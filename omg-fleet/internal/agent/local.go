package agent

import (
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/omg-fleet/internal/messages"
	"github.com/omg-arch/omg/shared/client"
	"github.com/omg-arch/omg/shared/clock"
	"github.com/omg-arch/omg/shared/hostinventory"
	"github.com/omg-arch/omg/shared/inventory"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/version"
	"github.com/omg-arch/omg/shared/wire"
)

// taken is an inventory of the host.
type taken struct {
	document   []byte
	compressed []byte
	digest     [32]byte // of the document without its time
}

// local follows the host's omgd, and keeps the latest inventory.
type local struct {
	sockets []string
	env     paths.Env
	log     *slog.Logger
	// changed has an element after the inventory has changed.
	changed chan struct{}

	mu        sync.Mutex
	inventory *taken // nil before the first
	// confirmedAt is when the inventory was made, or last known to be still right.
	confirmedAt time.Time
	problem     string // why omgd does not tell the state; empty if it does
}

func newLocal(o Options) *local {
	return &local{sockets: o.Sockets, env: o.Env, log: o.Log, changed: make(chan struct{}, 1), problem: client.ErrNoDaemon.Error()}
}

// Delays before omgd is asked again after a failure.
const (
	firstDelay = time.Second
	lastDelay  = time.Minute
)

// follow takes an inventory whenever omgd's data has changed, until the context ends.
func (l *local) follow(ctx context.Context) {
	delay := firstDelay
	for ctx.Err() == nil {
		worked, err := l.followOnce(ctx)
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
func (l *local) followOnce(ctx context.Context) (worked bool, err error) {
	ended, closeEnded, err := endOf(ctx)
	if err != nil {
		return false, err
	}
	defer closeEnded()
	conn, err := l.dial(ctx)
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
		err := l.take(ctx)
		worked = worked || err == nil
		return err
	})
	return worked, err
}

// endOf returns a descriptor that is readable after the context has ended.
func endOf(ctx context.Context) (fd int32, closeAll func(), err error) {
	r, w, err := os.Pipe()
	if err != nil {
		return 0, nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = w.Close() })
	return int32(r.Fd()), func() {
		if stop() {
			_ = w.Close()
		}
		_ = r.Close()
	}, nil
}

func (l *local) dial(ctx context.Context) (*client.Conn, error) {
	options := client.Options{IsTrustedUser: l.env.Trusts, ClientName: "omg-fleet " + version.String(), Interruptible: true}
	failure := client.ErrNoDaemon
	for _, socket := range l.sockets {
		conn, err := client.Dial(ctx, socket, options)
		if err == nil {
			return conn, nil
		}
		if !errors.Is(err, client.ErrNoDaemon) {
			failure = err
		}
	}
	return nil, failure
}

// take takes an inventory.
func (l *local) take(ctx context.Context) error {
	conn, err := l.dial(ctx)
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
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.problem != "" {
		l.log.Info("omgd answers")
	}
	hasChanged := l.inventory == nil || l.inventory.digest != found.digest
	l.inventory, l.confirmedAt, l.problem = found, clock.Now(), ""
	if hasChanged {
		notify(l.changed)
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
	compressed, err := hostinventory.Compress(document)
	return &taken{document, compressed, sha256.Sum256(timeless)}, err
}

func (l *local) setProblem(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.problem != text {
		l.log.Warn("the state of this host is not known", "err", text)
	}
	l.problem = text
}

// latest returns the latest inventory; nil if there is none.
func (l *local) latest() *taken {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.inventory
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

// alive returns the message of a sign of life.
func (l *local) alive(interval time.Duration, stopped bool) ([]byte, error) {
	found, at, problem := l.current()
	v := messages.Alive{
		Schema: messages.Schema, Now: clock.Now().Unix(), Problem: problem, OmgVersion: version.String(), Interval: int64(interval / time.Second), Stopped: stopped,
	}
	if found != nil {
		v.InventoryAt = at.Unix()
	}
	return messages.Encode(v)
}
