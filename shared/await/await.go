// Package await lets tests wait for what another goroutine, process or the kernel does. A slow machine never reaches
// the limit of a wait: Hang only ends a wait that would never end.
package await

import (
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// Hang is the time after which a test gives up waiting, long enough for any busy machine. It also serves as the value
// of limits that a test must not reach.
const Hang = 3 * time.Minute

// Condition waits until a condition holds. The text says what is awaited. Its arguments are formatted only when the wait is
// given up, so a pointer or a function (func() string) shows the last state.
func Condition(t testing.TB, holds func() bool, text string, args ...any) {
	t.Helper()
	if until(holds) {
		return
	}
	for i, a := range args {
		if show, ok := a.(func() string); ok {
			args[i] = show()
		}
	}
	t.Fatalf("this did not come about: "+text, args...)
}

// until checks the condition with growing pauses, and reports whether it became true.
func until(holds func() bool) bool {
	for begin, pause := time.Now(), time.Millisecond; !holds(); time.Sleep(pause) {
		if time.Since(begin) > Hang {
			return false
		}
		pause = min(pause*3/2, 50*time.Millisecond)
	}
	return true
}

// Receive waits until a channel delivers a value or is closed.
func Receive[T any](t testing.TB, from <-chan T, text string, args ...any) T {
	t.Helper()
	timer := time.NewTimer(Hang)
	defer timer.Stop()
	select {
	case v := <-from:
		return v
	case <-timer.C:
		t.Fatalf("timed out while waiting for: %s", fmt.Sprintf(text, args...))
		panic("unreachable")
	}
}

// NoGoroutines waits until only the goroutines that the options name are left. goleak itself waits for little more than
// a second.
func NoGoroutines(t testing.TB, options ...goleak.Option) {
	t.Helper()
	if err := left(options...); err != nil {
		t.Error(err)
	}
}

func left(options ...goleak.Option) (err error) {
	until(func() bool {
		err = goleak.Find(options...)
		return err == nil
	})
	return err
}

// Main runs a package's tests and fails if one of them leaves a goroutine running.
func Main(m *testing.M) {
	code := m.Run()
	if code == 0 {
		if err := left(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}
