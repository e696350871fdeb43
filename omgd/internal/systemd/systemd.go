// Package systemd is what omgd and its service manager tell each other: the
// socket that it was started for, that it is ready, how it goes, that it lives.
// Without a service manager all of it does nothing.
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

// ErrSocket means that what the service manager gave is not one unix socket that
// listens.
var ErrSocket = errors.New("the service manager must give one listening unix stream socket")

// Socket is the socket that the service manager listens on for us, nil if there
// is none.
func Socket() (*net.UnixListener, error) {
	// Asked before the library takes them: numbers behind the first may be the runtime's own by now, or too many to hold.
	if n, err := strconv.Atoi(os.Getenv("LISTEN_FDS")); err == nil && n > 1 && os.Getenv("LISTEN_PID") == strconv.Itoa(os.Getpid()) {
		return nil, fmt.Errorf("%w, not %d", ErrSocket, n)
	}
	files := activation.Files(true)
	if len(files) == 0 {
		return nil, nil
	}
	defer files[0].Close()
	fd := int(files[0].Fd())
	if on, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN); err != nil || on == 0 {
		return nil, ErrSocket
	}
	l, err := net.FileListener(files[0])
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSocket, err)
	}
	u, ok := l.(*net.UnixListener)
	if !ok || u.Addr().Network() != "unix" {
		_ = l.Close()
		return nil, ErrSocket
	}
	return u, nil
}

// Activated says whether the service manager started this process for a socket.
// Socket takes the sign of it away.
func Activated() bool { return os.Getenv("LISTEN_FDS") != "" }

// Notifier tells the service manager.
type Notifier struct {
	Log *slog.Logger
}

// Ready says that the start, or a reload, is done, and how it goes.
func (n Notifier) Ready(status string) { n.tell(daemon.SdNotifyReady, "STATUS="+line(status)) }

// Status says how it goes, in one line.
func (n Notifier) Status(status string) { n.tell("STATUS=" + line(status)) }

// Reloading says that the configuration is read again; Ready must follow.
func (n Notifier) Reloading() {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		n.Log.Warn("cannot read the clock", "err", err)
	}
	n.tell(daemon.SdNotifyReloading, fmt.Sprintf("MONOTONIC_USEC=%d", now.Nano()/1000))
}

// Stopping says that the end has begun.
func (n Notifier) Stopping() { n.tell(daemon.SdNotifyStopping, "STATUS=ending") }

// Watchdog tells, until ctx ends, that the process lives: twice in the time after
// which the service manager takes it for dead. It calls alive each time before,
// which returns unless something hangs.
func (n Notifier) Watchdog(ctx context.Context, alive func()) {
	interval, err := daemon.SdWatchdogEnabled(true)
	if err != nil {
		n.Log.Warn("the service manager's watchdog", "err", err)
	}
	if interval <= 0 {
		return
	}
	tick := time.NewTicker(interval / 2)
	defer tick.Stop()
	for {
		alive()
		n.tell(daemon.SdNotifyWatchdog)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (n Notifier) tell(lines ...string) {
	if _, err := daemon.SdNotify(false, strings.Join(lines, "\n")); err != nil {
		n.Log.Warn("cannot tell the service manager", "err", err)
	}
}

// line keeps a text from being more than one assignment.
func line(s string) string { return strings.ReplaceAll(s, "\n", " ") }
