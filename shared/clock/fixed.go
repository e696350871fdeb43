//go:build testclock

package clock

import (
	"os"
	"time"
)

// variable is the environment variable with the time, in the form of RFC 3339.
const variable = "OMG_TEST_TIME"

// Now returns the time in the environment variable OMG_TEST_TIME, or the current time if the variable is not set. It panics if the variable
// is not a time: only a wrong test can set it.
func Now() time.Time {
	text := os.Getenv(variable)
	if text == "" {
		return time.Now()
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return t
}
