package terminal

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/exit"
)

// testBestMatch checks where the best match of a search is: next to the prompt if the results do not fit on the screen, otherwise first.
func testBestMatch(t *testing.T, all []way) {
	for _, y := range all {
		t.Run(y.Name, func(t *testing.T) {
			y := y.forTest(t).with("NO_COLOR=1", "COLUMNS=0")
			s := newScreen(t, 80)
			names := func(out string) (list []string) {
				for line := range strings.Lines(out) {
					if !strings.HasPrefix(line, "    ") {
						list = append(list, line)
					}
				}
				return list
			}
			search := func(order string, args ...string) []string {
				return names(y.with("OMG_SEARCH_ORDER="+order).runOn(t, s, stdout, append([]string{"search", "lib"}, args...)...).Stdout)
			}
			piped := names(y.with("OMG_SEARCH_ORDER=best-last").Omg("search", "lib", "--limit", "50").Stdout)
			require.Len(t, piped, shown)
			reversed := slices.Clone(piped)
			slices.Reverse(reversed)
			require.Equal(t, reversed, search("auto"), "fifty results do not fit in 24 lines")
			require.Equal(t, reversed, search("best-last"))
			require.Equal(t, piped, search("best-first"))
			require.Equal(t, piped[:11], search("auto", "--limit", "11"), "22 lines and the prompt fit in 24 lines")
			require.Equal(t, reversed[shown-12:], search("auto", "--limit", "12"))
			require.Equal(t, reversed[shown-3:], search("best-last", "--limit", "3"))
			require.Equal(t, strings.Join(search("best-first"), ""), strings.Join(piped, ""))
		})
	}
}

// testMatches checks that the words of a search are underlined on a terminal, and nothing else.
func testMatches(t *testing.T, all []way) {
	y := all[1].forTest(t)
	s := newScreen(t, 80)
	out := y.runOn(t, s, stdout, "search", "LIB", "--limit", "20").Stdout
	marked := strings.Count(out, "\x1b[4m")
	plain := strings.ReplaceAll(colors.ReplaceAllString(out, ""), "multilib/", "")
	require.Equal(t, strings.Count(strings.ToLower(plain), "lib"), marked)
	require.GreaterOrEqual(t, marked, 20)
	require.Equal(t, marked, strings.Count(strings.ToLower(out), "\x1b[4mlib\x1b[24m"))
	for _, args := range [][]string{{"search", "LIB", "--color", "never"}, {"search", "-x", "li."}, {"search", "-q", "lib"}} {
		require.NotContains(t, y.runOn(t, s, stdout, args...).Stdout, "\x1b[4m", args)
	}
	require.NotContains(t, y.with("TERM=dumb").runOn(t, s, stdout, "search", "lib").Stdout, "\x1b")
}

// testPager checks that only output that does not fit on the screen is shown with the pager.
func testPager(t *testing.T, all []way) {
	const pager = "PAGER=sed 's/^/P /'"
	for _, y := range all {
		t.Run(y.Name, func(t *testing.T) {
			y := y.forTest(t).with("NO_COLOR=1", "COLUMNS=0")
			s := newScreen(t, 80)
			long := []string{"info", "-i"} // all installed packages
			want := y.Omg(long...).Stdout
			require.Greater(t, strings.Count(want, "\n"), 1000)
			lines := strings.SplitAfter(strings.TrimSuffix(want, "\n"), "\n")
			got := y.with(pager).runOn(t, s, stdout, long...)
			require.Zero(t, got.Code)
			require.Equal(t, "P "+strings.Join(lines, "P ")+"\n", got.Stdout)
			for _, c := range []struct {
				env  string
				args []string
			}{
				{pager, append([]string{"--no-pager"}, long...)}, {"PAGER=", long}, {"PAGER=cat", long}, {"PAGER=no-such-program", long},
			} {
				require.Equal(t, want, y.with(c.env).runOn(t, s, stdout, c.args...).Stdout, c)
			}
			require.Equal(t, want, y.with(pager, "TERM=dumb").runOn(t, s, stdout, long...).Stdout)
			require.Equal(t, want, y.with(pager).Omg(long...).Stdout, "a pipe has no pager")
			// A pager that the user ends early is not an error.
			got = y.with("PAGER=head -n 1").runOn(t, s, stdout, long...)
			require.Zero(t, got.Code)
			require.Equal(t, lines[0], got.Stdout)
			short := ""
			for block := range strings.SplitSeq(want, "\n\n") {
				if block != "" && strings.Count(block, "\n") <= 21 { // with the empty line after it, 23 lines
					short = block
				}
			}
			harness.Await(t, func() bool { return y.Omg("owns", "--repos", "-q", "glibc").Code != exit.Failed }, "the lists of files are indexed")
			for _, args := range [][]string{{"tree", "-r", "glibc"}, {"why", "glibc"}, {"owns", "--repos", "-x", "^lib"}} {
				got := y.with(pager).runOn(t, s, stdout, args...).Stdout
				require.Greater(t, strings.Count(got, "\n"), 24)
				for line := range strings.Lines(got) {
					require.True(t, strings.HasPrefix(line, "P "), "%s: %s", args, line)
				}
			}
			require.NotEmpty(t, short)
			got = y.with(pager).runOn(t, s, stdout, "info", "-i", strings.Fields(short)[2])
			require.Equal(t, short+"\n\n", got.Stdout, "it fits on the screen")
		})
	}
}

// testLinks checks that addresses are hyperlinks on a terminal that is known to have them.
func testLinks(t *testing.T, all []way) {
	y := all[1].forTest(t).with("NO_COLOR=1", "TMUX=", "STY=", "VTE_VERSION=", "TERM_PROGRAM=", "KONSOLE_VERSION=", "WT_SESSION=")
	s := newScreen(t, 200)
	args := []string{"info", "-i", "--no-pager"}
	plain := y.runOn(t, s, stdout, args...).Stdout
	require.NotContains(t, plain, "\x1b")
	linked := y.with("TERM=xterm-kitty").runOn(t, s, stdout, args...).Stdout
	require.Contains(t, linked, "URL             : \x1b]8;;http")
	require.Equal(t, strings.Count(plain, "\nURL             : http"), strings.Count(linked, "\x1b]8;;\x1b\\"))
	require.NotContains(t, y.with("TERM=xterm-kitty", "TMUX=/tmp/tmux").runOn(t, s, stdout, args...).Stdout, "\x1b")
	require.NotContains(t, y.with("TERM=xterm-kitty").Omg(args...).Stdout, "\x1b")
}
