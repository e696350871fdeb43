package command

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTimeValue(t *testing.T) {
	const day = 24 * time.Hour
	var d time.Duration
	v := TimeValue(&d, 48*time.Hour)
	require.Equal(t, 2*day, d)
	require.Equal(t, "48h0m0s", v.String())
	for text, want := range map[string]time.Duration{
		"90d": 90 * day, "1d12h": 36 * time.Hour, "0d": 0, "0": 0, "48h": 2 * day, "1h30m": 90 * time.Minute, "1.5h": 90 * time.Minute, "-5s": -5 * time.Second,
		"106751d": 106751 * day,
	} {
		require.NoError(t, v.Set(text), text)
		require.Equal(t, want, d, text)
	}
	for _, text := range []string{"", "d", "90", "1.5d", "-1d", "1d-1h", "d5h", "1d1", "1h1d", "2d1d", "90 d", "90D", "106752d", "106751d24h", "4294967296d", "9999999h", "soon"} {
		d = 5
		require.Error(t, v.Set(text), text)
		require.EqualValues(t, 5, d, text)
	}
}
