package wire

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestSource_Unavailable checks that a missing and a failed source are unavailable, and that a stale source is not.
func TestSource_Unavailable(t *testing.T) {
	for state, want := range map[SourceState]bool{SourceOK: false, SourceStale: false, SourceMissing: true, SourceFailed: true} {
		require.Equal(t, want, (&Source{State: state}).Unavailable(), state)
	}
}

// TestSource_Repository checks that IsRepository depends on the kind of a source and not on its name, because a repository
// may be called aur.
func TestSource_Repository(t *testing.T) {
	require.True(t, (&Source{Name: SourceAUR, Kind: KindRepository}).IsRepository())
	require.False(t, (&Source{Name: "core", Kind: KindAUR}).IsRepository())
	require.False(t, (&Source{Name: "core", Kind: KindTracker}).IsRepository())
}

// TestCurrent checks that UpToDateAsOf returns the earliest time of all repositories, and 0 if the time of one
// repository is unknown. It ignores the AUR and the tracker.
func TestCurrent(t *testing.T) {
	repository := func(changed int64) Source { return Source{Kind: KindRepository, ChangedAt: changed} }
	require.Zero(t, UpToDateAsOf(nil))
	require.EqualValues(t, 5, UpToDateAsOf([]Source{repository(9), repository(5), {Kind: KindAUR, ChangedAt: 1}, {Kind: KindTracker}}))
	require.Zero(t, UpToDateAsOf([]Source{repository(9), repository(0), repository(5)}))
	require.Zero(t, UpToDateAsOf([]Source{{Kind: KindAUR, ChangedAt: 1}}))
}

// TestIsAdminOp checks that only operations that change the daemon, or show what other users do, are restricted to
// administrators.
func TestIsAdminOp(t *testing.T) {
	want := map[string]bool{OpRefresh: true, OpCacheClear: true, OpLogLevel: true, OpMetrics: true}
	for _, op := range constants(t, "operations.go", "Op") {
		require.Equal(t, want[op], IsAdminOp(op), op)
	}
}

// TestResults_JSON checks the JSON keys of a status, because scripts rely on the keys of --json.
func TestResults_JSON(t *testing.T) {
	n := uint32(3)
	b, err := json.Marshal(&StatusResult{
		Basis:         Basis{Generation: 1, ConfirmedAt: 2, Partial: true, Why: "w", Sources: []Source{{Name: "core", Kind: KindRepository, State: SourceFailed, Outdated: true}}},
		Counts:        Counts{Updates: &n},
		PartialCounts: []string{"updates"},
		Problems:      []Problem{{Name: "libalpm", State: "missing"}},
	})
	require.NoError(t, err)
	require.JSONEq(t, `{
		"generation": 1, "at": 2, "partial": true, "why": "w", "counts": {"updates": 3}, "partial_counts": ["updates"], "index": {"packages": 0},
		"sources": [{"name": "core", "kind": "repository", "state": "failed", "outdated": true}], "parts": [{"name": "libalpm", "state": "missing"}]
	}`, string(b))
}
