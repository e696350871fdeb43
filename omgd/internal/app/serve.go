package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/omgd/internal/detach"
)

// shutdownTimeouts returns the timeouts of running requests and of the whole shutdown. Both are shorter than the
// configured timeout, because timers and signals are late on a busy machine.
func (d *daemon) shutdownTimeouts() (requests, all time.Duration) {
	limit := time.Duration(d.config.Limits.ShutdownTimeout)
	return limit * 7 / 10, limit * 88 / 100
}

// serve runs the daemon until ctx ends, and then shuts it down. The function restoreSignals restores the
// default effect of signals.
func (d *daemon) serve(ctx context.Context, restoreSignals func()) error {
	tasks, stopTasks := context.WithCancel(context.Background())
	defer stopTasks()
	var wait sync.WaitGroup
	for _, task := range d.backgroundFuncs {
		wait.Go(func() { task(tasks) })
	}
	served := make(chan error, 1)
	go func() { served <- d.server.Serve(d.listener.UnixListener) }()
	d.log.Info("listening", "socket", d.listener.Addr().String())
	d.serviceManager.Ready("reading the databases")
	if d.isBackgroundProcess {
		if err := errors.Join(os.Chdir("/"), detach.ReportReady()); err != nil {
			d.log.Warn("cannot detach from parent", "err", err)
		}
	}

	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, unix.SIGHUP)
	defer signal.Stop(hangup)
	for running := true; running; {
		select {
		case <-ctx.Done():
			running = false
		case <-hangup:
			d.reload()
		}
	}
	secondSignal := make(chan os.Signal, 1)
	signal.Notify(secondSignal, os.Interrupt, unix.SIGTERM)
	restoreSignals()
	d.log.Info("shutting down")
	d.serviceManager.Stopping()
	requestsTime, allTime := d.shutdownTimeouts()
	ended := make(chan error, 1)
	go func() {
		// Stop the accept loop and the tasks first, and then the running requests.
		err := d.listener.StopAccepting(d.server.GoodbyeFrame())
		stopTasks()
		end, cancel := context.WithTimeout(context.Background(), requestsTime)
		defer cancel()
		err = errors.Join(err, d.server.Shutdown(end), <-served)
		wait.Wait()
		d.Close()
		ended <- err
	}()
	select {
	case err := <-ended:
		return err
	case s := <-secondSignal:
		d.closeWithoutWaiting()
		signal.Reset(s)
		// End by the same signal, so that the parent process sees the signal in the exit status. A signal to
		// this thread is delivered before the call returns; a signal to the process may be delivered later.
		runtime.LockOSThread()
		err := unix.Tgkill(unix.Getpid(), unix.Gettid(), s.(syscall.Signal))
		return errors.Join(fmt.Errorf("a second signal (%s)", s), err)
	case <-time.After(allTime):
		d.closeWithoutWaiting()
		return errShutdownTimeout
	}
}

// closeWithoutWaiting removes the daemon's files without waiting for its goroutines.
func (d *daemon) closeWithoutWaiting() {
	d.statusKeeper.removeFile()
	d.listener.Close()
}

// runWatchdog sends signs of life to the service manager.
func (d *daemon) runWatchdog(ctx context.Context) {
	d.serviceManager.Watchdog(ctx, func() { d.server.Connections() })
}

// statusLine returns the daemon's state as one line of text.
func (d *daemon) statusLine() string {
	st, release, err := d.snapshotHolder.Acquire()
	if err != nil {
		return err.Error()
	}
	defer release()
	text := fmt.Sprintf("%d packages, generation %d", st.PackageCount(), st.Generation())
	if n := len(st.Inputs().Problems) + len(d.allProblems()); n > 0 {
		text += fmt.Sprintf(", %d problems", n)
	}
	return text
}
