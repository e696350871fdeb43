package screens

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
)

// testPlain checks that NO_COLOR and a dumb terminal only remove the colours.
func testPlain(t *testing.T, w *demoSystem) {
	for _, c := range captures {
		t.Run(c.name, func(t *testing.T) {
			x := w.terminals[0].forTest(t)
			line := w.commandLine(c.line, c.mode)
			want := x.run(c.line, line)
			for _, variable := range []string{"NO_COLOR=1", "TERM=dumb"} {
				got := x.run(c.line, "export "+variable+"; "+line+"; code=$?; unset NO_COLOR; export TERM=screen-256color; (exit $code)")
				require.NotContains(t, got.Text, "\x1b", variable)
				require.Equal(t, w.steady(t, want.Joined), w.steady(t, got.Joined), variable)
				require.Equal(t, want.Code, got.Code, variable)
			}
		})
	}
}

// testClosedPipe runs each command with a pipe that nobody reads, as after the end of head. If the command prints something, it is ended by
// SIGPIPE, as other programs are, without a message about the pipe.
func testClosedPipe(t *testing.T, w *demoSystem) {
	for _, c := range captures {
		t.Run(c.name, func(t *testing.T) {
			want := harness.Run(t, w.pipeCommand(t, c.line, c.mode))
			harness.RequireSafeOutput(t, harness.Result{Stderr: want.Stderr})
			read, written, err := os.Pipe()
			require.NoError(t, err)
			require.NoError(t, read.Close())
			cmd := w.pipeCommand(t, "omg() { exec omg $flags \"$@\"; }; "+c.line, c.mode) // omg is then the process whose status is known
			cmd.Stdout = written
			got := harness.Run(t, cmd)
			require.NoError(t, written.Close())
			require.True(t, strings.HasPrefix(w.steady(t, want.Stderr), w.steady(t, got.Stderr)), got.Stderr)
			status := cmd.ProcessState.Sys().(syscall.WaitStatus)
			if want.Stdout == "" {
				require.Equal(t, want.Code, got.Code)
				return
			}
			if c.name == "watch" && got.Code == 0 {
				return // omg watch may see that nobody reads before it prints
			}
			require.True(t, status.Signaled(), "exit code %d", got.Code)
			require.Equal(t, syscall.SIGPIPE, status.Signal())
		})
	}
}

// testWidth checks that omg works with the narrowest and the widest lines.
func testWidth(t *testing.T, w *demoSystem) {
	for _, c := range captures {
		t.Run(c.name, func(t *testing.T) {
			want := harness.Run(t, w.pipeCommand(t, c.line, c.mode))
			for _, columns := range []string{"1", "20", "1000"} {
				got := harness.Run(t, w.pipeCommand(t, "export COLUMNS="+columns+"; "+c.line, c.mode))
				safe := got
				safe.Stdout = strings.ReplaceAll(got.Stdout, "\t", " ") // of the files that aur diff shows
				harness.RequireSafeOutput(t, safe)
				require.Equal(t, want.Code, got.Code, columns)
				require.Equal(t, w.steady(t, want.Stderr), w.steady(t, got.Stderr), columns)
				require.Equal(t, w.steady(t, words(want.Stdout)), w.steady(t, words(got.Stdout)), columns) // a phrase may be wrapped
			}
		})
	}
}

// words returns the words of a text, separated by single blanks.
func words(text string) string { return strings.Join(strings.Fields(text), " ") }
