// Package manage starts and stops the daemon, and finds out whether it runs. It uses the user's service manager if that
// has the daemon's units.
package manage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/client"
	"github.com/omg-arch/omg/shared/config"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/pidfile"
	"github.com/omg-arch/omg/shared/version"
)

var (
	// ErrNotRunning means that no daemon runs.
	ErrNotRunning = errors.New("omgd is not running")
	// ErrStopTimeout means that the daemon did not stop in time.
	ErrStopTimeout = errors.New("omgd did not stop in time")
)

// Daemon is the user's daemon that listens on a socket. If only Env is set, the Daemon has the default socket and reads the
// default databases.
type Daemon struct {
	Env    paths.Env
	Socket string // empty for the default path
	// Args are further arguments of omgd. A daemon with arguments is not managed by the service manager.
	Args []string
}

// DaemonStatus is the state of a daemon.
type DaemonStatus struct {
	Running bool   `json:"running"`
	Socket  string `json:"socket"`
	// IsSystemWide is set if the user's own daemon does not run, and the system-wide daemon answers the user.
	IsSystemWide bool `json:"system_wide,omitempty"`
	PID          int  `json:"pid,omitempty"`
	// Version is the daemon's version; empty if the daemon does not respond.
	Version string `json:"version,omitempty"`
	// UnresponsiveReason is the reason why a running daemon does not respond.
	UnresponsiveReason string `json:"why,omitempty"`
}

// Start starts the daemon, and returns when it is ready. Without a service manager this process becomes omgd, and Start
// returns only on errors.
func (d *Daemon) Start(ctx context.Context) (code int, err error) {
	if d.IsManaged() {
		code, err := runUserSystemctl(ctx, "start", units...)
		return code, d.waitUntilReady(ctx, code, err)
	}
	program, err := paths.ProgramPath("omgd")
	if err != nil {
		return 0, err
	}
	args := []string{"omgd"}
	if d.Socket != "" {
		args = append(args, "--socket", d.Socket)
	}
	return 0, &os.PathError{Op: "exec", Path: program, Err: unix.Exec(program, append(args, d.Args...), os.Environ())}
}

