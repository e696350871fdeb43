// Package clock has the time with which omg compares the times of its data, so that a test can choose it. With the build tag testclock,
// the time is that of the environment variable OMG_TEST_TIME. Without this tag, no program reads this variable.
//
// Waits, timeouts and everything else that measures how long something takes use package time.
package clock

import "time"

// Since returns the time that has elapsed since t. It is negative if t is in the future.
func Since(t time.Time) time.Duration { return Now().Sub(t) }

// Until returns the time until t. It is negative if t is in the past.
func Until(t time.Time) time.Duration { return t.Sub(Now()) }
