package screens

import (
	"io"
	"regexp"
	"testing"

	"github.com/creack/pty"
	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/termtext"
)

// ownSequence matches the escape sequences that omg itself writes: colours, and hyperlinks to addresses of the web.
var ownSequence = regexp.MustCompile("\x1b\\[[0-9;]*m|\x1b\\]8;;(https?://[!-~]*)?\x1b\\\\")

// testHostile runs each command on hostile texts in a terminal that has hyperlinks, and checks every byte that reaches the terminal: except
// for omg's own sequences, there is no control character, and only addresses of the web are links.
func testHostile(t *testing.T, w *demoSystem) {
	links := map[string]bool{}
	for _, c := range captures {
		if c.mode != hostile {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			cmd := w.pipeCommand(t, "export TERM=xterm-kitty; unset TMUX; "+c.line, c.mode)
			screen, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 24, Cols: 80})
			require.NoError(t, err)
			defer screen.Close()
			text, _ := io.ReadAll(screen) // ends with EIO when omg has ended
			_ = cmd.Wait()                // the captures have the exit code
			require.NotEmpty(t, text)
			for _, match := range ownSequence.FindAllSubmatch(text, -1) {
				links[string(match[1])] = true
			}
			for _, r := range ownSequence.ReplaceAllString(string(text), "") {
				require.False(t, r != '\n' && r != '\r' && termtext.IsUnsafe(r), "%q in %q", r, text)
			}
		})
	}
	require.True(t, links["https://good.example/"], "%q", links)
	for link := range links {
		require.NotContains(t, link, "evil.example")
	}
}
