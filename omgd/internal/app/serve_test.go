package app

import (
	"context"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/omg-arch/omg/omgd/internal/logging"
	"github.com/omg-arch/omg/shared/catalog"
	"github.com/omg-arch/omg/shared/client"
	"github.com/omg-arch/omg/shared/config"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/wire"
)

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
	build(t, o)
	return o
}

func quiet(t *testing.T) *logging.Log {
	t.Helper()
	l, err := logging.New("error", false, io.Discard)
	require.NoError(t, err)
	return l
}

// build writes the index anew.
func build(t *testing.T, o options) {
	t.Helper()
	repos, err := catalog.Config{DBPath: o.dbpath, PacmanConfig: o.pacmanConfig}.ReadRepos()
	require.NoError(t, err)
	built, err := repos.Build(context.Background(), "test", time.Now().Unix(), nil)
	require.NoError(t, err)
	require.NoError(t, built.WriteFile(o.indexes[0]))
}

// TestNothingIsLeft: a whole daemon, under load while its index is exchanged, ends
// without a goroutine or a file left.
func TestNothingIsLeft(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	o := world(t)
	d, err := start(o)
	require.NoError(t, err)
	ctx, end := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- d.serve(ctx, func() {}) }()
	require.Eventually(t, func() bool { return d.holder.Checked.Load() > 0 }, 10*time.Second, time.Millisecond)

	load, stop := context.WithTimeout(ctx, 2*time.Second)
	var wait sync.WaitGroup
	for i := range 50 {
		wait.Go(func() {
			for n := 0; load.Err() == nil; n++ {
				if i%10 == 0 { // hangs up while it is answered
					nc, err := net.Dial("unix", o.socket)
					if err != nil {
						continue // too many at the same time
					}
					b, _ := wire.AppendRequest(nil, 1, wire.OpSearch, &wire.SearchRequest{Words: []string{"e"}})
					_, _ = nc.Write(append(b, b[:len(b)/2]...))
					_ = nc.Close()
					continue
				}
				conn, err := client.Dial(context.Background(), o.socket, client.Options{})
				require.NoError(t, err)
				op := []string{wire.OpStatus, wire.OpExplicit, wire.OpOutdated, wire.OpCacheClear, wire.OpRefresh}[(i+n)%5]
				var ignored map[string]any
				require.NoError(t, conn.Get(context.Background(), op, nil, &ignored))
				require.NoError(t, conn.Close())
			}
		})
	}
	for load.Err() == nil {
		build(t, o)
		time.Sleep(50 * time.Millisecond)
	}
	stop()
	wait.Wait()
	end()
	require.NoError(t, <-served)
	entries, err := os.ReadDir(filepath.Dir(o.socket))
	require.NoError(t, err)
	require.Empty(t, entries)
}

// TestStartFails: what a failed start had made is gone, and the place is free.
func TestStartFails(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
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
	conn, err := client.Dial(context.Background(), o.socket, client.Options{})
	require.NoError(t, err)
	defer conn.Close()
	err = conn.Get(context.Background(), wire.OpRefresh, nil, &wire.RefreshResult{})
	var said *wire.Error
	require.ErrorAs(t, err, &said)
	require.Equal(t, wire.CodeShuttingDown, said.Code)
	end()
	require.NoError(t, <-served)
}
