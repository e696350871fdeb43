package show

import (
	"bufio"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWrapWords(t *testing.T) {
	for _, c := range []struct {
		text             string
		width, at, start int
		want             string
		end              int
	}{
		{"one two three", 0, 4, 8, "one two three", 17},
		{"one two three", 17, 4, 8, "one two three", 17},
		{"one two three", 16, 4, 8, "one two\n        three", 13},
		{"one two three", 8, 4, 8, "one two three", 17},
		{"a word-that-is-too-long b", 10, 0, 2, "a\n  word-that-is-too-long\n  b", 3},
		{"two  blanks", 20, 0, 2, "two  blanks", 11},
		{"\u4e2d\u6587 \u4e2d\u6587", 8, 0, 2, "\u4e2d\u6587\n  \u4e2d\u6587", 6},
		{"\x1b[31mred", 80, 0, 2, "\ufffd[31mred", 8},
		{"", 80, 3, 2, "", 3},
	} {
		end := 0
		got := write(func(w *bufio.Writer) { end = printer{Style{Width: c.width}, w}.wrapWords(c.text, c.at, c.start) })
		require.Equal(t, c.want, got, "%+v", c)
		require.Equal(t, c.end, end, "%+v", c)
	}
	require.Equal(t, "one two\n    three\n", write(func(w *bufio.Writer) { Style{Width: 10}.PrintSentence(w, "one two three") }))
}
