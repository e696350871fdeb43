package schedule

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/await"
	"github.com/omg-arch/omg/shared/fetch"
)

func TestMain(m *testing.M) { await.RunTestMain(m) }

// TestSchedule_Run checks the pauses in a week in which two requests to a server fail.
func TestSchedule_Run(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(context.Background(), 7*24*time.Hour)
		defer cancel()
		s := Schedule{Interval: 24 * time.Hour, FirstRetry: time.Minute}
		began, asked, failures := time.Now(), []time.Duration(nil), 0
		s.Run(ctx, 5*time.Second, func(context.Context) error {
			asked = append(asked, time.Since(began))
			if len(asked) == 3 || len(asked) == 4 {
				failures++
				return &fetch.StatusError{Code: 503, RetryAfter: time.Duration(failures-1) * time.Hour}
			}
			return nil
		})
		require.Len(t, asked, 9, "seven days and two failures")
		require.Equal(t, 5*time.Second, asked[0])
		for i, want := range []time.Duration{24 * time.Hour, 24 * time.Hour, time.Minute, time.Hour, 24 * time.Hour} {
			pause := asked[i+1] - asked[i]
			require.GreaterOrEqual(t, pause, want)
			require.LessOrEqual(t, pause, want+want/10)
		}
	})
	s := Schedule{Interval: time.Hour, FirstRetry: time.Minute}
	for _, want := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
		pause := s.NextPause(errors.New("any"))
		require.GreaterOrEqual(t, pause, want*time.Minute)
		require.LessOrEqual(t, pause, want*time.Minute+want*time.Minute/10)
	}
}
