package aurlife

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/aurdiff"
	"github.com/omg-arch/omg/shared/journal"
)

var start = time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)

func newYear(packages int, incidents []Incident) *World {
	return New(Options{Seed: 1, Packages: packages, Rates: UsualRates(), Start: start, Incidents: incidents})
}

// TestWorld_PublishedFigures checks that a quiet year has the figures that the AUR has published: the share of orphans, and how many packages
// were updated in a week and in a year.
func TestWorld_PublishedFigures(t *testing.T) {
	w := newYear(10_000, nil)
	orphans := func() float64 {
		n := 0
		for _, b := range w.Bases {
			if !isMaintained(b) {
				n++
			}
		}
		return float64(n) / float64(len(w.Bases))
	}
	updatedSince := func(since int64) float64 {
		n := 0
		for _, b := range w.Bases {
			if b.Modified >= since && b.Modified > b.Submitted+3600 {
				n++
			}
		}
		return float64(n) / float64(len(w.Bases))
	}
	atStart, basesAtStart := orphans(), len(w.Bases)
	w.Advance(start.Unix() + 365*day)
	t.Logf("orphans: %.3f, then %.3f; updated in 7 days %.4f, in a year %.3f; bases %d, then %d", atStart, orphans(),
		updatedSince(w.Now-7*day), updatedSince(w.Now-365*day), basesAtStart, len(w.Bases))
	for _, name := range slices.Sorted(maps.Keys(w.Count)) {
		t.Logf("%6d %s", w.Count[name], name)
	}
	require.InDelta(t, orphanShare, atStart, 0.02)
	require.InDelta(t, orphanShare, orphans(), 0.025)
	require.InDelta(t, 0.0194, updatedSince(w.Now-7*day), 0.004)
	require.InDelta(t, 0.336, updatedSince(w.Now-365*day), 0.05)
	growth := float64(len(w.Bases)-basesAtStart) / 365
	require.InDelta(t, 0.1*(UsualRates().NewBases-UsualRates().Deleted+UsualRates().Renamed), growth, 1)
	require.InDelta(t, 0.1*365*UsualRates().Adopted, w.Count["adopted"], 0.1*365*4)
}

// TestWorld_SameSeed checks that the same seed gives the same dumps, and another one different dumps.
func TestWorld_SameSeed(t *testing.T) {
	dump := func(seed uint64) string {
		w := New(Options{Seed: seed, Packages: 2000, Rates: UsualRates().Scaled(3), Start: on(2026, time.June, 1), Incidents: FirstSet()})
		w.Advance(on(2026, time.June, 20).Unix())
		var out bytes.Buffer
		require.NoError(t, w.WriteDump(&out))
		return out.String()
	}
	require.Equal(t, dump(1), dump(1))
	require.NotEqual(t, dump(1), dump(2))
}

// TestWorld_Dump checks that the dumps are what aurdiff reads, and that it finds an incident in them.
func TestWorld_Dump(t *testing.T) {
	w := newYear(3000, []Incident{{Name: "test", Shape: Adoption, Begin: on(2018, time.January, 3), End: on(2018, time.January, 3), Bases: 20, PerAccount: 10, Removed: 48}})
	observe := func(days int64) *aurdiff.Observation {
		w.Advance(start.Unix() + days*day)
		path := filepath.Join(t.TempDir(), fmt.Sprintf("%d.json", days))
		var out bytes.Buffer
		require.NoError(t, w.WriteDump(&out))
		require.NoError(t, os.WriteFile(path, out.Bytes(), 0o600))
		require.NoError(t, os.Chtimes(path, time.Time{}, time.Unix(w.Now, 0)))
		o, err := aurdiff.Read(t.Context(), path)
		require.NoError(t, err)
		require.Zero(t, o.LeftOutCount)
		require.Equal(t, w.Now, o.At)
		return o
	}
	before, after := observe(2), observe(3)
	adopted := map[string]int{}
	require.NoError(t, aurdiff.Compare(before, after, func(e journal.Event) error {
		if e.Kind == journal.EventAdopted {
			adopted[e.To]++
		}
		return nil
	}))
	harmful := 0
	for _, b := range w.Bases {
		if b.Incident != nil {
			harmful++
			require.NotZero(t, adopted[b.Maintainer()])
		}
	}
	require.Equal(t, 20, harmful)
}

// TestResized checks that small attacks keep their size, and large ones are as large a part of a smaller AUR.
func TestResized(t *testing.T) {
	sizes := []int{}
	for _, i := range Resized([]Incident{{Bases: 1}, {Bases: 3}, {Bases: 50}, {Bases: 1885}}, 0.2) {
		sizes = append(sizes, i.Bases)
	}
	require.Equal(t, []int{1, 3, 10, 377}, sizes)
}

// TestSets checks that each documented incident is in one of the two sets.
func TestSets(t *testing.T) {
	require.Len(t, append(FirstSet(), SecondSet()...), len(Documented()))
	for _, i := range FirstSet() {
		require.NotContains(t, SecondSet(), i)
	}
}
