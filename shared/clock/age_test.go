package clock

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAge(t *testing.T) {
	const day = 24 * time.Hour
	for d, want := range map[time.Duration]string{
		-time.Minute: "in the future", 0: "just now", 59 * time.Second: "just now",
		time.Minute: "1 minute ago", 90 * time.Minute: "1 hour ago", 47 * time.Hour: "1 day ago", 30 * day: "30 days ago",
		800 * day: "2 years ago",
	} {
		require.Equal(t, want, FormatAge(d))
	}
}