// waitUntilReady waits until the daemon that the service manager has started is ready.
func (d *Daemon) waitUntilReady(ctx context.Context, code int, err error) error {
	if code != 0 || err != nil {
		return err
	}
	conn, err := d.dial(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	return conn.AwaitStarted(ctx)
}

// stopTimeout returns how long Stop waits for the daemon: twice the configured time, because the machine may be busy.
func (d *Daemon) stopTimeout() time.Duration {
	limits := config.Default().Limits
	if loaded, err := config.Load(d.Env, false); err == nil {
		limits = loaded.Limits
	}
	return 2 * time.Duration(limits.ShutdownTimeout)
}

// Stop stops the daemon and waits until it has exited.
func (d *Daemon) Stop(ctx context.Context) (code int, err error) {
	managed := d.IsManaged()
	if managed {
		if code, err := runUserSystemctl(ctx, "stop", units...); code != 0 || err != nil {
			return code, err
		}
	}
	pid, fd, err := d.findProcess(ctx)
	if errors.Is(err, ErrNotRunning) && managed {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	if err := unix.PidfdSendSignal(fd, unix.SIGTERM, nil, 0); err != nil && err != unix.ESRCH {
		return 0, fmt.Errorf("cannot stop process %d: %w", pid, err)
	}
	for end := time.Now().Add(d.stopTimeout()); ; {
		left := time.Until(end)
		if left <= 0 {
			return 0, fmt.Errorf("%w (process %d): kill it with kill -KILL %d", ErrStopTimeout, pid, pid)
		}
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(min(left, time.Hour).Milliseconds())+1)
		switch {
		case n > 0:
			return 0, nil
		case err != nil && err != unix.EINTR:
			return 0, os.NewSyscallError("poll", err)
		case ctx.Err() != nil:
			return 0, ctx.Err()
		}
	}
}

// Enable makes the user's service manager start the daemon when it is needed, from now on and after each login.
func (d *Daemon) Enable(ctx context.Context) (code int, err error) {
	return runUserSystemctl(ctx, "enable", "--now", units[0])
}

// Disable stops the daemon, and ends the effect of Enable.
func (d *Daemon) Disable(ctx context.Context) (code int, err error) {
	return runUserSystemctl(ctx, "disable", append([]string{"--now"}, units...)...)
}

// IsEnabled reports whether the user's service manager starts the daemon when it is needed, after each login.
func (d *Daemon) IsEnabled(ctx context.Context) bool {
	_, code, err := toolPrints(ctx, "systemctl", "--user", "is-enabled", units[0])
	return code == 0 && err == nil
}

// Restart stops the daemon, if one runs, and starts it like Start.
func (d *Daemon) Restart(ctx context.Context) (code int, err error) {
	if d.IsManaged() {
		code, err := runUserSystemctl(ctx, "restart", units...)
		return code, d.waitUntilReady(ctx, code, err)
	}
	if _, err := d.Stop(ctx); err != nil && !errors.Is(err, ErrNotRunning) {
		return 0, err
	}
	return d.Start(ctx)
}

// Status returns the state of the daemon. If it does not run, but the system-wide daemon answers the user, Status returns the
// state of the system-wide daemon.
func (d *Daemon) Status(ctx context.Context) (DaemonStatus, error) {
	s := DaemonStatus{Socket: d.Env.Socket(d.Socket)}
	pid, fd, err := d.findProcess(ctx)
	if errors.Is(err, ErrNotRunning) {
		for _, socket := range d.Env.Sockets(d.Socket)[1:] {
			if found, err := d.systemWideStatus(ctx, socket); err == nil {
				return found, nil
			}
		}
		return s, nil
	}
	if err != nil {
		return s, err
	}
	_ = unix.Close(fd)
	s.Running, s.PID = true, pid
	switch s.Version, err = d.version(ctx); {
	case errors.Is(err, client.ErrNoDaemon):
		s.UnresponsiveReason = "its socket is gone: restart it with omg daemon restart"
	case err != nil:
		s.UnresponsiveReason = err.Error()
	}
	return s, nil
}

// FindServing reports whether the user's own daemon runs or, if it does not, the system-wide daemon answers. Unlike Status it does not
// wait for a reply of the user's own daemon, which may hang.
func (d *Daemon) FindServing(ctx context.Context) (own, systemWide bool) {
	_, fd, err := d.findProcess(ctx)
	if err == nil {
		_ = unix.Close(fd)
		return true, false
	}
	if !errors.Is(err, ErrNotRunning) {
		return false, false
	}
	return false, slices.ContainsFunc(d.Env.Sockets(d.Socket)[1:], func(socket string) bool {
		_, err := d.systemWideStatus(ctx, socket)
		return err == nil
	})
}

// systemWideStatus returns the state of the system-wide daemon, or an error if it does not answer the user.
func (d *Daemon) systemWideStatus(ctx context.Context, socket string) (DaemonStatus, error) {
	conn, err := d.dialSocket(ctx, socket)
	if err != nil {
		return DaemonStatus{}, err
	}
	defer conn.Close()
	hello, err := conn.Hello(ctx)
	if err != nil {
		return DaemonStatus{}, err
	}
	s := DaemonStatus{Running: true, Socket: socket, IsSystemWide: true, Version: hello.Server}
	if fd, ok := openPidfd(conn.PID()); ok { // otherwise the peer is systemd, which has created the socket
		_ = unix.Close(fd)
		s.PID = conn.PID()
	}
	return s, nil
}

func (d *Daemon) dial(ctx context.Context) (*client.Conn, error) {
	return d.dialSocket(ctx, d.Env.Socket(d.Socket))
}

func (d *Daemon) dialSocket(ctx context.Context, socket string) (*client.Conn, error) {
	return client.Dial(ctx, socket, client.Options{IsTrustedUser: d.Env.Trusts, ClientName: "omg " + version.String()})
}

func (d *Daemon) version(ctx context.Context) (string, error) {
	conn, err := d.dial(ctx)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	hello, err := conn.Hello(ctx)
	if err != nil {
		return "", err
	}
	return hello.Server, nil
}

// findProcess returns the daemon's process and a pidfd, which cannot refer to a later process with the same PID. The PID comes
// from the PID file if the file is valid, the process is an omgd and the daemon's lock is held. Otherwise the process
// is the peer of the socket.
func (d *Daemon) findProcess(ctx context.Context) (pid, fd int, err error) {
	pid, err = pidfile.Read(d.Env.PIDFile(d.Env.Socket(d.Socket)), d.Env)
	if err == nil {
		if fd, ok := openPidfd(pid); ok {
			if !d.isLockFree() {
				return pid, fd, nil
			}
			_ = unix.Close(fd)
		}
	} else if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, pidfile.ErrFormat) {
		return 0, -1, err
	}
	conn, err := d.dial(ctx)
	if errors.Is(err, client.ErrNoDaemon) {
		return 0, -1, ErrNotRunning
	}
	if err != nil {
		return 0, -1, err
	}
	defer conn.Close()
	if fd, ok := openPidfd(conn.PID()); ok {
		return conn.PID(), fd, nil
	}
	return 0, -1, ErrNotRunning // the peer is the service manager, which listens on the socket until it starts omgd
}

// isLockFree reports whether the daemon's lock exists but is not held. Then the PID file is left over from a daemon that
// was killed, and the PID may be another omgd's by now.
func (d *Daemon) isLockFree() bool {
	path := d.Env.LockFile(d.Env.Socket(d.Socket))
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	return unix.Flock(fd, unix.LOCK_SH|unix.LOCK_NB) == nil
}

// openPidfd returns a pidfd of a process. The result ok is false if the process is not an omgd.
func openPidfd(pid int) (fd int, ok bool) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return -1, false
	}
	// The name is read after the pidfd was opened. While the process of the pidfd lives, no other process can have this
	// PID, and therefore the name is not that of another process.
	name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	if err != nil || strings.TrimSpace(string(name)) != "omgd" {
		_ = unix.Close(fd)
		return -1, false
	}
	return fd, true
}
