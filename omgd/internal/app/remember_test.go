package app

import (
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"

	"github.com/omg-arch/omg/omgd/internal/state"
	"github.com/omg-arch/omg/omgd/internal/store"
	"github.com/omg-arch/omg/shared/advisories"
	"github.com/omg-arch/omg/shared/answers"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/inventory"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/statusfile"
	"github.com/omg-arch/omg/shared/wire"
)

// TestVulnerabilitiesAreRemembered: they are in the status, in its history and in
// the file; what is not known is in none of them as 0.
func TestVulnerabilitiesAreRemembered(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, fixture.Write(dir, fixture.Options{Packages: 50, Installed: 10, Seed: 1}))
	local, err := pacmandb.ReadLocal(t.Context(), dir)
	require.NoError(t, err)
	set, err := pkgindex.NewSet(nil, pkgindex.View{})
	require.NoError(t, err)
	inv := inventory.Alone(dir, local, "no repositories")
	log := slog.New(slog.DiscardHandler)
	var file statusfile.Status
	m := &memory{
		store: store.Open(filepath.Join(dir, "store"), patient, log), state: &state.Holder{}, log: log, interval: func() time.Duration { return time.Minute },
		write: func(_ string, s statusfile.Status) error { file = s; return nil },
	}
	defer m.store.Close()
	m.state.Checked.Store(1_700_000_000)
	p := local.Packages[0]
	record := advisories.Record{Name: "AVG-1", Packages: []string{p.Name}, Status: advisories.Vulnerable, Severity: advisories.High, Affected: p.Version}
	now := time.Now().Unix()
	for i, c := range []struct {
		tracker answers.Tracker
		counts  *wire.SecurityCounts
		file    string
	}{
		{answers.Tracker{Why: "refused"}, nil, "?"},
		{answers.Tracker{At: now}, &wire.SecurityCounts{}, "0"},
		{answers.Tracker{At: now, Records: []advisories.Record{record}}, &wire.SecurityCounts{Vulnerabilities: 1, High: 1, Affected: 1}, "1"},
		{answers.Tracker{At: 5, Records: []advisories.Record{record, record}, StaleAfter: time.Hour}, &wire.SecurityCounts{Vulnerabilities: 2, High: 2, Affected: 2}, "?"},
	} {
		data := answers.Data{Set: set, Inventory: inv, Generation: uint64(i)}
		data.Security, err = answers.Assess(&c.tracker, inv, set)
		require.NoError(t, err)
		m.state.Swap(state.New(data, state.Machine{}, nil), "")
		m.refreshed()
		require.Equal(t, c.file, file.Vulnerabilities.String())
		require.Equal(t, c.file, file.Security.High.String())
		require.Equal(t, c.file, file.Security.Affected.String())
		require.Equal(t, c.file == "?", file.Security.Unconfirmed == statusfile.Number{})
		history := m.store.History(10)
		require.Len(t, history, i+1, "other counts are another entry")
		last, ok := m.store.LastStatus()
		require.True(t, ok)
		for _, entry := range []store.Entry{history[i], last} {
			var r wire.StatusResult
			require.NoError(t, msgpack.Unmarshal(entry.Status, &r))
			require.Equal(t, c.counts, r.Counts.Security)
		}
	}
	m.state.Swap(nil, "the end")
}
