package health

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/wire"
)

var now = time.Unix(1_700_000_000, 0)

// healthy returns the status of a daemon without problems.
func healthy() *wire.StatusResult {
	r := &wire.StatusResult{Basis: wire.Basis{Generation: 1, ConfirmedAt: now.Unix()}}
	r.Index.Packages = 100
	r.Sources = []wire.Source{
		{Name: "core", Kind: wire.KindRepository, State: wire.SourceOK},
		{Name: "extra", Kind: wire.KindRepository, State: wire.SourceOK},
		{Name: wire.SourceAUR, Kind: wire.KindAUR, State: wire.SourceOK},
	}
	return r
}

// component returns the component with this name in a result.
func component(t *testing.T, r wire.HealthResult, name string) wire.Component {
	t.Helper()
	for _, c := range r.Components {
		if c.Name == name {
			return c
		}
	}
	require.Fail(t, "no component", name)
	return wire.Component{}
}

// TestEvaluate_Dispensable checks that missing news and shares of machines are said, and that omgd is healthy without them.
func TestEvaluate_Dispensable(t *testing.T) {
	for _, kind := range []wire.SourceKind{wire.KindNews, wire.KindPopularity} {
		st := healthy()
		st.Sources = append(st.Sources, wire.Source{Name: string(kind), Kind: kind, State: wire.SourceMissing, Why: "not found"})
		r := new(Monitor).Evaluate(Input{Status: st, EnabledSources: []wire.SourceKind{kind}, RefreshInterval: time.Hour}, now)
		c := component(t, r, string(kind))
		require.Equal(t, wire.HealthDegraded, c.State)
		require.Contains(t, c.Why, "not found")
		require.Equal(t, wire.HealthOK, r.State)
	}
}

