package probe

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/programs"
)

// command is omg-probe and its words in a recipe, without the quotes and comments
// of what surrounds it.
var command = regexp.MustCompile(`omg-probe[^"#|)]*(#\{[^}]*\})?`)

// TestDocumentedCommands runs every command of the page.
func TestDocumentedCommands(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(programs.Root(t), "docs/probe.md"))
	require.NoError(t, err)
	env := programs.Env(home(t), "PATH="+programs.Dir(t)+":"+os.Getenv("PATH"))
	inside, ran := false, 0
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "```") {
			inside = !inside
			continue
		}
		found := command.FindString(line)
		if !inside || found == "" {
			continue
		}
		found = strings.ReplaceAll(found, "#{q:pane_current_path}", "/")
		r := programs.Exec(t, env, "/bin/sh", "-c", found)
		require.Zero(t, r.Code, "%s: %s", found, r.Stderr)
		ran++
	}
	require.Greater(t, ran, 12)
}

// TestTmux has the real tmux show the page's recipe, in a directory whose name
// is a command.
func TestTmux(t *testing.T) {
	tmux, err := exec.LookPath("tmux")
	if err != nil {
		t.Skip("there is no tmux: make deps installs it")
	}
	text, err := os.ReadFile(filepath.Join(programs.Root(t), "docs/probe.md"))
	require.NoError(t, err)
	recipe := regexp.MustCompile("(?s)```tmux\n(.*?)```").FindStringSubmatch(string(text))
	require.NotNil(t, recipe)
	dir := home(t)
	bad := filepath.Join(dir, "$(touch x) `touch x`;touch x")
	put(t, bad+"/.node-version", "20.1.0\n")
	put(t, bad+"/mise.toml", "[tools]\nbun = '#[fg=red]#(touch x)'\n")
	probe := filepath.Join(programs.Dir(t), "omg-probe") + " --deadline 10s"
	put(t, dir+"/tmux.conf", strings.Replace(recipe[1], "omg-probe", probe, 1)+"set -g status-right-length 200\n")
	socket := filepath.Join(dir, "tmux.sock")
	t.Cleanup(func() {
		kill := exec.Command(tmux, "-S", socket, "kill-server")
		kill.Env = programs.Env(dir)
		_ = kill.Run()
	})
	s := start(t, tmux, dir, "-S", socket, "-f", dir+"/tmux.conf", "new-session", "-c", bad, "/bin/sh")
	s.enter("", "bun ?* updates ?")
	require.Contains(t, s.all(), "node 20.1.0")
	for _, place := range []string{dir, bad} {
		require.NoFileExists(t, filepath.Join(place, "x"))
	}
}
