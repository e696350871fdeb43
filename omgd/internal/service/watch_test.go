package service

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/omgd/internal/server"
	"github.com/omg-arch/omg/omgd/internal/state"
	"github.com/omg-arch/omg/shared/await"
	"github.com/omg-arch/omg/shared/need"
	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/wire"
)

// watchService is a service whose status clients can watch.
type watchService struct {
	*Service
	t        *testing.T
	server   *server.Server
	socket   string
	problems atomic.Pointer[[]wire.Problem]
	in       snapshot.Inputs
}

// newWatchService returns a service for several users. Its tests swap the snapshots.
func newWatchService(t *testing.T, h *state.Holder, last func() *wire.StatusResult) *watchService {
	w := &watchService{t: t, in: snapshot.Inputs{Local: snapshot.LocalInput{Packages: local(t)}}}
	w.problems.Store(new([]wire.Problem))
	w.Service = New(Config{
		State: h, PreviousStatus: last, RecheckIndexes: func() {}, MultiUser: true,
		Problems: func() []wire.Problem { return *w.problems.Load() },
	})
	limits := longLimits
	limits.WriteTimeout = time.Hour // some clients do not read during a whole test
	w.server = server.New(server.Config{
		Ops: w.Ops(), Limits: limits, HasSeveralUsers: true,
		IsAllowed: func(server.Peer) bool { return true }, IsAdmin: func(server.Peer) bool { return false },
	})
	dir, err := os.MkdirTemp("", "watch-") // a socket's path has to be short
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o755))
	w.socket = filepath.Join(dir, "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: w.socket})
	require.NoError(t, err)
	require.NoError(t, os.Chmod(w.socket, 0o666))
	ctx, stop := context.WithCancel(context.Background())
	var wait sync.WaitGroup
	wait.Go(func() { _ = w.server.Serve(l) })
	wait.Go(func() { w.PublishStatus(ctx) })
	t.Cleanup(func() {
		stop()
		_ = l.Close()
		end, cancel := context.WithTimeout(context.Background(), await.Timeout)
		defer cancel()
		require.NoError(t, w.server.Shutdown(end))
		wait.Wait()
		w.Close()
		_ = os.RemoveAll(dir)
	})
	return w
}

// swap makes a snapshot of the current inputs, with the generation n, the current one.
func (w *watchService) swap(n int) {
	w.in.Generation = uint64(n)
	w.State.Swap(state.New(snapshot.Build(w.in), nil))
}

// watch connects and sends the request to watch.
func (w *watchService) watch() net.Conn {
	w.t.Helper()
	nc, err := net.Dial("unix", w.socket)
	require.NoError(w.t, err)
	startWatching(w.t, nc)
	return nc
}

func startWatching(t *testing.T, nc net.Conn) {
	t.Helper()
	t.Cleanup(func() { _ = nc.Close() })
	require.NoError(t, nc.SetDeadline(time.Now().Add(await.Timeout)))
	b, err := wire.AppendRequest(nil, 1, wire.OpWatch, nil)
	require.NoError(t, err)
	_, err = nc.Write(b)
	require.NoError(t, err)
}

// nextStatus reads the next status, or the error with which the reply ends.
func nextStatus(nc net.Conn) (*wire.StatusResult, error) {
	if err := nc.SetDeadline(time.Now().Add(await.Timeout)); err != nil {
		return nil, err
	}
	b, err := wire.ReadFrame(nc, nil, wire.MaxFrameSize)
	if err != nil {
		return nil, err
	}
	reply, err := wire.DecodeReply(b)
	switch {
	case err != nil:
		return nil, err
	case reply.Err != nil:
		return nil, reply.Err
	case !reply.More:
		return nil, fmt.Errorf("a last chunk")
	}
	r := &wire.StatusResult{}
	return r, msgpack.Unmarshal(reply.Result, r)
}

// TestWatch_Changes checks which changes of the status are sent.
func TestWatch_Changes(t *testing.T) {
	h := state.NewHolder()
	w := newWatchService(t, h, noStatus)
	nc := w.watch() // before there is a status
	next := func() *wire.StatusResult {
		t.Helper()
		r, err := nextStatus(nc)
		require.NoError(t, err)
		return r
	}
	w.in.CheckedAt = time.Unix(1000, 0)
	w.swap(1)
	first := next()
	require.EqualValues(t, 1, first.Generation)
	require.EqualValues(t, 10, *first.Counts.Installed)
	want, err := statusOf(h, noStatus)
	require.NoError(t, err)
	require.Equal(t, want.Counts, first.Counts, "the same as in the result of status")

	st, release, err := h.Acquire()
	require.NoError(t, err)
	h.Swap(state.New(st.WithCheckTime(time.Unix(2000, 0)), nil)) // a change of the time alone is not sent
	release()
	late := w.watch()
	await.Condition(t, func() bool {
		w.WakeStatus()
		nc := w.watch()
		defer nc.Close()
		r, err := nextStatus(nc)
		return err == nil && r.ConfirmedAt == 2000
	}, "a new client gets the time of the last check")
	w.problems.Store(&[]wire.Problem{{Name: "refresh", State: "failed", Why: "on purpose"}})
	w.WakeStatus()
	second := next()
	require.Equal(t, "on purpose", second.Problems[0].Why)
	require.EqualValues(t, 2000, second.ConfirmedAt)
	for r, err := nextStatus(late); len(r.Problems) == 0; r, err = nextStatus(late) {
		require.NoError(t, err)
	}
	w.swap(2)
	require.EqualValues(t, 2, next().Generation)
}

