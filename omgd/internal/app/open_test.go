package app

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/omg-arch/omg/shared/await"
	"github.com/omg-arch/omg/shared/config"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/sources"
)

// requireNothing requires that a daemon has left no files beside its socket and no goroutines, and that
// another daemon can start.
func (w *testSystem) requireNothing(before goleak.Option) {
	w.t.Helper()
	entries, err := os.ReadDir(filepath.Dir(w.socket))
	if err != nil {
		require.ErrorIs(w.t, err, os.ErrNotExist)
	}
	require.Empty(w.t, entries)
	await.NoGoroutines(w.t, before)
	d, err := openDaemon(w.options)
	require.NoError(w.t, err)
	state, why := d.statusKeeper.store.State()
	require.Equal(w.t, "ok", state, why)
	ended, end := context.WithCancel(context.Background())
	end()
	require.NoError(w.t, d.serve(ended, func() {}))
}

// TestOpen_StepFails checks that all earlier steps are undone if a step of the start fails.
func TestOpen_StepFails(t *testing.T) {
	before := goleak.IgnoreCurrent()
	w := newTestSystem(t)
	dir := filepath.Dir(w.data)
	o := w.options
	o.config.AUR.Enabled, o.config.Tracker.Enabled, o.config.Sync.Enabled = true, true, true
	o.config.Debug.PprofSocket, o.config.Metrics.Address = filepath.Join(dir, "pprof.sock"), filepath.Join(dir, "metrics.sock")
	broken := errors.New("broken")
	steps := len(newDaemon(o).initSteps())
	require.Greater(t, steps, 10)
	for n := range steps + 1 {
		d := newDaemon(o)
		err := d.init(append(d.initSteps()[:n:n], func() error { return broken }))
		require.ErrorIs(t, err, broken)
		require.NoFileExists(t, o.config.Debug.PprofSocket)
		require.NoFileExists(t, o.config.Metrics.Address)
		d.Close() // a second call does nothing
		w.requireNothing(before)
	}
}

// TestOpen_Fails checks that a failed start leaves nothing, and that its error contains the cause.
func TestOpen_Fails(t *testing.T) {
	before := goleak.IgnoreCurrent()
	w := newTestSystem(t)
	dir := filepath.Dir(w.data)
	for why, change := range map[string]func(*options){
		"access.socket_group": func(o *options) { o.isSystemWide, o.config.Access.SocketGroup = true, "no such group" },
		"access.users": func(o *options) {
			o.isSystemWide, o.config.Access = true, config.Access{Users: []string{"no such user"}}
		},
		"none/run": func(o *options) { o.socket = filepath.Join(dir, "none", "run", "omg.sock") },
		"proxy":    func(o *options) { o.config.Network.Proxy = "::" },
		"aur.url":  func(o *options) { o.config.AUR.Enabled, o.config.AUR.URL = true, "ftp://aur.example" },
		"pprof":    func(o *options) { o.config.Debug.PprofSocket = filepath.Join(dir, "none", "pprof.sock") },
		"metrics": func(o *options) {
			o.config.Debug.PprofSocket, o.config.Metrics.Address = filepath.Join(dir, "pprof.sock"), filepath.Join(dir, "none", "metrics.sock")
		},
	} {
		t.Run(why, func(t *testing.T) {
			o := w.options
			change(&o)
			d, err := openDaemon(o)
			require.ErrorContains(t, err, why)
			require.NoFileExists(t, filepath.Join(dir, "pprof.sock"))
			d.Close()
			w.requireNothing(before)
		})
	}
}

// TestOpen_Twice checks that a second omgd with the same socket does not start, and changes no file. The
// first omgd may be of an earlier version, and still use the index files of that version.
func TestOpen_Twice(t *testing.T) {
	w := newTestSystem(t)
	d := w.serve()
	d.awaitCurrent()
	old := filepath.Join(w.data, "repos.omgidx")
	require.NoError(t, os.WriteFile(old, nil, 0o644))
	_, err := openDaemon(w.options)
	require.ErrorContains(t, err, "omgd is already running")
	require.FileExists(t, old)
	n, _ := d.found()
	require.Equal(t, 300, n)
	nc, err := net.Dial("unix", w.socket)
	require.NoError(t, err)
	require.NoError(t, nc.Close())
}

// TestOpen_RemovesOldIndexes checks that omgd removes index files when it starts: those of earlier versions
// of omgd, and those of repositories that are no longer configured.
func TestOpen_RemovesOldIndexes(t *testing.T) {
	w := newTestSystem(t)
	d := w.serve()
	d.awaitCurrent()
	d.stop()
	old := []string{"repos.omgidx", "repos.omgidx.stamps", "aur.omgidx", "aur.omgidx.stamps"}
	for _, name := range old {
		require.NoError(t, os.WriteFile(filepath.Join(w.data, name), []byte("old"), 0o644))
	}
	require.FileExists(t, w.index("multilib"))
	require.NoError(t, os.WriteFile(w.pacmanConfig, []byte("[core]\n[extra]\n"), 0o644))
	d = w.serve()
	await.Condition(t, func() bool { return len(d.states()) == 2 }, "two repositories are served")
	for _, name := range old {
		require.NoFileExists(t, filepath.Join(w.data, name))
	}
	files, err := sources.IndexFiles(paths.IndexDir(w.data))
	require.NoError(t, err)
	require.Equal(t, []string{w.index("core"), w.index("extra")}, files)
}
