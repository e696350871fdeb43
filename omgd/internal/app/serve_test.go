package app

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/omg-arch/omg/omgd/internal/logging"
	"github.com/omg-arch/omg/omgd/internal/store"
	"github.com/omg-arch/omg/shared/await"
	"github.com/omg-arch/omg/shared/catalog"
	"github.com/omg-arch/omg/shared/client"
	"github.com/omg-arch/omg/shared/config"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/wire"
)

// patient are limits that no slow machine reaches.
var patient = store.Limits{Open: await.Hang, Operation: await.Hang, Close: await.Hang}

// world is what a daemon within the test is started with: nothing that would make
// it ask a network.
func world(t *testing.T) options {
	t.Helper()
	dir, err := os.MkdirTemp("", "omgd-") // short: a socket's path has 107 bytes at most
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	db, conf := filepath.Join(dir, "db"), filepath.Join(dir, "pacman.conf")
	require.NoError(t, fixture.Write(db, fixture.Options{Packages: 300, Installed: 30, Seed: 1}))
	require.NoError(t, os.WriteFile(conf, []byte(fixture.Config), 0o644))
	o := options{
		env: paths.Env{Getenv: func(string) string { return "" }, UID: os.Getuid()}, config: config.Default(),
		socket: filepath.Join(dir, "run", "omg.sock"), dbpath: db, pacmanConfig: conf, data: filepath.Join(dir, "data"),
		indexes: []string{filepath.Join(dir, "repos.omgidx")}, log: slog.New(slog.DiscardHandler), logging: quiet(t),
	}
	o.config.AUR.Enabled, o.config.AUR.Live.Enabled, o.config.Tracker.Enabled = false, false, false
	l := &o.config.Limits
	for _, limit := range []*config.Duration{&l.HalfFrame, &l.Write, &l.UnreadTimeout, &l.ShutdownTimeout} {
		*limit = config.Duration(await.Hang)
	}
	o.store = patient
	build(t, o, 1)
	return o
}

func quiet(t *testing.T) *logging.Log {
	t.Helper()
	l, err := logging.New("error", false, io.Discard)
	require.NoError(t, err)
	return l
}

// build writes the index, as built at some time.
func build(t *testing.T, o options, at int64) {
	t.Helper()
	repos, err := catalog.Config{DBPath: o.dbpath, PacmanConfig: o.pacmanConfig}.ReadRepos()
	require.NoError(t, err)
	built, err := repos.Build(context.Background(), "test", at, nil)
	require.NoError(t, err)
	require.NoError(t, built.WriteFile(o.indexes[0]))
}

// ask asks a question on a connection of its own.
func ask(o options, op string) error {
	conn, err := client.Dial(context.Background(), o.socket, client.Options{Timeout: await.Hang})
	if err != nil {
		return err
	}
	var ignored map[string]any
	return errors.Join(conn.Get(context.Background(), op, nil, &ignored), conn.Close())
}

// hangUp asks one question and a half, and does not wait for the answer.
func hangUp(o options) {
	nc, err := net.Dial("unix", o.socket)
	if err != nil {
		return // too many at the same time
	}
	b, _ := wire.AppendRequest(nil, 1, wire.OpSearch, &wire.SearchRequest{Words: []string{"e"}})
	_, _ = nc.Write(append(b, b[:len(b)/2]...))
	_ = nc.Close()
}

// TestServe_LeavesNothing: a whole daemon, under load while its index is exchanged,
// ends without a goroutine or a file left.
func TestServe_LeavesNothing(t *testing.T) {
	defer await.NoGoroutines(t, goleak.IgnoreCurrent())
	o := world(t)
	d, err := start(o)
	require.NoError(t, err)
	ctx, end := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- d.serve(ctx, func() {}) }()
	await.That(t, func() bool { return d.holder.Checked.Load() > 0 }, "the databases are read")

	load, stop := context.WithCancel(ctx)
	var wait sync.WaitGroup
	var asked atomic.Int64
	for i := range 50 {
		wait.Go(func() {
			for n := 0; load.Err() == nil; n++ {
				if i%10 == 0 {
					hangUp(o)
				}
				if err := ask(o, []string{wire.OpStatus, wire.OpExplicit, wire.OpOutdated, wire.OpCacheClear, wire.OpRefresh}[(i+n)%5]); err != nil {
					t.Error(err)
					return
				}
				asked.Add(1)
			}
		})
	}
	// Ten indexes, each under load, the last of which is the one that is served.
	for n := range int64(10) {
		before := asked.Load()
		build(t, o, 2+n)
		await.That(t, func() bool { return t.Failed() || asked.Load() >= before+100 }, "a hundred answers")
	}
	await.That(t, func() bool { return t.Failed() || indexTime(t, d) == 11 }, "the last index is served")
	stop()
	wait.Wait()
	end()
	require.NoError(t, <-served)
	entries, err := os.ReadDir(filepath.Dir(o.socket))
	require.NoError(t, err)
	require.Empty(t, entries)
}

// indexTime is when the index that is served was built.
func indexTime(t *testing.T, d *daemon) int64 {
	t.Helper()
	st, why := d.holder.Acquire()
	require.NotNil(t, st, why)
	defer st.Release()
	return st.Indexes()[0].Facts().Built
}

// TestStartFails: what a failed start had made is gone, and the place is free.
func TestStartFails(t *testing.T) {
	defer await.NoGoroutines(t, goleak.IgnoreCurrent())
	o := world(t)
	wrong := o
	wrong.system, wrong.config.Access.SocketGroup = true, "no such group"
	_, err := start(wrong)
	require.ErrorContains(t, err, "access.socket_group")
	wrong.config.Access = config.Access{Users: []string{"no such user"}}
	_, err = start(wrong)
	require.ErrorContains(t, err, "access.users")
	require.NoDirExists(t, filepath.Dir(o.socket))

	d, err := start(o)
	require.NoError(t, err)
	_, err = start(o)
	require.ErrorContains(t, err, "omgd runs already")
	ctx, end := context.WithCancel(context.Background())
	end()
	require.NoError(t, d.serve(ctx, func() {}), "ended before it began")
	d, err = start(o)
	require.NoError(t, err)
	require.NoError(t, d.serve(ctx, func() {}))
}

// TestRefreshAtTheEnd: who asks for a refresh when nothing refreshes any more is
// told, and does not hold up the end.
func TestRefreshAtTheEnd(t *testing.T) {
	o := world(t)
	d, err := start(o)
	require.NoError(t, err)
	refresh := d.tasks[0]
	d.tasks = nil
	ctx, end := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- d.serve(ctx, func() {}) }()
	stopped, stop := context.WithCancel(context.Background())
	stop()
	refresh(stopped)
	err = ask(o, wire.OpRefresh)
	var said *wire.Error
	require.ErrorAs(t, err, &said)
	require.Equal(t, wire.CodeShuttingDown, said.Code)
	end()
	require.NoError(t, <-served)
}
