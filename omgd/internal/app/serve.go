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
	"github.com/omg-arch/omg/omgd/internal/server"
)

// Of the time for the end, running requests have the first part, then what is left
// is waited for, then it is given up. The rest is for a machine so busy that signals
// and clocks come late.
func (d *daemon) endTimes() (requests, all time.Duration) {
	limit := time.Duration(d.config.Limits.ShutdownTimeout)
	return limit * 7 / 10, limit * 88 / 100
}

// errGaveUp means that something did not end in time.
var errGaveUp = errors.New("gave up waiting for the end")

// serve runs until ctx ends, and then ends everything. Afterwards uncatch gives
// signals their usual effect back.
func (d *daemon) serve(ctx context.Context, uncatch func()) error {
	tasks, stopTasks := context.WithCancel(context.Background())
	defer stopTasks()
	var wait sync.WaitGroup
	for _, task := range d.tasks {
		wait.Go(func() { task(tasks) })
	}
	served := make(chan error, 1)
	go func() { served <- d.server.Serve(d.listener) }()
	d.log.Info("listening", "socket", d.listener.Addr().String())
	d.manager.Ready("reading the databases")
	if d.copied {
		if err := errors.Join(os.Chdir("/"), detach.Ready()); err != nil {
			d.log.Warn("cannot leave the one who started this", "err", err)
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
	again := make(chan os.Signal, 1)
	signal.Notify(again, os.Interrupt, unix.SIGTERM)
	uncatch()
	d.log.Info("ending")
	d.manager.Stopping()
	requestsTime, endTime := d.endTimes()
	ended := make(chan error, 1)
	go func() {
		// First the accept loop and the tasks, then the running requests.
		err := d.listener.End(server.Goodbye())
		stopTasks()
		end, cancel := context.WithTimeout(context.Background(), requestsTime)
		defer cancel()
		err = errors.Join(err, d.server.Shutdown(end), <-served)
		wait.Wait()
		d.worker.Close()
		d.service.Close()
		d.memory.close()
		d.listener.Release()
		ended <- err
	}()
	select {
	case err := <-ended:
		return err
	case s := <-again:
		d.abandon()
		signal.Reset(s)
		// The status says what ended it. A signal to this thread has come when the call
		// returns; one to the process comes when another thread gets to run.
		runtime.LockOSThread()
		err := unix.Tgkill(unix.Getpid(), unix.Gettid(), s.(syscall.Signal))
		return errors.Join(fmt.Errorf("a second signal (%s)", s), err)
	case <-time.After(endTime):
		d.abandon()
		return errGaveUp
	}
}

// abandon leaves nothing in the file system though not all has ended.
func (d *daemon) abandon() {
	d.memory.forget()
	d.listener.Abandon()
}

// watchdog tells the service manager that the daemon lives, as long as it does.
func (d *daemon) watchdog(ctx context.Context) {
	d.manager.Watchdog(ctx, func() { d.server.Connections() })
}

// summary is the daemon's state in a line.
func (d *daemon) summary() string {
	st, why := d.holder.Acquire()
	if st == nil {
		return why
	}
	defer st.Release()
	text := fmt.Sprintf("%d packages, generation %d", st.Set.Packages(), st.Generation)
	if n := len(d.parts()); n > 0 {
		text += fmt.Sprintf(", %d parts degraded", n)
	}
	return text
}