// TestEvaluate_States checks that each fault degrades its own component, with the reason, and the daemon as a
// whole. No other component is degraded.
func TestEvaluate_States(t *testing.T) {
	for name, c := range map[string]struct {
		change    func(*Input)
		component string
		state     string
		why       string
		overall   string
	}{
		"all is well": {func(*Input) {}, "index", wire.HealthOK, "", wire.HealthOK},
		"starting without a snapshot": {func(in *Input) {
			in.Status, in.Starting, in.NoStatusReason = nil, true, "the databases are being read"
		}, "index", wire.HealthStarting, "the databases are being read", wire.HealthStarting},
		"starting, no refresh yet": {func(in *Input) {
			in.Status, in.Starting, in.NoStatusReason = nil, true, "the databases are being read"
		}, "refresh", wire.HealthStarting, "the databases are being read", wire.HealthStarting},
		"the first index is being built": {func(in *Input) {
			in.Starting, in.Status.Index.Packages = true, 0
			in.Status.Sources[0].State, in.Status.Sources[0].Why = wire.SourceFailed, "the database is being indexed"
		}, "index", wire.HealthStarting, "the index is empty", wire.HealthStarting},
		"the first refresh fails": {func(in *Input) {
			in.Status, in.NoStatusReason = nil, "pacman.conf: no such file"
		}, "index", wire.HealthFailed, "pacman.conf: no such file", wire.HealthFailed},
		"a refresh cannot run": {func(in *Input) {
			in.Status, in.NoStatusReason = nil, "pacman.conf: no such file"
		}, "refresh", wire.HealthFailed, "pacman.conf: no such file", wire.HealthFailed},
		"a repository failed": {func(in *Input) {
			in.Status.Sources[1].State, in.Status.Sources[1].Why = wire.SourceFailed, "damaged"
		}, "index", wire.HealthDegraded, "extra failed: damaged", wire.HealthDegraded},
		"a repository is stale": {func(in *Input) {
			in.Status.Sources[1].State = wire.SourceStale
		}, "index", wire.HealthDegraded, "extra stale", wire.HealthDegraded},
		"the index is empty": {func(in *Input) { in.Status.Index.Packages = 0 }, "index", wire.HealthFailed, "the index is empty", wire.HealthFailed},
		"the last refresh failed": {func(in *Input) {
			in.Status.Problems = []wire.Problem{{Name: "refresh", State: "failed", Why: "pacman.conf"}}
		}, "refresh", wire.HealthDegraded, "pacman.conf", wire.HealthDegraded},
		"the local database cannot be read": {func(in *Input) {
			in.Status.Stale, in.Status.Why = true, "local: permission denied"
		}, "refresh", wire.HealthDegraded, "local: permission denied", wire.HealthDegraded},
		"no refresh for long": {func(in *Input) {
			in.Status.ConfirmedAt = now.Add(-4 * in.RefreshInterval).Unix()
		}, "refresh", wire.HealthDegraded, "20m0s ago", wire.HealthDegraded},
		"libalpm differs": {func(in *Input) {
			in.Status.Problems = []wire.Problem{{Name: "libalpm", State: "differs", Why: "bash"}}
		}, "libalpm", wire.HealthDegraded, "differs: bash", wire.HealthDegraded},
		"the store is in memory": {func(in *Input) {
			in.Status.Problems = []wire.Problem{{Name: "store", State: "memory", Why: "read-only"}}
		}, "store", wire.HealthDegraded, "memory: read-only", wire.HealthDegraded},
		"the store is a new one": {func(in *Input) {
			in.Status.Problems = []wire.Problem{{Name: "store", State: "new"}}
		}, "store", wire.HealthOK, "", wire.HealthOK},
		"inotify's limits are reached": {func(in *Input) {
			in.Status.Problems = []wire.Problem{{Name: "watch", State: "polling", Why: "raise a limit"}}
		}, "watch", wire.HealthDegraded, "polling: raise a limit", wire.HealthDegraded},
		"the run directory is full": {func(in *Input) {
			in.Status.Problems = []wire.Problem{{Name: "status file", State: "failed", Why: "no space"}}
		}, "status file", wire.HealthDegraded, "failed: no space", wire.HealthDegraded},
		"inotify works": {func(*Input) {}, "watch", wire.HealthOK, "", wire.HealthOK},
		"installed packages are unread": {func(in *Input) {
			in.Status.Problems = []wire.Problem{{Name: "local", State: "incomplete", Why: "local/a-1-1 has no desc"}}
		}, "local", wire.HealthDegraded, "incomplete: local/a-1-1 has no desc", wire.HealthDegraded},
		"no data directory": {func(in *Input) {
			in.Status.Problems = []wire.Problem{{Name: "data", State: "memory", Why: "read-only"}}
		}, "data", wire.HealthDegraded, "memory: read-only", wire.HealthDegraded},
		"local is incomplete": {func(in *Input) {
			in.Status.Problems = []wire.Problem{{Name: "local", State: "incomplete", Why: "bash"}}
		}, "local", wire.HealthDegraded, "incomplete: bash", wire.HealthDegraded},
		"runtimes cannot be read": {func(in *Input) {
			in.Status.Problems = []wire.Problem{{Name: "runtimes", State: "failed", Why: "mise"}}
		}, "runtimes", wire.HealthDegraded, "failed: mise", wire.HealthDegraded},
		"an index is in memory": {func(in *Input) {
			in.Status.Problems = []wire.Problem{{Name: "index", State: "memory", Why: "read-only file system"}}
		}, "index", wire.HealthDegraded, "memory: read-only file system", wire.HealthDegraded},
		"a lock that was left": {func(in *Input) {
			in.Status.Problems = []wire.Problem{{Name: "db.lck", State: "failed", Why: "remove it"}}
		}, "db.lck", wire.HealthDegraded, "failed: remove it", wire.HealthDegraded},
		"downloaded databases": {func(in *Input) {
			in.Status.ComparedSources = []wire.Source{{Name: "core", Kind: wire.KindRepository, State: wire.SourceStale, Why: "old"}}
		}, "downloaded databases", wire.HealthDegraded, "core stale: old", wire.HealthDegraded},
		"pulled indexes": {func(in *Input) {
			in.Status.Pulled = &wire.PulledStatus{ConfirmedAt: 1, Expires: 1 << 40}
		}, "pulled indexes", wire.HealthOK, "", wire.HealthOK},
		"a failed pull": {func(in *Input) {
			in.Status.Pulled = &wire.PulledStatus{ConfirmedAt: 1, Expires: 1 << 40, LastError: "no server"}
		}, "pulled indexes", wire.HealthDegraded, "no server", wire.HealthDegraded},
		"an expired manifest": {func(in *Input) {
			in.Status.Pulled = &wire.PulledStatus{ConfirmedAt: 1, Expires: 1}
		}, "pulled indexes", wire.HealthDegraded, "the manifest has expired", wire.HealthDegraded},
		"the AUR is down": {func(in *Input) {
			in.Status.Sources[2].State, in.Status.Sources[2].Why = wire.SourceStale, "8 days old"
		}, wire.SourceAUR, wire.HealthDegraded, "stale: 8 days old", wire.HealthDegraded},
		"the AUR was not asked yet": {func(in *Input) {
			in.Status.Sources = in.Status.Sources[:2]
		}, wire.SourceAUR, wire.HealthDegraded, "its state is not known yet", wire.HealthDegraded},
	} {
		t.Run(name, func(t *testing.T) {
			in := Input{Status: healthy(), RefreshInterval: 5 * time.Minute, LibAlpmVersion: "15.0.0", EnabledSources: []wire.SourceKind{wire.KindAUR}}
			c.change(&in)
			var m Monitor
			r := m.Evaluate(in, now)
			got := component(t, r, c.component)
			require.Equal(t, c.state, got.State)
			require.Contains(t, got.Why, c.why)
			if c.why == "" {
				require.Empty(t, got.Why)
			}
			require.Equal(t, c.overall, r.State)
			require.Equal(t, wire.HealthOK, component(t, r, "socket").State, "it replies")
			require.Equal(t, "15.0.0", component(t, r, "libalpm").Version)
			if in.Status == nil {
				return
			}
			for _, other := range r.Components {
				if other.Name != c.component {
					require.Equal(t, wire.HealthOK, other.State, "%s: %s", other.Name, other.Why)
				}
			}
		})
	}
}

