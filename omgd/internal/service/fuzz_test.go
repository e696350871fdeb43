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
	"github.com/omg-arch/omg/shared/await"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/wire"
)

// smallService returns a service with a small state that has every kind of data.
func smallService(f *testing.F) *Service {
	f.Helper()
	o := fixture.Options{Packages: 300, Installed: 40, Seed: 1}
	db := f.TempDir()
	require.NoError(f, fixture.WriteDatabases(db, o))
	local, err := pacmandb.ReadLocal(f.Context(), db)
	require.NoError(f, err)
	log, err := logging.New("error", false, io.Discard)
	require.NoError(f, err)
	s := New(Config{
		State: holder(f, snapshot.Inputs{
			Generation: 1, Local: snapshot.LocalInput{Packages: local}, Tracker: &snapshot.TrackerData{RepliedAt: 1}, Runtimes: []wire.Runtime{},
		}, o), Log: log,
		RecheckIndexes: func() { panic("a sound index is called damaged") },
		Refresh:        func(context.Context) (bool, error) { return false, nil },
		RefreshSources: func(context.Context) []wire.SourceRefresh { return nil },
		Problems:       func() []wire.Problem { return nil },
		MetricsText:    func() (string, error) { return "", nil },
		Health:         func() wire.HealthResult { return wire.HealthResult{} },
		PreviousStatus: func() *wire.StatusResult { return nil },
		AURCheck: func(*snapshot.Snapshot) (*wire.AURCheckResult, error) {
			return &wire.AURCheckResult{Packages: []wire.CheckedPackage{{Name: "a", Findings: []wire.AURFinding{{Level: wire.FindingLevelLook}}}}}, nil
		},
		CountsHistory: func(int) []wire.CountsHistoryEntry { return nil },
	})
	s.publishStatus(nil)
	f.Cleanup(s.Close)
	return s
}

// longLimits are timeouts so long that even a slow machine does not reach them.
var longLimits = server.Limits{ReadTimeout: await.Timeout, WriteTimeout: await.Timeout, UnreadTimeout: await.Timeout}

// FuzzRequest checks requests of arbitrary bytes: no operation has an internal error, and every reply can be
// decoded.
func FuzzRequest(f *testing.F) {
	srv := server.New(server.Config{Ops: smallService(f).Ops(), Limits: longLimits, Log: slog.New(slog.DiscardHandler)})
	path := filepath.Join(f.TempDir(), "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	require.NoError(f, err)
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	f.Cleanup(func() {
		_ = l.Close()
		ctx, cancel := context.WithTimeout(context.Background(), await.Timeout)
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
		wire.OpHistory:  {&wire.HistoryRequest{Limit: 5}},
		wire.OpStatus:   {nil}, wire.OpExplicit: {nil}, wire.OpOutdated: {nil}, wire.OpMetrics: {nil}, wire.OpHealth: {nil},
		wire.OpRuntimes: {nil}, wire.OpNews: {nil}, wire.OpRefresh: {nil}, wire.OpRefreshSources: {nil}, wire.OpAURCheck: {nil}, wire.OpCacheClear: {nil}, wire.OpPing: {nil},
		wire.OpWatch: {nil},
	} {
		for _, one := range fields {
			b, err := wire.AppendRequest(nil, 1, op, one)
			require.NoError(f, err)
			f.Add(b[wire.FrameHeaderSize:])
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) == 0 || len(b) > 64<<10 {
			return
		}
		nc, err := net.Dial("unix", path)
		require.NoError(t, err)
		defer nc.Close()
		require.NoError(t, nc.SetDeadline(time.Now().Add(await.Timeout)))
		_, err = nc.Write(wire.EndFrame(append(wire.BeginFrame(nil), b...), 0))
		require.NoError(t, err)
		require.NoError(t, nc.(*net.UnixConn).CloseWrite())
		all, err := io.ReadAll(nc)
		require.NoError(t, err)
		require.NotEmpty(t, all, "no answer")
		for r := bytes.NewReader(all); r.Len() > 0; {
			frame, err := wire.ReadFrame(r, nil, wire.MaxFrameSize)
			require.NoError(t, err)
			require.NoError(t, wire.CheckMessagePack(frame))
			reply, err := wire.DecodeReply(frame)
			require.NoError(t, err)
			require.False(t, reply.Err != nil && reply.Err.Code == wire.CodeInternal, "%v", reply.Err)
		}
	})
}
