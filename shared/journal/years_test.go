package journal

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestWriter_TwoYears writes the journal of two years day by day, at the rate of a usual day and at four times this rate. At the usual rate,
// nothing is dropped. Otherwise the oldest days are dropped, the file keeps its limit, and the remaining days are complete and in order.
func TestWriter_TwoYears(t *testing.T) {
	const years, day, usual = 2, 24 * 60 * 60, 600
	for name, c := range map[string]struct {
		events  int
		isWhole bool
	}{"usual": {usual, true}, "busy": {4 * usual, false}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), FileName)
			w, err := OpenWriter(path, func(*Entry) error { return nil })
			require.NoError(t, err)
			start := int64(1_700_000_000)
			for n := range int64(years * 365) {
				e := &Entry{Observation: Observation{
					Outcome: OutcomeCompared, Source: SourceDump, PackageCount: 100_000, Between: Interval{From: start + n*day, To: start + (n+1)*day},
				}}
				for i := range c.events {
					e.Events = append(e.Events, Event{
						Base: fmt.Sprintf("package-base-%d", (n*usual+int64(i))*7919%90_000), Kind: EventMaintainerChanged,
						From: fmt.Sprintf("maintainer-%d", i), To: fmt.Sprintf("maintainer-%d", i+1), Between: e.Between,
					})
				}
				require.NoError(t, w.Append(e))
				if n%50 == 0 || n == years*365-1 {
					fi, err := os.Stat(path)
					require.NoError(t, err)
					require.LessOrEqual(t, fi.Size(), realLimits.fileSize)
				}
			}
			require.NoError(t, w.Close())
			first, last, entries := int64(0), int64(0), 0
			state, err := Read(path, nil, func(e *Entry) error {
				if entries++; first == 0 {
					first, last = e.Between.From, e.Between.From
				}
				require.Equal(t, last, e.Between.From, "no day is missing after the first one")
				require.Len(t, e.Events, c.events)
				last = e.Between.To
				return nil
			})
			require.NoError(t, err)
			require.Empty(t, state.Problem())
			require.Equal(t, start+years*365*day, last)
			require.Equal(t, years*365-entries, w.DroppedEntries)
			require.Equal(t, c.isWhole, first == start)
			if !c.isWhole {
				require.Greater(t, state.ReadableSize, realLimits.shrunkFileSize/2, "not more than needed is dropped")
			}
		})
	}
}
