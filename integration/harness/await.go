package harness

import (
	"testing"

	"github.com/omg-arch/omg/shared/await"
)

// HangTimeout is the time after which a test stops waiting: so long that a busy machine does not reach it.
const HangTimeout = await.Timeout

// Await waits until a condition holds. The text describes the condition; its arguments are printed when the wait ends,
// so that a pointer or a function (func() string) shows the last state.
func Await(t testing.TB, holds func() bool, text string, args ...any) {
	t.Helper()
	await.Condition(t, holds, text, args...)
}

// Receive waits until the channel delivers a value or is closed.
func Receive[T any](t testing.TB, from <-chan T, text string, args ...any) T {
	t.Helper()
	return await.Receive(t, from, text, args...)
}
