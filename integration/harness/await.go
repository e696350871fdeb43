package harness

import (
	"testing"

	"github.com/omg-arch/omg/shared/await"
)

// Hang is the time after which a test gives something up that should have come
// about: so long that no busy machine reaches it.
const Hang = await.Hang

// Await waits until a condition holds. The text says what is awaited; its
// arguments are printed as they are when the wait is given up, so that a pointer
// or a function (func() string) shows the last state.
func Await(t testing.TB, holds func() bool, text string, args ...any) {
	t.Helper()
	await.Condition(t, holds, text, args...)
}

// Receive waits for a value of a channel, or for its end.
func Receive[T any](t testing.TB, from <-chan T, text string, args ...any) T {
	t.Helper()
	return await.Receive(t, from, text, args...)
}
