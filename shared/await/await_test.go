package await

import (
	"errors"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) { RunTestMain(m) }

// recorder is a testing.TB that stores its failure instead of failing a test.
type recorder struct {
	testing.TB
	failure error
}

func (*recorder) Helper() {}

func (r *recorder) Error(args ...any) { r.failure = errors.New(fmt.Sprint(args...)) }

func (r *recorder) Fatalf(format string, args ...any) {
	r.failure = fmt.Errorf(format, args...)
	runtime.Goexit()
}

// record runs a test function with a recorder, in its own goroutine, and returns the failure.
func record(f func(t testing.TB)) error {
	r := &recorder{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(r)
	}()
	<-done
	return r.failure
}

func TestCondition_GivesUpAfterHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin, tries := time.Now(), 0
		err := record(func(t testing.TB) {
			Condition(t, func() bool { tries++; return false }, "%d tries are enough, %s", &tries, func() string { return "at last" })
		})
		require.ErrorContains(t, err, "at last")
		require.InDelta(t, Timeout, time.Since(begin), float64(time.Second))
		require.Greater(t, tries, 1000)
		require.NoError(t, record(func(t testing.TB) { Condition(t, func() bool { tries--; return tries == 0 }, "as often again") }))
	})
}

func TestReceive_GivesUpAfterHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := make(chan int)
		go func() {
			time.Sleep(Timeout / 2)
			c <- 5
		}()
		require.Equal(t, 5, Receive(t, c, "a number"))
		require.ErrorContains(t, record(func(t testing.TB) { Receive(t, c, "number %d", 2) }), "number 2")
		close(c)
		require.Zero(t, Receive(t, c, "the end"))
	})
}

func TestNoGoroutines_WaitsForTheEnd(t *testing.T) {
	release := make(chan struct{})
	go func() { <-release }()
	time.AfterFunc(time.Millisecond, func() { close(release) })
	NoGoroutines(t)
}