// TestEvaluate_OnlyEnabledSources checks that a source is not reported unless the configuration enables it.
func TestEvaluate_OnlyEnabledSources(t *testing.T) {
	in := Input{Status: healthy(), RefreshInterval: time.Minute}
	in.Status.Sources[2].State = wire.SourceMissing
	var m Monitor
	r := m.Evaluate(in, now)
	require.Equal(t, wire.HealthOK, r.State)
	for _, c := range r.Components {
		require.NotEqual(t, wire.SourceAUR, c.Name)
	}
}

// TestEvaluate_Since checks that Since is the time of the last change of the state. A new reason for the same
// state does not change it.
func TestEvaluate_Since(t *testing.T) {
	var m Monitor
	since := func(in Input, at time.Time) int64 { return component(t, m.Evaluate(in, at), "index").Since }
	in := Input{Status: healthy(), RefreshInterval: 24 * time.Hour}
	require.Equal(t, now.Unix(), since(in, now))
	require.Equal(t, now.Unix(), since(in, now.Add(time.Minute)))
	in.Status.Sources[0].State, in.Status.Sources[0].Why = wire.SourceFailed, "damaged"
	bad := now.Add(2 * time.Minute)
	require.Equal(t, bad.Unix(), since(in, bad))
	in.Status.Sources[0].Why = "missing"
	require.Equal(t, bad.Unix(), since(in, bad.Add(time.Minute)))
	good := bad.Add(time.Hour)
	require.Equal(t, good.Unix(), since(Input{Status: healthy(), RefreshInterval: 24 * time.Hour}, good))
}
