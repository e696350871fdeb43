package browse

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/emulator"
	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/fixture"
)

// TestBrowse_FastKeys types without waiting for anything. In the end, the screen has the result of the last key.
func TestBrowse_FastKeys(t *testing.T) {
	s := harness.New(t, harness.WithGenerated(fixture.Options{Packages: 15_000, Installed: 1000, Seed: 1}))
	s.StartDaemon()
	x, _ := startBrowser(t, s, 120, 40)
	requireText(t, x, " 15000 · relevance")
	for range 20 {
		for _, key := range strings.Split("lib pyt 2\x7f ", "") {
			_, err := io.WriteString(x, key)
			require.NoError(t, err)
		}
		press(t, x, "alt-2", "down", "alt-right", "pgdn", "tab", "alt-1", "up", "alt-p", "ctrl-u")
	}
	press(t, x, "alt-u")
	// A frame between two keys can have the count of the list before, so both the line and the count are awaited.
	screen, ok := x.Await(limit, func(s *emulator.Screen) bool {
		return strings.HasPrefix(s.Line(1), ">  ") && strings.Contains(s.Line(1), " 15000 · relevance")
	})
	require.True(t, ok, screen)
	_, err := io.WriteString(x, "lib")
	require.NoError(t, err)
	screen, ok = x.Await(limit, func(s *emulator.Screen) bool {
		return strings.HasPrefix(s.Line(1), "> lib  ") && !strings.Contains(s.Line(1), " 15000 ") && strings.Contains(s.Line(2), "lib")
	})
	require.True(t, ok, screen)
}

// TestBrowse_LongList scrolls through 120,000 packages. Each line is on the screen, and the memory stays small.
func TestBrowse_LongList(t *testing.T) {
	const packages, columns, rows, maxMemory = 120_000, 40, 100, 60 << 10
	s := harness.New(t, harness.WithGenerated(fixture.Options{Packages: packages, Seed: 1}))
	s.StartDaemon()
	terminal, pid := startBrowser(t, s, columns, rows)
	requireText(t, terminal, fmt.Sprintf(" %d · relevance", packages))
	press(t, terminal, "alt-p") // without the preview, which is not scrolled
	seen, bottom := 0, rows-2
	for last := ""; ; {
		screen, ok := terminal.Await(limit, func(s *emulator.Screen) bool {
			return s.Line(2) != last && !slices.ContainsFunc(s.Cells[2:bottom+1], func(line []emulator.Cell) bool { return line[3].Text == "…" || line[3].Text == "" })
		})
		require.True(t, ok, screen)
		last = screen.Line(2)
		if seen++; seen >= packages/(rows-3)-1 {
			break
		}
		press(t, terminal, "pgdn")
	}
	press(t, terminal, "ctrl-end")
	screen, ok := terminal.Await(limit, func(s *emulator.Screen) bool {
		return strings.HasPrefix(s.Line(bottom), ">") && s.Cells[bottom][3].Text != "…"
	})
	require.True(t, ok, screen)
	require.Less(t, anonymousMemory(t, pid), maxMemory, "kB of anonymous memory")
}

// anonymousMemory returns the anonymous memory of a process in kB.
func anonymousMemory(t *testing.T, pid int) (kb int) {
	t.Helper()
	status := string(harness.ReadFile(t, fmt.Sprintf("/proc/%d/status", pid)))
	_, after, found := strings.Cut(status, "RssAnon:")
	require.True(t, found, status)
	_, err := fmt.Sscan(after, &kb)
	require.NoError(t, err)
	return kb
}
