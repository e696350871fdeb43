// Package await lets tests wait for something that another goroutine, another process or the kernel does. Every wait
// has the limit Timeout. It is so long that even a slow machine never reaches it: it only guards against waits that would
// never end.
package await

import (
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// Timeout is the time after which a test gives up waiting. It is long enough for any busy machine. Tests also use it as
// the value of time limits that must not be reached.
const Timeout = 3 * time.Minute

// Condition calls isMet() until it returns true. The text says what the test waits for. The arguments of the text are
// formatted only if the wait times out, so an argument that is a pointer or a func() string shows the last state.
func Condition(t testing.TB, isMet func() bool, text string, args ...any) {
	t.Helper()
	if until(isMet) {
		return
	}
	for i, a := range args {
		if show, ok := a.(func() string); ok {
			args[i] = show()
		}
	}
	t.Fatalf("timed out while waiting for this: "+text, args...)
}

// until calls isMet() with growing pauses, until it returns true or the time Timeout is over. It returns false if the time
// is over.
func until(isMet func() bool) bool {
	for begin, pause := time.Now(), time.Millisecond; !isMet(); time.Sleep(pause) {
		if time.Since(begin) > Timeout {
			return false
		}
		pause = min(pause*3/2, 50*time.Millisecond)
	}
	return true
}

// Receive waits until a channel delivers a value or is closed.
func Receive[T any](t testing.TB, from <-chan T, text string, args ...any) T {
	t.Helper()
	timer := time.NewTimer(Timeout)
	defer timer.Stop()
	select {
	case v := <-from:
		return v
	case <-timer.C:
		t.Fatalf("timed out while waiting for this: %s", fmt.Sprintf(text, args...))
		panic("unreachable")
	}
}

// NoGoroutines waits until all goroutines have ended except those that the options exclude. It exists because goleak itself
// waits only a little more than a second.
func NoGoroutines(t testing.TB, options ...goleak.Option) {
	t.Helper()
	if err := leakedGoroutines(options...); err != nil {
		t.Error(err)
	}
}

func leakedGoroutines(options ...goleak.Option) (err error) {
	until(func() bool {
		err = goleak.Find(options...)
		return err == nil
	})
	return err
}

// RunTestMain runs the tests of a package, and fails if goroutines are still running after them. It ends the process.
func RunTestMain(m *testing.M) {
	code := m.Run()
	if code == 0 {
		if err := leakedGoroutines(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}
