package harness

import (
	"fmt"
	"testing"
	"time"
)

// Hang is the time after which a test gives something up that should have come
// about: so long that no busy machine reaches it.
const Hang = 3 * time.Minute

// Await waits until a condition holds. The text says what is awaited; its
// arguments are printed as they are when the wait is given up, so that a pointer
// or a function (func() string) shows the last state.
func Await(t testing.TB, holds func() bool, text string, args ...any) {
	t.Helper()
	for begin, pause := time.Now(), time.Millisecond; !holds(); time.Sleep(pause) {
		if time.Since(begin) > Hang {
			for i, a := range args {
				if show, ok := a.(func() string); ok {
					args[i] = show()
				}
			}
			t.Fatalf("this did not come about: "+text, args...)
		}
		pause = min(pause*3/2, 50*time.Millisecond)
	}
}

// Receive waits for a value of a channel, or for its end.
func Receive[T any](t testing.TB, from <-chan T, text string, args ...any) T {
	t.Helper()
	timer := time.NewTimer(Hang)
	defer timer.Stop()
	select {
	case v := <-from:
		return v
	case <-timer.C:
		t.Fatalf("this did not come: %s", fmt.Sprintf(text, args...))
		panic("unreachable")
	}
}
