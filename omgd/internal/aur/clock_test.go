package aur

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omgd/internal/store"
	"github.com/omg-arch/omg/shared/journal"
	"github.com/omg-arch/omg/shared/wire"
)

// TestClock_BetweenRuns checks what omgd does after a restart if the clock was wrong by days when it planned the next request: the dump is
// requested at most two intervals later, each dump is recorded once, and a confirmation in the future says nothing about the age of the dump.
func TestClock_BetweenRuns(t *testing.T) {
	for name, wrong := range map[string]time.Duration{"was ahead": 10 * 24 * time.Hour, "was behind": -10 * 24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				first, second := dumps()
				s := &server{etag: `"1"`, dump: first}
				c, r := journaled(t, s)
				c.Watch = false
				_, stop := run(t, c)
				time.Sleep(time.Hour)
				stop()
				d, _, ok := store.Load[dumpRecord](c.Store, storeBucket, keyDump)
				require.True(t, ok)
				d.ConfirmedAt += int64(wrong.Seconds())
				d.NextRequestAt += int64(wrong.Seconds())
				store.Save(c.Store, discard, storeBucket, keyDump, &d, time.Now().Add(wrong))
				s.set(func() { s.etag, s.dump = `"2"`, second })
				a, stop := run(t, c)
				synctest.Wait()
				if wrong > 0 {
					require.Equal(t, wire.SourceStale, a.Source().State)
					require.Equal(t, "the age of the dump is unknown", a.Source().Why)
				}
				time.Sleep(2*time.Duration(c.Interval) + time.Hour)
				require.Equal(t, wire.SourceOK, a.Source().State)
				stop()
				require.Equal(t, []string{"", string(first)}, r.before)
				require.Equal(t, []string{string(first), string(second)}, r.after)
			})
		})
	}
}

// TestClock_WhileWatching checks that a clock that jumps by days between two replies only makes the interval of an event wider: no event is
// lost, recorded twice or invented.
func TestClock_WhileWatching(t *testing.T) {
	for name, jump := range map[string]time.Duration{"forward": -10 * 24 * time.Hour, "backward": 10 * 24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWatchTest(t)
				time.Sleep(time.Hour)
				require.NoError(t, w.ask())
				// The replies before the jump have a time that is too early or too late by the clock after it.
				earlier := *w.foreignReplies.Load()
				earlier.RepliedAt = earlier.RepliedAt.Add(jump)
				w.foreignReplies.Store(&earlier)
				time.Sleep(time.Hour)
				w.set("tool", "Maintainer", nil)
				require.NoError(t, w.ask())
				require.NoError(t, w.ask())
				now := time.Now().Unix()
				list := w.recorded()
				require.Len(t, list, 1)
				require.Len(t, list[0].Events, 1)
				e := list[0].Events[0]
				require.Equal(t, journal.EventOrphaned, e.Kind)
				require.LessOrEqual(t, e.Between.From, now-3600)
				require.Equal(t, now, e.Between.To)

				time.Sleep(time.Hour)
				w.set("tool", "Maintainer", "eve")
				require.NoError(t, w.ask())
				list = w.recorded()
				require.Len(t, list, 2)
				require.Len(t, list[1].Events, 1)
				require.Equal(t, journal.EventAdopted, list[1].Events[0].Kind)
			})
		})
	}
}
