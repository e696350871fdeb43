package emulator

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/await"
	"github.com/omg-arch/omg/shared/need"
)

// start opens a terminal and starts a shell script on it.
func start(t *testing.T, columns, rows int, script string) *Terminal {
	t.Helper()
	need.Terminal(t)
	terminal, err := Open(columns, rows)
	require.NoError(t, err)
	cmd := exec.Command("sh", "-c", script)
	terminal.Attach(cmd)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		require.NoError(t, terminal.Close())
	})
	return terminal
}

func TestTerminal_Screen(t *testing.T) {
	x := start(t, 20, 4, `printf '\033]2;name\033\\a\033[1;32mbold\033[0m\r\n\344\270\255e\314\201|\033[7mback\033[27m\033[3;5Hx'; read line`)
	s, ok := x.AwaitText(await.Timeout, "    x")
	require.True(t, ok, s)
	require.Equal(t, "abold\n中e\u0301|back\n    x\n\n", s.String())
	require.Equal(t, Look{Bold: true, Color: "2"}, s.Cells[0][1].Look)
	require.Equal(t, "bold color 2", s.Cells[0][1].Look.String())
	require.Equal(t, Look{}, s.Cells[0][0].Look)
	require.Equal(t, []string{"中", "", "e\u0301", "|"}, []string{s.Cells[1][0].Text, s.Cells[1][1].Text, s.Cells[1][2].Text, s.Cells[1][3].Text})
	require.True(t, s.Cells[1][4].Look.Reverse)
	require.Equal(t, []int{5, 2}, []int{s.X, s.Y})
	require.Equal(t, "name", s.Title)
	column, line, found := s.Find("back")
	require.True(t, found)
	require.Equal(t, []int{4, 1}, []int{column, line})
}

// TestTerminal_Clusters checks that no grapheme cluster is split where a read of the output ends.
func TestTerminal_Clusters(t *testing.T) {
	x := start(t, 100, 3, `i=0; while [ $i -lt 400 ]; do printf '\033[H'; printf 'e\314\201%.0s' 1 2 3 4 5 6 7 8 9; i=$((i+1)); done; printf '\r\nend'; read line`)
	s, ok := x.AwaitText(await.Timeout, "end")
	require.True(t, ok, s)
	require.Equal(t, strings.Repeat("e\u0301", 9), s.Line(0))
}

// TestTerminal_Frames checks that a frame is not seen before it is complete.
func TestTerminal_Frames(t *testing.T) {
	x := start(t, 20, 4, `printf '\033[?2026hfirst\033[m'; read line; printf '\033[H\033[Jsecond\033[?2026l'; read line`)
	await.Condition(t, func() bool { return strings.Contains(x.Screen().String(), "first") }, "the first half of the frame")
	_, err := x.Write([]byte("\r"))
	require.NoError(t, err)
	s, ok := x.Await(await.Timeout, func(*Screen) bool { return true })
	require.True(t, ok)
	require.Contains(t, s.String(), "second")
}

func TestTerminal_Resize(t *testing.T) {
	x := start(t, 20, 4, `trap 'stty size' WINCH; stty size; while :; do read line; done`)
	s, ok := x.AwaitText(await.Timeout, "4 20")
	require.True(t, ok, s)
	require.NoError(t, x.Resize(30, 7))
	s, ok = x.AwaitText(await.Timeout, "7 30")
	require.True(t, ok, s)
	require.Len(t, s.Cells, 7)
	require.Len(t, s.Cells[0], 30)
}

func TestKey(t *testing.T) {
	for name, want := range map[string]string{
		"enter": "\r", "esc": "\x1b", "alt-1": "\x1b1", "ctrl-y": "\x19", "up": "\x1b[A", "shift-down": "\x1b[1;2B", "ctrl-home": "\x1b[1;5H",
		"pgdn": "\x1b[6~", "alt-pgup": "\x1b[5;3~", "shift-tab": "\x1b[Z", "f1": "\x1bOP", "alt-backspace": "\x1b\x7f",
	} {
		got, err := Key(name)
		require.NoError(t, err, name)
		require.Equal(t, want, got, name)
	}
	for _, name := range []string{"", "nokey", "ctrl-1", "shift-a"} {
		_, err := Key(name)
		require.Error(t, err, name)
	}
}
