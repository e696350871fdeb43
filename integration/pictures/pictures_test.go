package pictures

import (
	"flag"
	"io"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/creack/pty"
	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/demo"
	"github.com/omg-arch/omg/integration/emulator"
	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/need"
)

var write = flag.Bool("write", false, "write the pictures instead of comparing them")

// pictures are the commands of the pictures, by the names of their files.
var pictures = map[string][]string{
	"omg":      {},
	"search":   {"search", "browser"},
	"status":   {"status"},
	"outdated": {"outdated", "--security"},
	"security": {"security", "--cve"},
}

// TestPictures_Current checks that each committed picture shows what omg prints now.
func TestPictures_Current(t *testing.T) {
	need.Terminal(t)
	s := harness.New(t, harness.WithoutDatabases())
	demo.Write(s)
	omgd := demo.StartDaemon(s)
	dir := filepath.Join(harness.ProjectRoot(t), "docs", "pictures")
	for name, args := range pictures {
		line := strings.Join(append([]string{"omg"}, args...), " ")
		svg, err := makeSVG(line, "\x1b[1;32m$\x1b[0m "+line+"\n"+steady(omgd.System, runOnTerminal(t, omgd, args)))
		require.NoError(t, err, line)
		compare(t, filepath.Join(dir, name+".svg"), svg)
	}
	for name, size := range browserPictures {
		svg, err := screenSVG("omg browse", browse(t, omgd, size[0], size[1]))
		require.NoError(t, err, name)
		compare(t, filepath.Join(dir, name+".svg"), svg)
	}
	entries, err := filepath.Glob(filepath.Join(dir, "*.svg")) // integration/fleetweb makes those of pages
	require.NoError(t, err)
	require.Len(t, entries, len(pictures)+len(browserPictures), "a picture is missing, or is not made by this test")
}

// compare compares a picture with the committed one, or writes it.
func compare(t *testing.T, path, svg string) {
	t.Helper()
	if *write {
		harness.WriteFile(t, path, svg)
		return
	}
	require.Equal(t, svg, string(harness.ReadFile(t, path)), "run make pictures, look at the picture, and commit it")
}

// browserPictures are the pictures of omg browse, with columns and lines.
var browserPictures = map[string][2]int{"browse": {80, 24}, "browse-wide": {200, 50}}

// browse searches and marks packages in omg browse, and returns the screen.
func browse(t *testing.T, omgd *harness.Daemon, width, height int) *emulator.Screen {
	t.Helper()
	terminal, err := emulator.Open(width, height)
	require.NoError(t, err)
	cmd := omgd.System.WithEnv("TERM=xterm-256color").Command("omg-browse", "--socket", omgd.Socket)
	terminal.Attach(cmd)
	p := harness.Start(t, cmd)
	defer func() {
		p.Kill()
		require.NoError(t, terminal.Close())
	}()
	// Each text is typed after the screen has the text beside it.
	for _, step := range [][2]string{{"20 · relevance", "browser"}, {"8 · relevance", "\x1b[B\t"}, {"1 marked", "\t"}} {
		s, ok := terminal.AwaitText(harness.HangTimeout, step[0])
		require.True(t, ok, "the screen does not show %q:\n%s", step[0], s)
		_, err := io.WriteString(terminal, step[1])
		require.NoError(t, err)
	}
	s, ok := terminal.Await(harness.HangTimeout, func(s *emulator.Screen) bool {
		text := s.String()
		return strings.Contains(text, "2 marked") && strings.Contains(text, ": qutebrowser")
	})
	require.True(t, ok, s)
	return s
}

var (
	// minutesAgo and minutesOld match the ages that depend on how long the daemon of the demo has been running.
	minutesAgo = regexp.MustCompile(`\b[0-9]+ minutes? ago\b`)
	minutesOld = regexp.MustCompile(`\b[0-9]+ minutes? old\b`)
	// noLibalpm matches the end of a status without libalpm, which this machine may not have.
	noLibalpm = regexp.MustCompile(`(?s)[^\n]*Degraded[^\n]* libalpm: missing.*\z`)
)

// steady replaces what differs between two runs or machines: the directory of the test, the time since the start of the daemon, and
// whether there is an omg-alpm-worker.
func steady(s *harness.System, text string) string {
	text = strings.ReplaceAll(text, s.Data, "/home/you/.local/share/omg")
	text = minutesOld.ReplaceAllString(minutesAgo.ReplaceAllString(text, "just now"), "new")
	return noLibalpm.ReplaceAllString(text, "")
}

// runOnTerminal runs omg on a terminal of its own, and returns what it prints.
func runOnTerminal(t *testing.T, omgd *harness.Daemon, args []string) string {
	t.Helper()
	cmd := omgd.System.WithEnv("TERM=xterm-256color").Command("omg", append(args, "--socket", omgd.Socket)...)
	screen, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: rows, Cols: columns})
	require.NoError(t, err)
	defer screen.Close()
	text, _ := io.ReadAll(screen) // ends with EIO when omg has ended
	require.NoError(t, cmd.Wait(), "%s", text)
	return strings.ReplaceAll(string(text), "\r\n", "\n")
}
