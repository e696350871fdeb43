//go:build testclock

package clock

import (
	"os"
	"time"
)

// variable is the environment variable with the time, in the form of RFC 3339, or with the path of a file that has the time.
const variable = "OMG_TEST_TIME"

// Now returns the time in the environment variable OMG_TEST_TIME or in the file that it names, or the current time if the variable is not set.
// It panics if there is no time: only a wrong test can set it.
func Now() time.Time {
	text := os.Getenv(variable)
	if text == "" {
		return time.Now()
	}
	if content, err := os.ReadFile(text); err == nil {
		text = string(content)
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return t
}
