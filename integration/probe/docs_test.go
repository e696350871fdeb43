package probe

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/need"
)

// command matches a call of omg-probe with its arguments in a recipe, without the quotes and comments around the call.
var command = regexp.MustCompile(`omg-probe[^"#|)]*(#\{[^}]*\})?`)

func readPage(t *testing.T) string {
	t.Helper()
	return string(harness.ReadFile(t, filepath.Join(harness.ProjectRoot(t), "docs/probe.md")))
}

// TestDocs_Commands runs every command of the page, with the databases of the test.
func TestDocs_Commands(t *testing.T) {
	t.Parallel()
	s := newHome(t)
	script := "#!/bin/sh\nexec '" + s.Program("omg-probe") + "' \"$@\" --dbpath '" + s.DB + "'\n"
	harness.WriteProgram(t, s.Path("bin/omg-probe"), script)
	s = s.WithEnv("PATH=" + s.Path("bin") + ":" + os.Getenv("PATH"))
	inside, ran := false, 0
	for line := range strings.Lines(readPage(t)) {
		if strings.HasPrefix(line, "```") {
			inside = !inside
			continue
		}
		found := command.FindString(line)
		if !inside || found == "" {
			continue
		}
		found = strings.ReplaceAll(found, "#{q:pane_current_path}", "/")
		r := s.Run("/bin/sh", "-c", found)
		require.Zero(t, r.Code, "%s: %s", found, r.Stderr)
		ran++
	}
	require.Greater(t, ran, 12)
}

// TestDocs_Tmux checks the page's recipe in the real tmux, in a directory whose name is a shell command.
func TestDocs_Tmux(t *testing.T) {
	t.Parallel()
	tmux := need.Program(t, "tmux")
	need.Terminal(t)
	recipe := regexp.MustCompile("(?s)```tmux\n(.*?)```").FindStringSubmatch(readPage(t))
	require.NotNil(t, recipe)
	s := newHome(t)
	bad := s.Path("$(touch x) `touch x`;touch x")
	harness.WriteFile(t, bad+"/.node-version", "20.1.0\n")
	harness.WriteFile(t, bad+"/mise.toml", "[tools]\nbun = '#[fg=red]#(touch x)'\n")
	probe := s.Program("omg-probe") + " --deadline 0 --dbpath " + s.DB
	harness.WriteFile(t, s.Path("tmux.conf"), strings.Replace(recipe[1], "omg-probe", probe, 1)+"set -g status-right-length 200\n")
	socket := s.Path("tmux.sock")
	t.Cleanup(func() {
		kill := exec.Command(tmux, "-S", socket, "kill-server")
		kill.Env = s.Env
		_ = kill.Run()
	})
	x := startTerminal(s, "xterm", tmux, "-S", socket, "-f", s.Path("tmux.conf"), "new-session", "-c", bad, "/bin/sh")
	x.await("bun ?* updates ?")
	require.Contains(t, x.all(), "node 20.1.0")
	for _, place := range []string{s.Home, bad} {
		require.NoFileExists(t, filepath.Join(place, "x"))
	}
}
