package resident

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// TestFollow checks the pauses between readings: slow readings are rarer, and a reading that has waited for a server is repeated soon.
func TestFollow(t *testing.T) {
	for took, want := range map[time.Duration]time.Duration{
		0: 2 * time.Second, 20 * time.Millisecond: 2 * time.Second, 500 * time.Millisecond: 10 * time.Second, 15 * time.Second: 20 * time.Second, time.Hour: 20 * time.Second,
	} {
		synctest.Test(t, func(t *testing.T) {
			f := New()
			ctx, cancel := context.WithCancel(context.Background())
			var ended time.Time
			readings := 0
			f.Follow(ctx, func(context.Context) error {
				switch readings++; readings {
				case 1:
					time.Sleep(took)
					ended = time.Now()
					return errors.New("it is away")
				case 2:
					require.Equal(t, want, time.Since(ended), took)
					require.Equal(t, "it is away", f.Problem())
					return nil
				}
				require.Empty(t, f.Problem())
				cancel()
				return nil
			})
			require.Equal(t, 3, readings)
		})
	}
}
