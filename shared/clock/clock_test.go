package clock

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		time.Sleep(time.Hour)
		require.Equal(t, time.Now(), Now())
		require.Equal(t, time.Hour, Since(start))
		require.Equal(t, -time.Hour, Until(start))
	})
}
