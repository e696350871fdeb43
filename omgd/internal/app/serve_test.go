package app

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/omg-arch/omg/shared/await"
	"github.com/omg-arch/omg/shared/client"
	"github.com/omg-arch/omg/shared/wire"
)

// ask sends a request on a new connection.
func ask(o options, op string) error {
	conn, err := client.Dial(context.Background(), o.socket, client.Options{Timeout: await.Timeout})
	if err != nil {
		return err
	}
	var ignored map[string]any
	return errors.Join(conn.CallForResult(context.Background(), op, nil, &ignored), conn.Close())
}

// hangUp sends one and a half requests, and closes the connection without waiting for the reply.
func hangUp(o options) {
	nc, err := net.Dial("unix", o.socket)
	if err != nil {
		return // omgd refuses a connection while too many others are open
	}
	b, _ := wire.AppendRequest(nil, 1, wire.OpSearch, &wire.SearchRequest{Words: []string{"e"}})
	_, _ = nc.Write(append(b, b[:len(b)/2]...))
	_ = nc.Close()
}

// TestServe_LeavesNothing checks that a daemon under load leaves no goroutine, process or file when it ends.
// During the load a database changes, and its index is replaced.
func TestServe_LeavesNothing(t *testing.T) {
	defer await.NoGoroutines(t, goleak.IgnoreCurrent())
	w := newTestSystem(t)
	d := w.serve()
	d.awaitCurrent()

	load, stop := context.WithCancel(t.Context())
	var wait sync.WaitGroup
	var replies atomic.Int64
	for i := range 50 {
		wait.Go(func() {
			for n := 0; load.Err() == nil; n++ {
				if i%10 == 0 {
					hangUp(w.options)
				}
				if err := ask(w.options, []string{wire.OpStatus, wire.OpExplicit, wire.OpOutdated, wire.OpCacheClear, wire.OpRefresh}[(i+n)%5]); err != nil {
					t.Error(err)
					return
				}
				replies.Add(1)
			}
		})
	}
	// Replace the database several times under load. At the end omgd answers from the last database.
	for n := range 5 {
		before := replies.Load()
		w.write("core", content(t, "core", 320+50*n))
		await.Condition(t, func() bool { return t.Failed() || replies.Load() >= before+100 }, "a hundred replies")
	}
	packages := w.packages("core")
	await.Condition(t, func() bool {
		st, release, err := d.snapshotHolder.Acquire()
		require.NoError(t, err)
		defer release()
		index := st.Inputs().Repositories[0].Index
		return t.Failed() || index != nil && int(index.DocCount()) == packages
	}, "the last database is served")
	stop()
	wait.Wait()
	d.stop()
	entries, err := os.ReadDir(filepath.Dir(w.socket))
	require.NoError(t, err)
	require.Empty(t, entries)
}

// TestServe_RefreshAtTheEnd checks that a request for a refresh is refused during the shutdown, and does not
// delay the shutdown.
func TestServe_RefreshAtTheEnd(t *testing.T) {
	w := newTestSystem(t)
	d, err := openDaemon(w.options)
	require.NoError(t, err)
	d.backgroundFuncs = nil
	r := serveDaemon(t, d)
	stopped, stop := context.WithCancel(context.Background())
	stop()
	d.refresher.Run(stopped)
	require.Equal(t, wire.CodeShuttingDown, wire.CodeOf(ask(w.options, wire.OpRefresh)))
	r.stop()
}

// TestServe_EndsAtOnce checks that omgd shuts down normally if its context ends before it serves requests.
func TestServe_EndsAtOnce(t *testing.T) {
	defer await.NoGoroutines(t, goleak.IgnoreCurrent())
	w := newTestSystem(t)
	ctx, end := context.WithCancel(context.Background())
	end()
	for range 2 {
		d, err := openDaemon(w.options)
		require.NoError(t, err)
		require.NoError(t, d.serve(ctx, func() {}))
		require.NoFileExists(t, w.socket)
	}
}
