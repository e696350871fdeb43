package aurdiff

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/journal"
)

// entries returns the entries of a journal.
func entries(t *testing.T, path string) (list []journal.Entry) {
	t.Helper()
	state, err := journal.Read(path, nil, func(e *journal.Entry) error {
		list = append(list, journal.Entry{Observation: e.Observation, Events: append([]journal.Event(nil), e.Events...)})
		return nil
	})
	require.NoError(t, err)
	require.Empty(t, state.Problem())
	return list
}

// held returns an observation in which the package demo has the given maintainer. The parameter at is the time of the dump.
func held(t *testing.T, at int64, maintainer any) *Observation {
	t.Helper()
	return observe(t, at, example(pkg{"Maintainer": maintainer, "LastModified": at}))
}

func record(t *testing.T, path string, old, now *Observation) RecordResult {
	t.Helper()
	r, err := RecordInJournal(path, old, now)
	require.NoError(t, err)
	return r
}

// TestRecord_Days records a baseline and the dumps of the next three days. It records one dump twice, as omgd does after a
// crash. The second time, nothing is added.
func TestRecord_Days(t *testing.T) {
	path := filepath.Join(t.TempDir(), journal.FileName)
	first, second := held(t, monday, "alice"), held(t, tuesday, nil)
	third, fourth := held(t, tuesday+day, "bob"), held(t, tuesday+2*day, "bob")

	r := record(t, path, nil, first)
	require.Equal(t, journal.OutcomeBaseline, r.Outcome)
	require.Zero(t, r.EventCount)
	r = record(t, path, first, second)
	require.Equal(t, journal.OutcomeCompared, r.Outcome)
	require.Equal(t, 1, r.EventCount)
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	require.True(t, record(t, path, first, second).AlreadyRecorded)
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, before, after)
	record(t, path, second, third)
	record(t, path, third, fourth)

	list := entries(t, path)
	require.Len(t, list, 4)
	require.Equal(t, []string{`demo orphaned "alice" ""`}, short(list[1].Events))
	require.Equal(t, []string{`demo adopted "" "bob"`}, short(list[2].Events))
	require.Empty(t, list[3].Events)
	require.Equal(t, journal.Interval{From: tuesday, To: tuesday + day}, list[2].Between)
	require.Equal(t, journal.Digest(third.SHA256), list[2].SHA256)
	require.EqualValues(t, 31, list[2].PackageCount)
}

// TestRecord_OldDumpKept compares a new dump with a dump that is older than the last one in the journal, as omgd does after
// a crash. Events that the journal already has must not be added again.
func TestRecord_OldDumpKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), journal.FileName)
	first, second := held(t, monday, "alice"), held(t, tuesday, nil)
	gone := example(pkg{"Name": "gone", "PackageBase": "gone"})
	third := observe(t, tuesday+day, example(pkg{"Maintainer": nil, "LastModified": tuesday}), gone)
	record(t, path, nil, first)
	record(t, path, first, second)
	record(t, path, first, third)
	list := entries(t, path)
	require.Len(t, list, 3)
	require.Equal(t, []string{`gone first-seen "" "1-1"`}, short(list[2].Events))
	require.Equal(t, journal.Interval{From: monday, To: tuesday + day}, list[2].Between, "the interval is wider, not wrong")
}

// TestRecord_Older checks that a dump is not added if it is older than the last dump in the journal.
func TestRecord_Older(t *testing.T) {
	path := filepath.Join(t.TempDir(), journal.FileName)
	first, second := held(t, monday, "alice"), held(t, tuesday, nil)
	third := held(t, tuesday+day, "bob")
	record(t, path, first, third)
	for name, old := range map[string]*Observation{"compared": first, "as a baseline": nil, "backwards": third} {
		_, err := RecordInJournal(path, old, second)
		require.ErrorIs(t, err, ErrOlder, name)
	}
	require.Len(t, entries(t, path), 1)
}

// TestRecord_Partial checks that a dump is recorded as refused if more than a tenth of the packages are missing. The next
// complete dump is compared with the last complete dump. If all dumps of a week are small, the last one becomes the new
// baseline.
func TestRecord_Partial(t *testing.T) {
	path := filepath.Join(t.TempDir(), journal.FileName)
	first, whole := held(t, monday, "alice"), held(t, tuesday+day, nil)
	small := func(at int64, n int) *Observation {
		list := others()[:n]
		list[0]["Version"] = journal.FormatTime(at)
		o, err := Read(t.Context(), write(t, at, list...))
		require.NoError(t, err)
		return o
	}
	record(t, path, nil, first)
	r := record(t, path, first, small(tuesday, 20))
	require.Equal(t, journal.OutcomeRefused, r.Outcome)
	require.ErrorIs(t, r.CompareErr, ErrPartial)
	again := record(t, path, first, small(tuesday, 20))
	require.True(t, again.AlreadyRecorded, "the dump is recorded only once")
	require.Equal(t, journal.OutcomeRefused, again.Outcome)
	require.ErrorIs(t, again.CompareErr, ErrPartial)
	require.Len(t, entries(t, path), 2)
	r = record(t, path, first, whole)
	require.Equal(t, journal.OutcomeCompared, r.Outcome)
	require.Equal(t, journal.Interval{From: monday, To: tuesday + day}, r.Between)
	require.Equal(t, 1, r.EventCount)

	for _, c := range []struct {
		days int64
		n    int
		want journal.Outcome
	}{{1, 20, journal.OutcomeRefused}, {7, 20, journal.OutcomeRefused}, {8, 15, journal.OutcomeRefused}, {8, 20, journal.OutcomeBaseline}} {
		r = record(t, path, whole, small(whole.At+c.days*day, c.n))
		require.Equal(t, c.want, r.Outcome, c)
		require.ErrorIs(t, r.CompareErr, ErrPartial)
		require.Zero(t, r.EventCount)
	}
}

func TestRecord_Unwritable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(path, []byte("precious"), 0o600))
	_, err := RecordInJournal(path, nil, held(t, monday, "alice"))
	require.ErrorIs(t, err, journal.ErrNotJournal)
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "precious", string(content))
	_, err = RecordInJournal(filepath.Join(path, "x"), nil, held(t, monday, "alice"))
	require.Error(t, err)
}
