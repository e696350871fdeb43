// Package systemd talks to the service manager: it takes over the listening socket, and reports readiness,
// status and signs of life. Without a service manager its functions do nothing.
package systemd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
	"github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sys/unix"
)

// ErrUnexpectedSocket means that the service manager has passed something other than one listening unix socket.
var ErrUnexpectedSocket = errors.New("expected one listening unix stream socket from the service manager")

// PassedSocket returns the listening socket that the service manager has passed, or nil if it has passed none.
func PassedSocket() (*net.UnixListener, error) {
	// Check the number of passed descriptors before activation.Files takes them over. All descriptors after
	// the first may be in use by the Go runtime, or may be too many to keep open.
	if n, err := strconv.Atoi(os.Getenv("LISTEN_FDS")); err == nil && n > 1 && os.Getenv("LISTEN_PID") == strconv.Itoa(os.Getpid()) {
		return nil, fmt.Errorf("%w, not %d", ErrUnexpectedSocket, n)
	}
	files := activation.Files(true)
	if len(files) == 0 {
		return nil, nil
	}
	defer files[0].Close()
	fd := int(files[0].Fd())
	if on, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN); err != nil || on == 0 {
		return nil, ErrUnexpectedSocket
	}
	l, err := net.FileListener(files[0])
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnexpectedSocket, err)
	}
	u, ok := l.(*net.UnixListener)
	if !ok || u.Addr().Network() != "unix" {
		_ = l.Close()
		return nil, ErrUnexpectedSocket
	}
	return u, nil
}

// Activated reports whether the service manager has passed a socket. It must be called before PassedSocket, which
// removes the environment variable LISTEN_FDS.
func Activated() bool { return os.Getenv("LISTEN_FDS") != "" }

// Notifier sends messages to the service manager.
type Notifier struct {
	Log *slog.Logger
}

// Ready reports that the start or a reload is done, with a status text.
func (n Notifier) Ready(status string) { n.notify(daemon.SdNotifyReady, "STATUS="+oneLine(status)) }

// Status reports a status text.
func (n Notifier) Status(status string) { n.notify("STATUS=" + oneLine(status)) }

// Reloading reports that the configuration is being read again. The caller must call Ready after that.
func (n Notifier) Reloading() {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		n.Log.Warn("cannot read the clock", "err", err)
	}
	n.notify(daemon.SdNotifyReloading, fmt.Sprintf("MONOTONIC_USEC=%d", now.Nano()/1000))
}

// Stopping reports that the shutdown has begun.
func (n Notifier) Stopping() { n.notify(daemon.SdNotifyStopping, "STATUS=stopping") }

// Watchdog sends signs of life until ctx ends: two in each watchdog interval of the service manager. Before
// each sign of life it calls alive(), which does not return if the daemon hangs.
func (n Notifier) Watchdog(ctx context.Context, alive func()) {
	interval, err := daemon.SdWatchdogEnabled(true)
	if err != nil {
		n.Log.Warn("cannot read the watchdog interval", "err", err)
	}
	if interval <= 0 {
		return
	}
	tick := time.NewTicker(interval / 2)
	defer tick.Stop()
	for {
		alive()
		n.notify(daemon.SdNotifyWatchdog)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (n Notifier) notify(lines ...string) {
	if _, err := daemon.SdNotify(false, strings.Join(lines, "\n")); err != nil {
		n.Log.Warn("cannot notify the service manager", "err", err)
	}
}

// oneLine replaces the newlines in s: the service manager reads each line of a message as an assignment, such
// as STATUS=text.
func oneLine(s string) string { return strings.ReplaceAll(s, "\n", " ") }
