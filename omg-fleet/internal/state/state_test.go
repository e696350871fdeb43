package state

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/omg-fleet/internal/messages"
)

// TestHost_IsLive checks which hosts are waited for. A host can claim any interval.
func TestHost_IsLive(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	for name, c := range map[string]struct {
		alive *messages.Alive
		ago   time.Duration
		want  bool
	}{
		"never heard":         {nil, 0, false},
		"recent":              {&messages.Alive{Interval: 300}, 15 * time.Minute, true},
		"missed three":        {&messages.Alive{Interval: 300}, 15*time.Minute + 1, false},
		"stopped":             {&messages.Alive{Interval: 300, Stopped: true}, time.Second, false},
		"claims a year":       {&messages.Alive{Interval: 1 << 60}, 4 * time.Hour, false},
		"claims no time":      {&messages.Alive{Interval: -5}, 2 * time.Minute, true},
		"the clock is behind": {&messages.Alive{Interval: 300}, -time.Minute, true},
	} {
		h := &Host{Alive: c.alive, Contact: now.Add(-c.ago)}
		require.Equal(t, c.want, h.IsLive(now), name)
	}
}

func TestHost_ClockAhead(t *testing.T) {
	heard := time.Unix(2_000_000, 0)
	for name, c := range map[string]struct {
		host Host
		want int64
	}{
		"never heard":    {Host{}, 0},
		"no time":        {Host{Contact: heard, Alive: &messages.Alive{}}, 0},
		"no server time": {Host{Alive: &messages.Alive{Now: 2_000_000}}, 0},
		"right":          {Host{Contact: heard, Alive: &messages.Alive{Now: 2_000_000}}, 0},
		"in the past":    {Host{Contact: heard, Alive: &messages.Alive{Now: 1_000}}, -1_999_000},
		"in the future":  {Host{Contact: heard, Alive: &messages.Alive{Now: 9_000_000}}, 7_000_000},
	} {
		require.Equal(t, c.want, c.host.ClockAhead(), name)
	}
}
