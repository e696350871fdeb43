package aurreplay

import (
	"bytes"
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/aurlife"
	"github.com/omg-arch/omg/shared/aurdiff"
	"github.com/omg-arch/omg/shared/journal"
)

// smallYear returns the options of a short replay of a small AUR, in which much happens.
func smallYear(incidents []aurlife.Incident) Options {
	o := UsualYear(7, 10, incidents)
	o.Packages, o.Days, o.Machines = 3000, 75, 50
	o.Start = time.Date(2026, time.May, 20, 0, 0, 0, 0, time.UTC)
	return o
}

// TestRun_FirstSet checks that each attack of the first set that dumps can show leads to findings of the level look, in the dump after
// the attack or, for new names, as soon as a dump has the name. A change of the rules must not lose one.
func TestRun_FirstSet(t *testing.T) {
	result := Run(smallYear(aurlife.FirstSet()))
	var out bytes.Buffer
	require.NoError(t, result.Write(&out))
	t.Log(out.String())
	attacked := 0
	for _, d := range result.Incidents {
		if d.Shape == aurlife.Adoption && d.Bases > 0 {
			attacked++
			// In a year as small as this one, what else happens to a package base can hide an attack: one of 50 is missed.
			require.GreaterOrEqual(t, d.FirstDump, d.Bases*9/10, d.Name)
			require.GreaterOrEqual(t, d.Live, d.Bases*9/10, d.Name)
		}
	}
	require.Equal(t, 3, attacked)
}

// TestRun_Dumps checks that a replay finds the same events as omg-index does when it compares dumps, on some days with an attack.
func TestRun_Dumps(t *testing.T) {
	o := smallYear([]aurlife.Incident{{
		Name: "test", Shape: aurlife.Adoption, Begin: time.Date(2018, time.May, 22, 0, 0, 0, 0, time.UTC),
		End: time.Date(2018, time.May, 22, 0, 0, 0, 0, time.UTC), Bases: 30, PerAccount: 10, Removed: 24,
	}})
	r := newReplay(o)
	path := filepath.Join(t.TempDir(), "packages-meta-ext-v1.json")
	observe := func() *aurdiff.Observation {
		var out bytes.Buffer
		require.NoError(t, r.world.WriteDump(&out))
		require.NoError(t, os.WriteFile(path, out.Bytes(), 0o600))
		require.NoError(t, os.Chtimes(path, time.Time{}, time.Unix(r.world.Now, 0)))
		observation, err := aurdiff.Read(t.Context(), path)
		require.NoError(t, err)
		return observation
	}
	before, all := observe(), 0
	for n := range 6 {
		counted := map[string]int{}
		for base := range r.events {
			counted[base] = len(r.events[base])
		}
		r.observe(r.begin + int64(n+1)*day)
		var got, want []journal.Event
		for base, events := range r.events {
			for _, e := range events[counted[base]:] {
				got = append(got, e.Event)
			}
		}
		after := observe()
		require.NoError(t, aurdiff.Compare(before, after, func(e journal.Event) error {
			want = append(want, e)
			return nil
		}))
		byText := func(a, b journal.Event) int {
			return cmp.Or(cmp.Compare(a.Base, b.Base), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.To, b.To))
		}
		slices.SortFunc(got, byText)
		slices.SortFunc(want, byText)
		require.Equal(t, want, got)
		before, all = after, all+len(want)
	}
	require.Greater(t, all, 100)
}
