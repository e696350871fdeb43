package service

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omgd/internal/logging"
	"github.com/omg-arch/omg/omgd/internal/server"
	"github.com/omg-arch/omg/omgd/internal/state"
	"github.com/omg-arch/omg/shared/answers"
	"github.com/omg-arch/omg/shared/await"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/inventory"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/wire"
)

// small is a service of a state that has something of everything.
func small(f *testing.F) *Service {
	f.Helper()
	o := fixture.Options{Packages: 300, Installed: 40, Seed: 1}
	db := f.TempDir()
	require.NoError(f, fixture.Write(db, o))
	local, err := pacmandb.ReadLocal(f.Context(), db)
	require.NoError(f, err)
	build, sources := pkgindex.NewBuilder("fuzz", 0), map[string]*pkgindex.Source{}
	for p := range fixture.Packages(o) {
		if sources[p.Repo] == nil {
			sources[p.Repo] = build.Source(p.Repo, pkgindex.KindRepo)
		}
		require.NoError(f, sources[p.Repo].Add(&p))
	}
	data, err := build.Bytes()
	require.NoError(f, err)
	file, err := pkgindex.OpenBytes(data)
	require.NoError(f, err)
	inv := inventory.Alone(db, local, "")
	set, err := pkgindex.NewSet([]*pkgindex.File{file}, pkgindex.View{Repos: []string{"core", "extra", "multilib"}, Installed: inv.Names()})
	require.NoError(f, err)
	index := state.NewIndex(file)
	h := &state.Holder{}
	h.Swap(state.New(answers.Data{Set: set, Generation: 1, Inventory: inv, Foreign: &answers.Foreign{}}, state.Machine{}, []*state.Index{index}), "")
	index.Release()
	log, err := logging.New("error", false, io.Discard)
	require.NoError(f, err)
	s := New(Config{
		State: h, Log: log,
		Suspect:    func() { panic("a sound index is called damaged") },
		Refresh:    func(context.Context) (bool, error) { return false, nil },
		Parts:      func() []wire.Part { return nil },
		Metrics:    func() (string, error) { return "", nil },
		Health:     func() wire.HealthResult { return wire.HealthResult{} },
		Remembered: func() *wire.StatusResult { return nil },
	})
	f.Cleanup(s.Close)
	return s
}

// patient are limits that no slow machine reaches.
var patient = server.Limits{HalfFrame: await.Hang, Write: await.Hang, Unread: await.Hang}

// FuzzRequest sends any bytes where requests belong: no operation fails in itself,
// and whatever is answered can be read.
func FuzzRequest(f *testing.F) {
	srv := server.New(server.Config{Ops: small(f).Ops(), Limits: patient, Log: slog.New(slog.DiscardHandler)})
	path := filepath.Join(f.TempDir(), "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	require.NoError(f, err)
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	f.Cleanup(func() {
		_ = l.Close()
		ctx, cancel := context.WithTimeout(context.Background(), await.Hang)
		defer cancel()
		_ = srv.Shutdown(ctx)
		<-served
	})
	for op, fields := range map[string][]any{
		wire.OpSearch: {
			&wire.SearchRequest{Words: []string{"lib"}, Limit: 3},
			&wire.SearchRequest{Words: []string{"^lib.*[[:digit:]]{2}$", "name:a|b"}, Regex: true, Sort: wire.SortName},
			&wire.SearchRequest{Words: []string{"depends:glibc", "repo:core", "\xff"}, Repos: []string{"extra"}, NameOnly: true},
		},
		wire.OpInfo: {&wire.InfoRequest{Names: []string{"bash", "core/glibc", "sh", "a/b/c"}}},
		wire.OpInstalled: {
			&wire.InstalledRequest{Names: []string{"glibc>=2.30", "sh"}, Details: true},
			&wire.InstalledRequest{Words: []string{"l.b"}, Regex: true, Filter: wire.FilterOrphans},
		},
		wire.OpSecurity: {&wire.SecurityRequest{}},
		wire.OpLogLevel: {&wire.LogLevelRequest{Level: "error"}},
		wire.OpStatus:   {nil}, wire.OpExplicit: {nil}, wire.OpOutdated: {nil}, wire.OpMetrics: {nil}, wire.OpHealth: {nil},
		wire.OpRuntimes: {nil}, wire.OpRefresh: {nil}, wire.OpCacheClear: {nil}, wire.OpPing: {nil},
	} {
		for _, one := range fields {
			b, err := wire.AppendRequest(nil, 1, op, one)
			require.NoError(f, err)
			f.Add(b[wire.HeaderSize:])
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) == 0 || len(b) > 64<<10 {
			return
		}
		nc, err := net.Dial("unix", path)
		require.NoError(t, err)
		defer nc.Close()
		require.NoError(t, nc.SetDeadline(time.Now().Add(await.Hang)))
		_, err = nc.Write(wire.EndFrame(append(wire.BeginFrame(nil), b...), 0))
		require.NoError(t, err)
		require.NoError(t, nc.(*net.UnixConn).CloseWrite())
		all, err := io.ReadAll(nc)
		require.NoError(t, err)
		require.NotEmpty(t, all, "no answer")
		for r := bytes.NewReader(all); r.Len() > 0; {
			frame, err := wire.ReadFrame(r, nil)
			require.NoError(t, err)
			require.NoError(t, wire.Check(frame))
			said, err := wire.DecodeResponse(frame)
			require.NoError(t, err)
			require.False(t, said.Err != nil && said.Err.Code == wire.CodeInternal, "%v", said.Err)
		}
	})
}
