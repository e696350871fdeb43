package show

import (
	"bufio"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/wire"
)

func TestCountChart(t *testing.T) {
	day := int64(24 * time.Hour / time.Second)
	entry := func(at int64, updates, installed int) wire.CountsHistoryEntry {
		e := wire.CountsHistoryEntry{At: at * day}
		if updates >= 0 {
			n := uint32(updates)
			e.Counts.Updates = &n
		}
		n := uint32(installed)
		e.Counts.Installed = &n
		return e
	}
	draw := func(unicode bool, width int, entries ...wire.CountsHistoryEntry) string {
		return write(func(w *bufio.Writer) { Style{Width: width}.PrintCountChart(w, entries, unicode) })
	}
	week := []wire.CountsHistoryEntry{entry(0, 0, 900), entry(2, 35, 900), entry(4, -1, 900), entry(5, 10, 900), entry(10, 70, 900)}
	require.Empty(t, draw(false, 0), "no entry")
	require.Empty(t, draw(false, 0, week[0]), "one entry")
	require.Equal(t, "updates            0 to 70 ▁▄▄ ▂▂▂▂▂█\n                           1970-01-01 to 1970-01-11\n", draw(true, 38, week...))
	require.Equal(t, "updates            0 to 70 044 111119\n                           1970-01-01 to 1970-01-11\n", draw(false, 38, week...))
	require.Empty(t, draw(true, 30, week...), "the terminal is too narrow")
	require.Empty(t, draw(true, 80, entry(0, 5, 900), entry(3, 5, 900)), "nothing has changed")
	require.Equal(t, "installed       901 to 902 ▁▁▁▁▁▁▁▁▁█\n                           1970-01-02 to 1970-01-04\n", draw(true, 38, entry(1, 1, 900), entry(0, 1, 901), entry(3, 1, 902), entry(2, 1, 902)), "the clock was set back")
}
