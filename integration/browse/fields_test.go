package browse

import (
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/emulator"
	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/need"
)

// startBrowser starts omg-browse on a terminal, and returns the terminal and the process ID.
func startBrowser(t *testing.T, s *harness.System, columns, rows int, args ...string) (*emulator.Terminal, int) {
	t.Helper()
	need.Terminal(t)
	terminal, err := emulator.Open(columns, rows)
	require.NoError(t, err)
	cmd := s.WithEnv("TERM=xterm-256color").Command("omg-browse", append(append([]string{"--socket", s.Socket()}, s.PathFlags()...), args...)...)
	cmd.Stdout = io.Discard
	terminal.Attach(cmd)
	p := harness.Start(t, cmd)
	t.Cleanup(func() {
		p.Kill()
		require.NoError(t, terminal.Close())
	})
	return terminal, p.PID()
}

// press presses keys.
func press(t *testing.T, x *emulator.Terminal, names ...string) {
	t.Helper()
	for _, name := range names {
		text, err := emulator.Key(name)
		require.NoError(t, err)
		_, err = io.WriteString(x, text)
		require.NoError(t, err)
	}
}

// requireText waits until the screen shows a text.
func requireText(t *testing.T, x *emulator.Terminal, text string) *emulator.Screen {
	t.Helper()
	s, ok := x.AwaitText(limit, text)
	require.True(t, ok, "the screen does not show %q:\n%s", text, s)
	return s
}

// hostileTexts would change the terminal, or the order of the characters on it.
var hostileTexts = []string{
	"\x1b]2;OWNED\x07", "\x1b]52;c;T1dORUQ=\x07", "\x1b[2J\x1b[H", "\x1b[31mred", "\x1bP1$r0m\x1b\\", "\u009b31mred", "\u202eOWNED\u2066", "a\rb", "a\x08\x08b", "\x1b[?1049l",
}

// TestBrowse_HostileFields checks that what packages say about themselves reaches the terminal only as text.
func TestBrowse_HostileFields(t *testing.T) {
	s := harness.New(t, harness.WithoutDatabases())
	var entries []harness.DatabaseEntry
	for i, text := range hostileTexts {
		name := string(rune('a'+i)) + "-package"
		fields := []string{}
		for _, field := range []string{"DESC", "URL", "LICENSE", "GROUPS", "PACKAGER", "DEPENDS", "OPTDEPENDS", "PROVIDES", "CONFLICTS"} {
			fields = append(fields, field, "<"+text+">")
		}
		entries = append(entries, harness.NewPackageEntry(name, "1.0-1", fields...))
		s.Install(name, "1.0-1", fields...)
	}
	harness.WriteFile(t, s.SyncDBPath("core"), harness.BuildDatabase(t, entries...))
	harness.WriteFile(t, s.PacmanConf, "[options]\nArchitecture = x86_64\n[core]\nServer = file:///nowhere\n")
	s.StartDaemon()
	x, _ := startBrowser(t, s, 120, 40)
	requireText(t, x, "10 · relevance")
	for _, view := range []string{"alt-1", "alt-2"} {
		press(t, x, view, "ctrl-home")
		for i := range hostileTexts {
			name := string(rune('a'+i)) + "-package"
			for range 7 { // all tabs
				screen, ok := x.Await(limit, func(s *emulator.Screen) bool { return strings.Contains(s.String(), name) })
				require.True(t, ok, screen)
				press(t, x, "alt-right")
			}
			press(t, x, "down")
		}
	}
	press(t, x, "ctrl-u")
	screen := requireText(t, x, "1 Search")
	require.Empty(t, screen.Title)
	require.True(t, screen.Alternate)
	output := x.Output()
	for _, text := range append(hostileTexts, "\x1b]2", "\x1b]5", "\x1bP", "\x1b_", "\u009b", "\u202e", "\u2066") {
		require.NotContains(t, output, text)
	}
}
