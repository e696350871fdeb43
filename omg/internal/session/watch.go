package session

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/omg/internal/remote"
	"github.com/omg-arch/omg/shared/client"
	"github.com/omg-arch/omg/shared/wire"
)

// State says from where a session answers.
type State int

// The states of a session.
const (
	StateUnknown State = iota // omgd has not been asked yet
	StateDaemon               // omgd answers
	StateFiles                // there is no omgd that may answer, and the files are read
	StateLost                 // omgd has ended or does not respond, and the files are read until it is back
)

// Change is what Watch reports.
type Change struct {
	// Status is the status after data has changed; nil if only the state of the session has changed.
	Status *wire.StatusResult
	State  State
	// Reason says why omgd does not answer. It is empty for StateDaemon.
	Reason string
}

// retryWait is the longest wait before a daemon that may not answer is asked again: its successor may.
const retryWait = 15 * time.Second

// Watch calls the function visit with the first status, whenever data has changed, and whenever the state of the session has changed, until
// ctx ends or visit returns an error, which Watch returns. omgd reports changes of data when they happen. Without omgd, they are noticed by
// the next request, because nothing is compared while there are none.
func (s *Session) Watch(ctx context.Context, visit func(Change) error) error {
	ctx, cancel := context.WithCancel(ctx)
	w := &watcher{s: s, changes: make(chan Change)}
	var running sync.WaitGroup
	running.Go(func() { w.watchDaemon(ctx) })
	running.Go(func() { w.watchFiles(ctx) })
	defer running.Wait()
	defer cancel()
	for {
		select {
		case c := <-w.changes:
			if err := visit(c); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// watcher watches the data of a session.
type watcher struct {
	s       *Session
	changes chan Change

	mu   sync.Mutex
	last Change // the last change that the daemon's watch has reported, without its status
}

// report passes a change on.
func (w *watcher) report(ctx context.Context, c Change) error {
	select {
	case w.changes <- c:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// watchDaemon reports the statuses of omgd, and the states of the session.
func (w *watcher) watchDaemon(ctx context.Context) {
	in, out, err := os.Pipe() // package remote stops to wait when nobody reads the output any more
	if err != nil {
		w.reportState(ctx, StateFiles, err.Error())
		return
	}
	defer out.Close()
	defer in.Close()
	defer context.AfterFunc(ctx, func() { _ = in.Close() })()
	answered := false
	request := &backend.WatchRequest{Output: out, WaitForDaemon: true, OnAway: func(reason string) error {
		state := StateFiles
		if answered {
			state = StateLost
		}
		return w.reportState(ctx, state, reason)
	}}
	for ctx.Err() == nil {
		err := remote.OpenIn(w.host(), w.s.options).Watch(ctx, request, func(st *wire.StatusResult) error {
			answered = true
			w.s.conns.askAgain()
			w.s.forgetNotes()
			w.setLast(Change{State: StateDaemon})
			return w.report(ctx, Change{Status: st, State: StateDaemon})
		})
		if without := new(withoutDaemon); errors.As(err, &without) {
			_ = w.reportState(ctx, StateFiles, "omgd is not asked about these databases")
			return
		}
		if err != nil && w.reportState(ctx, StateFiles, err.Error()) == nil {
			select {
			case <-time.After(retryWait/2 + rand.N(retryWait/2)):
			case <-ctx.Done():
			}
		}
	}
}

// host returns the host of a watch, which has a connection of its own.
func (w *watcher) host() remote.Host {
	h := w.s.host()
	h.Connect = func(ctx context.Context, socket string, o client.Options) (*client.Conn, error) {
		o.CheckGreeting = w.s.greetingCheck(socket)
		return client.Dial(ctx, socket, o)
	}
	h.Release = func(conn *client.Conn, _ error) { _ = conn.Close() }
	return h
}

// reportState reports that the state of the session has changed, if it has, and lets watchFiles report the status in the files.
func (w *watcher) reportState(ctx context.Context, state State, reason string) error {
	c := Change{State: state, Reason: reason}
	if !w.setLast(c) {
		return ctx.Err()
	}
	err := w.report(ctx, c)
	w.s.signalFilesChanged()
	return err
}

// setLast sets the last change, and reports whether it differs from the one before.
func (w *watcher) setLast(c Change) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	isNew := w.last != c
	w.last = c
	return isNew
}

// watchFiles reports the status in the files after they have changed, unless omgd reports it.
func (w *watcher) watchFiles(ctx context.Context) {
	for {
		select {
		case <-w.s.filesChanged:
		case <-ctx.Done():
			return
		}
		if w.lastChange().State == StateDaemon {
			continue
		}
		st, err := w.s.Status(ctx)
		c := w.lastChange()
		if err != nil || c.State == StateDaemon {
			continue
		}
		c.Status = st
		if w.report(ctx, c) != nil {
			return
		}
	}
}

func (w *watcher) lastChange() Change {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last
}
