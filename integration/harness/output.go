package harness

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/termtext"
)

// RequireError requires that a program failed with this exit code and a single error, and printed nothing on standard
// output. Standard error must have exactly one error line, and at most one hint and one note. Each of the words must
// occur in the error line or in the hint.
func RequireError(t testing.TB, r Result, program string, code int, words ...string) {
	t.Helper()
	RequireSafeOutput(t, r)
	require.Equal(t, code, r.Code, r.Stderr)
	require.Empty(t, r.Stdout, r.Stderr)
	var errs, hints, notes []string
	for line := range strings.Lines(r.Stderr) {
		line = strings.TrimSuffix(line, "\n")
		switch text, ok := strings.CutPrefix(line, program+": "); {
		case !ok:
			t.Fatalf("a line that does not begin with the name of the program: %q", r.Stderr)
		case strings.HasPrefix(text, "error: "):
			errs = append(errs, line)
		case strings.HasPrefix(text, "hint: "):
			hints = append(hints, line)
		default:
			notes = append(notes, line)
		}
	}
	require.Len(t, errs, 1, r.Stderr)
	require.LessOrEqual(t, len(hints), 1, r.Stderr)
	require.LessOrEqual(t, len(notes), 1, r.Stderr)
	require.Less(t, len(errs[0]), 600, "an error of more than 600 bytes is too long for a terminal")
	for _, word := range words {
		require.Contains(t, errs[0]+strings.Join(hints, ""), word)
	}
}

// RequireSafeOutput requires that the output contains no control character except line ends.
func RequireSafeOutput(t testing.TB, r Result) {
	t.Helper()
	require.NotContains(t, r.Stderr, "goroutine ")
	require.NotContains(t, r.Stderr, "panic")
	for _, text := range []string{r.Stdout, r.Stderr} {
		require.True(t, utf8.ValidString(text), "%q", text)
		for _, c := range text {
			require.False(t, c != '\n' && termtext.IsUnsafe(c), "%q in %q", c, text)
		}
	}
}
