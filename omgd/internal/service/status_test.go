package service

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omgd/internal/state"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/snapshot"
	"github.com/omg-arch/omg/shared/wire"
)

// local returns a local database with generated packages.
func local(t *testing.T) *pacmandb.Local {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, fixture.WriteDatabases(dir, fixture.Options{Packages: 100, Installed: 10, Seed: 1}))
	l, err := pacmandb.ReadLocal(t.Context(), dir)
	require.NoError(t, err)
	return l
}

func number(n uint32) *uint32 { return &n }

// lastStatus returns the status of an earlier omgd. No snapshot in these tests has the same numbers.
func lastStatus() *wire.StatusResult {
	return &wire.StatusResult{
		Basis: wire.Basis{Generation: 5, ConfirmedAt: 1_000},
		Counts: wire.Counts{
			Installed: number(1001), Explicit: number(1002), Foreign: number(1003), Updates: number(1004), Ignored: number(1005),
			Replacements: number(1006), AURUpdates: number(1007),
		},
	}
}

// statusOf returns the status of a service with the snapshot in h and this last status.
func statusOf(h *state.Holder, last func() *wire.StatusResult) (*wire.StatusResult, error) {
	s := &Service{Config: Config{State: h, PreviousStatus: last, RecheckIndexes: func() {}}}
	return s.currentStatus()
}

func noStatus() *wire.StatusResult { return nil }

// TestStatus_BeforeFirstSnapshot checks that before the first snapshot the status is the last status, marked
// as stale and with the reason. If there is no last status, the request fails.
func TestStatus_BeforeFirstSnapshot(t *testing.T) {
	h := state.NewHolder()
	_, err := statusOf(h, noStatus)
	require.Equal(t, wire.CodeNotReady, wire.CodeOf(err))

	r, err := statusOf(h, lastStatus)
	require.NoError(t, err)
	want := lastStatus()
	want.Generation, want.Stale, want.Why = 0, true, "the databases are being read" // of no snapshot of this omgd
	require.Equal(t, want, r)

	h.SetError("pacman.conf: no such file")
	r, err = statusOf(h, lastStatus)
	require.NoError(t, err)
	require.True(t, r.Stale)
	require.Equal(t, "pacman.conf: no such file", r.Why)
	_, err = statusOf(h, noStatus)
	require.ErrorContains(t, err, "pacman.conf: no such file")
}

// TestStatus_WhileIndexing checks the counts that depend on repositories while the repositories are being
// indexed. These counts are unknown, or they are the counts that the previous omgd has stored, marked as stale.
// They are never 0. All other counts are current.
func TestStatus_WhileIndexing(t *testing.T) {
	h := state.NewHolder()
	h.Swap(stateOf(t, snapshot.Inputs{Generation: 1, Local: snapshot.LocalInput{Packages: local(t)}}, building(repositories(t, hundredPackages))))
	r, err := statusOf(h, lastStatus)
	require.NoError(t, err)
	require.EqualValues(t, 10, *r.Counts.Installed, "the current count")
	require.Less(t, *r.Counts.Explicit, uint32(1000))
	require.EqualValues(t, 1003, *r.Counts.Foreign)
	require.EqualValues(t, 1004, *r.Counts.Updates)
	require.EqualValues(t, 1005, *r.Counts.Ignored)
	require.EqualValues(t, 1006, *r.Counts.Replacements)
	require.EqualValues(t, 1007, *r.Counts.AURUpdates)
	require.True(t, r.Stale)
	require.Contains(t, r.Why, "being indexed")

	r, err = statusOf(h, noStatus)
	require.NoError(t, err)
	require.EqualValues(t, 10, *r.Counts.Installed)
	require.Nil(t, r.Counts.Foreign)
	require.Nil(t, r.Counts.Updates)
	require.Nil(t, r.Counts.AURUpdates)
	require.True(t, r.Partial)
}

// TestStatus_Known checks that the last status is not used if there is a complete snapshot.
func TestStatus_Known(t *testing.T) {
	h := state.NewHolder()
	h.Swap(stateOf(t, snapshot.Inputs{Generation: 1, Local: snapshot.LocalInput{Packages: local(t)}}, repositories(t, hundredPackages)))
	r, err := statusOf(h, lastStatus)
	require.NoError(t, err)
	require.False(t, r.Stale)
	require.False(t, r.Partial)
	require.Less(t, *r.Counts.Updates, uint32(1000))
	require.Nil(t, r.Counts.AURUpdates, "no data of the AUR")

	// A repository that failed is not being indexed.
	list := repositories(t, hundredPackages)
	list[0].Index, list[0].State, list[0].Why = nil, wire.SourceFailed, "damaged"
	h.Swap(stateOf(t, snapshot.Inputs{Generation: 2, Local: snapshot.LocalInput{Packages: local(t)}}, list))
	r, err = statusOf(h, lastStatus)
	require.NoError(t, err)
	require.False(t, r.Stale)
	require.Contains(t, r.PartialCounts, "updates")
	require.Less(t, *r.Counts.Updates, uint32(1000))
}

// TestStatus_LastPartial checks that a count that is partial in the last status stays partial.
func TestStatus_LastPartial(t *testing.T) {
	h := state.NewHolder()
	h.Swap(stateOf(t, snapshot.Inputs{Local: snapshot.LocalInput{Packages: local(t)}}, building(repositories(t, hundredPackages))))
	r, err := statusOf(h, func() *wire.StatusResult {
		last := lastStatus()
		last.PartialCounts = []string{"updates"}
		return last
	})
	require.NoError(t, err)
	require.Equal(t, []string{"updates"}, r.PartialCounts)
}

// TestStatus_LastUnknown checks that a count stays unknown if it is unknown in the last status, too.
func TestStatus_LastUnknown(t *testing.T) {
	h := state.NewHolder()
	h.Swap(stateOf(t, snapshot.Inputs{Local: snapshot.LocalInput{Packages: local(t)}}, building(repositories(t, hundredPackages))))
	r, err := statusOf(h, func() *wire.StatusResult { return &wire.StatusResult{} })
	require.NoError(t, err)
	require.Nil(t, r.Counts.Updates)
	require.False(t, r.Stale, "the last status is not used")
}
