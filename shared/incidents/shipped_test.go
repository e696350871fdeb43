package incidents

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/need"
	"github.com/omg-arch/omg/shared/paths"
)

// shipped returns the list that is installed with omg.
func shipped(t *testing.T) *List {
	t.Helper()
	l, err := ReadFile(filepath.Join(need.ProjectRoot(t), "packaging", ShippedName), paths.ProcessEnv().Trusts)
	require.NoError(t, err)
	return l
}

// TestShippedList checks that the list that is installed with omg is valid, that its incidents are in order, and that it expires at most
// two years after its last incident. Whether it has expired today depends on the age of omg, and not on the list.
func TestShippedList(t *testing.T) {
	l := shipped(t)
	require.Empty(t, l.Warnings)
	require.True(t, slices.IsSortedFunc(l.Incidents, func(a, b Incident) int { return int(a.First.begin() - b.First.begin()) }))
	require.Equal(t, "2018-06-07", l.Incidents[0].First.String())
	last := l.Incidents[len(l.Incidents)-1].Last
	require.Less(t, l.Expires.end()-last.end(), int64(2*366*86400))
	end := time.Unix(l.Expires.end(), 0)
	require.False(t, l.IsExpired(end.Add(-time.Second)))
	require.True(t, l.IsExpired(end))
	for i := range l.Incidents {
		incident := &l.Incidents[i]
		require.Less(t, incident.Last.end()-incident.First.begin(), int64(60*86400), "%s: a long time has harmless builds too", incident.Packages[0])
	}
}

// TestShippedList_Match checks that builds of the documented days match, and builds of other days do not.
func TestShippedList_Match(t *testing.T) {
	l := shipped(t)
	for _, c := range []struct {
		name, day string
		want      bool
	}{
		{"acroread", "2018-06-20", true},
		{"acroread", "2018-06-06", false},
		{"acroread", "2026-11-01", false},
		{"librewolf-fix-bin", "2025-07-17", true},
		{"google-chrome-stable", "2025-07-31", true},
		{"google-chrome", "2025-07-31", false},
		{"alvr", "2026-06-09", true},
		{"alvr", "2026-06-13", false},
		{"alvr", "2021-06-10", false},
		{"htbrowser-bin", "2026-06-14", true},
		{"openconnect-sso", "2026-07-29", true},
		{"openconnect-sso", "2026-08-15", false},
		{"linux-lqx", "2021-06-10", false},
	} {
		built, err := time.Parse(time.DateOnly, c.day)
		require.NoError(t, err)
		p := &Package{Name: c.name, Base: c.name, Version: "1-1", BuildDate: built.Unix() + 3600, InstallDate: built.Unix() + 3700}
		found := l.Match(p, later)
		require.Equal(t, c.want, len(found) == 1 && found[0].Kind == KindInstalled, "%s of %s", c.name, c.day)
	}
}
