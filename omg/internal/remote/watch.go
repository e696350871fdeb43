package remote

import (
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/shared/client"
	"github.com/omg-arch/omg/shared/wire"
)

const (
	// firstReconnectWait is the wait before the first attempt to connect again. Each further wait is twice as long, up to maxReconnectWait.
	firstReconnectWait = 100 * time.Millisecond
	maxReconnectWait   = 15 * time.Second
	// awayAfter is the number of failed attempts after which omgd is away. A restart of omgd takes fewer.
	awayAfter = 4
)

// errOutputClosed means that nobody reads the output any more.
var errOutputClosed = errors.New("the output is closed")

// Watch implements backend.Backend. If the connection ends, it connects again to the same socket, after waits that grow.
func (b *Backend) Watch(ctx context.Context, r *backend.WatchRequest, visit func(*wire.StatusResult) error) error {
	if !b.asksDaemon() {
		return b.switchToDirect()
	}
	w := &watcher{b: b, request: r, visit: visit, wait: b.reconnectWait, await: b.awaitStatus}
	if w.wait == nil {
		w.wait = waitWithJitter
	}
	if w.await == nil {
		w.await = func(fd int, limit time.Duration) error { return pollUntilReadable(fd, r.Output, limit) }
	}
	err := w.run(ctx)
	if errors.Is(err, errOutputClosed) {
		return nil
	}
	if errors.Is(err, client.ErrNoDaemon) {
		return b.switchToDirect() // omg-direct says what to do
	}
	return err
}

// watcher watches the status of one daemon.
type watcher struct {
	b       *Backend
	request *backend.WatchRequest
	visit   func(*wire.StatusResult) error
	// wait waits after a number of attempts. It returns errOutputClosed if the output is closed meanwhile.
	wait func(output *os.File, attempts int) error
	// await waits for a status. It returns errOutputClosed if the output is closed meanwhile.
	await client.AwaitFunc

	hasConnected bool  // a status has arrived since the start
	failures     int   // the number of attempts without a status since the last status
	shortConns   int   // the number of attempts since the last connection that lasted longer than maxReconnectWait
	visitErr     error // the error of visit
}

func (w *watcher) run(ctx context.Context) error {
	for {
		start := time.Now()
		err := w.watchOnce(ctx)
		if w.visitErr != nil {
			return w.visitErr
		}
		if errors.Is(err, errOutputClosed) || !w.isTemporary(err) {
			return err
		}
		if time.Since(start) > maxReconnectWait {
			w.shortConns = 0
		}
		w.failures++
		if isHung(err) { // it is not being restarted
			w.failures = max(w.failures, w.failuresUntilAway())
		}
		w.shortConns++
		if w.failures == w.failuresUntilAway() {
			if err := w.request.OnAway(awayReason(err)); err != nil {
				return err
			}
		}
		if err := w.wait(w.request.Output, w.shortConns); err != nil {
			return err
		}
	}
}

// failuresUntilAway returns the number of failed attempts after which omgd is away.
func (w *watcher) failuresUntilAway() int {
	if !w.hasConnected {
		return 1
	}
	return awayAfter
}

// watchOnce connects, and watches until the connection ends.
func (w *watcher) watchOnce(ctx context.Context) error {
	w.b.unanswered = nil // a daemon that did not respond earlier may respond now
	conn, err := w.b.dial(ctx)
	if err != nil {
		return err
	}
	defer func() { w.b.host.Release(conn, nil) }()
	w.b.o.Socket = w.b.connectedSocket // another daemon may read other databases
	return conn.Watch(ctx, w.await, func(st *wire.StatusResult) error {
		w.hasConnected, w.failures = true, 0
		w.visitErr = w.visit(st)
		return w.visitErr
	})
}

// isTemporary reports whether it makes sense to connect again after an error. At the start, only a daemon that has no status yet, or that is
// stopping, is worth waiting for.
func (w *watcher) isTemporary(err error) bool {
	switch wire.CodeOf(err) {
	case wire.CodeNotReady, wire.CodeShuttingDown:
		return true
	case wire.CodeBusy, wire.CodeInternal:
		return w.hasConnected
	case 0:
	default:
		return false
	}
	switch {
	case errors.Is(err, client.ErrUntrusted), errors.Is(err, client.ErrNotSocket), errors.Is(err, fs.ErrPermission), errors.Is(err, context.Canceled):
		return false
	case errors.Is(err, client.ErrNoDaemon), isHung(err):
		return w.hasConnected || w.request.WaitForDaemon
	}
	return w.hasConnected || errors.Is(err, client.ErrBroken)
}

// isHung reports whether an error means that omgd runs, but does not respond.
func isHung(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }

// awayReason returns the reason why there is no status, for the user.
func awayReason(err error) string {
	refused := new(wire.Error)
	switch {
	case errors.As(err, &refused):
		return refused.Message
	case errors.Is(err, client.ErrNoDaemon), errors.Is(err, client.ErrBroken):
		return "omgd is not running"
	case isHung(err):
		return "omgd does not respond"
	}
	return err.Error()
}

// waitWithJitter waits between a half and the whole of the time after a number of attempts, so that not all programs that watch connect
// at the same moment.
func waitWithJitter(output *os.File, attempts int) error {
	limit := min(maxReconnectWait, firstReconnectWait<<min(attempts-1, 10))
	return pollOutput(output, limit/2+rand.N(limit/2))
}

// pollUntilReadable waits until bytes arrive on a socket or its peer closes it. If the output is closed meanwhile, it returns errOutputClosed,
// and after the time limit os.ErrDeadlineExceeded.
func pollUntilReadable(fd int, output *os.File, limit time.Duration) error {
	return poll([]unix.PollFd{{Fd: outputDescriptor(output)}, {Fd: int32(fd), Events: unix.POLLIN}}, limit)
}

// pollOutput waits for a time. If the output is closed meanwhile, it returns errOutputClosed.
func pollOutput(output *os.File, d time.Duration) error {
	if err := poll([]unix.PollFd{{Fd: outputDescriptor(output)}}, d); !errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	return nil
}

// outputDescriptor returns the file descriptor of an output, or -1, which poll ignores, if there is none.
func outputDescriptor(output *os.File) int32 {
	if output == nil {
		return -1
	}
	return int32(output.Fd())
}

// poll waits until one of the files is ready. The first one is the output. After the time limit it returns os.ErrDeadlineExceeded.
func poll(files []unix.PollFd, limit time.Duration) error {
	err := client.Poll(files, limit)
	if err == nil && files[0].Revents&(unix.POLLERR|unix.POLLHUP) != 0 {
		return errOutputClosed
	}
	return err
}
