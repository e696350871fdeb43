package aurcheck

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/journal"
)

// BenchmarkReadJournal measures reading a journal of a year, for the packages of a usual system. It decides what omg can afford
// without a daemon.
func BenchmarkReadJournal(b *testing.B) {
	path := filepath.Join(b.TempDir(), journal.FileName)
	w, err := journal.OpenWriter(path, func(*journal.Entry) error { return nil })
	require.NoError(b, err)
	const eventsOfDay = 700
	for d := range 365 {
		e := entry()
		e.Between = journal.Interval{From: int64(d) * day, To: int64(d+1) * day}
		for i := range eventsOfDay {
			e.Events = append(e.Events, journal.Event{
				Base: fmt.Sprintf("package-base-%d", (d*eventsOfDay+i)*7919%90_000), Kind: journal.EventMaintainerChanged, From: "alice", To: "bob", Between: e.Between,
			})
		}
		require.NoError(b, w.Append(e))
	}
	require.NoError(b, w.Close())
	c := &Check{events: nil}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ReadJournal(path, nil, c.AddEvents); err != nil {
			b.Fatal(err)
		}
	}
}
