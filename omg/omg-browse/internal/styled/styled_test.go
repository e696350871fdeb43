package styled

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParse(t *testing.T) {
	bold := Style{Bold: true}
	require.Equal(t, []Line{
		{{"Name", bold}, {" : bash", Style{}}},
		{},
		{{"1.0", Style{Color: 2, Bold: true}}, {"x\uFFFD]", Style{}}},
		{{"a", Style{Underline: true}}, {"b", Style{}}},
	}, Parse("\x1b[0;1mName\x1b[0m : bash\n\n\x1b[1;32m1.0\x1b[mx\x1b]\n\x1b[4ma\x1b[24mb\n"))
	require.Equal(t, []Line{{{"    make", Style{}}}}, Parse("\tmake"))
	require.Equal(t, []Line{{{"a", Style{}}}}, Parse("a\x1b[3"), "a sequence without an end")
	require.Equal(t, []Line{{{"\uFFFD", Style{}}, {"x", Style{}}}}, Parse("\x1b\x1b[2Jmx"), "a sequence that is not SGR ends at its m")
}

func TestParse_StyleContinues(t *testing.T) {
	require.Equal(t, []Line{{{"a", Style{Color: 1, Bold: true}}}, {{"b", Style{Color: 1, Bold: true}}}}, Parse("\x1b[1;31ma\nb\x1b[0m"))
}

func TestCut(t *testing.T) {
	require.Equal(t, "abc", Cut("abc", 3))
	require.Equal(t, "a…", Cut("abc", 2))
	require.Equal(t, "日…", Cut("日本語", 4))
	require.Equal(t, "日…", Cut("日本語", 3))
	require.Empty(t, Cut("abc", 0))
	require.Equal(t, 6, Width("日本語"))
}

func TestFold(t *testing.T) {
	bold := Style{Bold: true}
	texts := func(lines []Line) (out []string) {
		for _, l := range lines {
			out = append(out, l.String())
		}
		return out
	}
	require.Equal(t, []Line{{{"short", bold}}}, Fold(Plain("short", bold), 5))
	require.Equal(t, []Line{{{"a", bold}, {"bc", Style{}}}, {{"de", Style{}}}}, Fold(Line{{"a", bold}, {"bcde", Style{}}}, 3))
	require.Equal(t, []string{"some words", "that are", "longerthan", "acolumn"}, texts(Fold(Plain("some words that are longerthanacolumn", bold), 10)))
	require.Equal(t, []string{"    indent", "ed"}, texts(Fold(Plain("    indented", bold), 10)))
	require.Equal(t, []string{"日", "本", "語"}, texts(Fold(Plain("日本語", bold), 3)))
	require.Equal(t, []string{"日", "e\u0301", "x"}, texts(Fold(Plain("日e\u0301x", bold), 1)), "a wide character does not fit, but is not lost")
	require.Len(t, Fold(nil, 10), 1, "an empty line is a line")
	require.Len(t, Fold(Plain(strings.Repeat("x", 1000), bold), 0), 1000)
}

func FuzzFold(f *testing.F) {
	f.Add("日本語 a\u0301 b", 3)
	f.Fuzz(func(t *testing.T, text string, columns int) {
		columns = columns%200 + 1
		if columns < 2 {
			columns = 2
		}
		for _, l := range Parse(text) {
			for _, part := range Fold(l, columns) {
				require.LessOrEqual(t, Width(part.String()), columns)
			}
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add("\x1b[1;31ma\nb\x1b[0m\x1b]8;;x\x1b\\")
	f.Fuzz(func(t *testing.T, text string) {
		for _, l := range Parse(text) {
			for _, s := range l {
				for _, r := range s.Text {
					require.False(t, r < ' ' || r == 0x7f, "%q", s.Text)
				}
			}
		}
	})
}