// TestWatch_BeforeFirstSnapshot checks what a client gets before the first snapshot: the status of the last omgd, or the error after
// which it repeats its request.
func TestWatch_BeforeFirstSnapshot(t *testing.T) {
	w := newWatchService(t, state.NewHolder(), lastStatus)
	r, err := nextStatus(w.watch())
	require.NoError(t, err)
	require.True(t, r.Stale)
	require.EqualValues(t, 1001, *r.Counts.Installed)

	h := state.NewHolder()
	w = newWatchService(t, h, noStatus)
	nc := w.watch()
	h.SetError("pacman.conf: no such file")
	_, err = nextStatus(nc)
	require.Equal(t, wire.CodeNotReady, wire.CodeOf(err))
	require.ErrorContains(t, err, "no such file")
	w.swap(1)
	await.Condition(t, func() bool {
		r, err := nextStatus(w.watch())
		return err == nil && r.Generation == 1
	}, "a status after the error")
}

// dialAs connects to a socket as the user uid.
func dialAs(uid int, socket string) (net.Conn, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	become := func(uid int) error {
		const keep = ^uintptr(0)
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, keep, uintptr(uid), keep); errno != 0 {
			return errno
		}
		return nil
	}
	if err := become(uid); err != nil {
		return nil, err
	}
	nc, err := net.Dial("unix", socket)
	if back := become(0); back != nil {
		panic(back) // no other goroutine may run on a thread with another user ID
	}
	return nc, err
}

// TestWatch_ManyUsers checks 1,000 clients of 20 users during 10,000 changes, while one client of each user does not read: in the end
// each has the last status, those that read as well as the others once they read, and omgd has needed little memory.
func TestWatch_ManyUsers(t *testing.T) {
	need.Root(t)
	const users, perUser, changes = 20, 50, 10_000
	const pacedChanges = 50 // after so many changes, the test waits until one client has the last of them, so that omgd sends many statuses
	need.OpenFileLimit(t, 2*users*perUser+100)
	h := state.NewHolder()
	w := newWatchService(t, h, noStatus)
	w.swap(1)
	var watchers, stopped []net.Conn
	for user := range users {
		for n := range perUser {
			nc, err := dialAs(41000+user, w.socket)
			require.NoError(t, err)
			startWatching(t, nc)
			if n == 0 {
				stopped = append(stopped, nc)
				continue
			}
			_, err = nextStatus(nc)
			require.NoError(t, err)
			watchers = append(watchers, nc)
		}
	}
	// readUntil reads until the status with this generation. It returns how many it has read.
	readUntil := func(nc net.Conn, generation uint64) (read int, err error) {
		for last := uint64(0); last < generation; read++ {
			r, err := nextStatus(nc)
			if err != nil {
				return read, err
			}
			if r.Generation < last {
				return read, fmt.Errorf("generation %d after %d", r.Generation, last)
			}
			last = r.Generation
		}
		return read, nil
	}
	results := make(chan error, len(watchers))
	var read atomic.Int64
	pacer, watchers := watchers[0], watchers[1:]
	for _, nc := range watchers {
		go func() {
			n, err := readUntil(nc, changes)
			read.Add(int64(n))
			results <- err
		}()
	}
	before := heapInUse()
	for n := range changes {
		w.swap(n + 1)
		if n > 0 && (n+1)%pacedChanges == 0 {
			_, err := readUntil(pacer, uint64(n+1))
			require.NoError(t, err)
		}
	}
	for range watchers {
		require.NoError(t, await.Receive(t, results, "the last status"))
	}
	after := heapInUse()
	require.Equal(t, users*perUser, w.server.Connections(), "nobody is disconnected")
	require.Less(t, after, before+32<<20, "bytes of memory")
	for _, nc := range stopped {
		n, err := readUntil(nc, changes)
		require.NoError(t, err)
		require.Less(t, n, changes/pacedChanges/2, "a client that reads late gets what was on its way, and then the newest status")
	}
	t.Logf("%d changes, %d statuses read by %d clients; %d KiB of memory before, %d KiB after", changes, read.Load(), len(watchers), before>>10, after>>10)
}

// heapInUse returns the memory of live objects in bytes.
func heapInUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
