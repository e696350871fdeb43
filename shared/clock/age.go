package clock

import (
	"fmt"
	"time"
)

// FormatAge returns how long ago something was, in the largest unit that fits, from minutes to years: "2 days ago".
func FormatAge(d time.Duration) string {
	const day = 24 * time.Hour
	if d < -time.Second {
		return "in the future"
	}
	for _, u := range []struct {
		unit time.Duration
		name string
	}{{365 * day, "year"}, {day, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}} {
		n := int64(d / u.unit)
		switch {
		case n == 1:
			return "1 " + u.name + " ago"
		case n > 1:
			return fmt.Sprintf("%d %ss ago", n, u.name)
		}
	}
	return "just now"
}
