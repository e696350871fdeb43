package probe

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/programs"
	"github.com/omg-arch/omg/shared/fixture"
)

// TestWithOmgd shows omgd's numbers and the system's versions while omgd runs, and
// no number once it has ended.
func TestWithOmgd(t *testing.T) {
	dir := home(t)
	db := dir + "/db"
	require.NoError(t, fixture.Write(db, fixture.Options{Packages: 200, Seed: 1, Installed: 50}))
	put(t, db+"/local/ruby-1:3.4.5-1/desc", "%NAME%\nruby\n\n%VERSION%\n1:3.4.5-1\n\n")
	put(t, dir+"/pacman.conf", fixture.Config)
	env := programs.Env(dir)
	d := programs.Start(t, env, "--dbpath", db, "--pacman-config", dir+"/pacman.conf", "--data-dir", dir+"/data")
	ask := func(args ...string) string {
		// The versions come from the status file: there is no database here.
		r := probe(t, dir, append([]string{"--socket", d.Socket, "--dbpath", dir + "/none", "-C", dir + "/twenty"}, args...)...)
		require.Zero(t, r.Code, r.Stderr)
		return strings.TrimSpace(r.Stdout)
	}
	require.Eventually(t, func() bool { return ask("ruby") == "ruby 3.4.5" }, 20*time.Second, 20*time.Millisecond)
	require.Equal(t, "node 20.1.0 ruby 3.4.5", ask("node", "ruby"))
	for name, list := range map[string]string{"ec": "explicit", "tc": "installed", "oc": "orphans"} {
		r := programs.Run(t, env, "omg", "--socket", d.Socket, list, "-q")
		require.Equal(t, len(r.Lines()), atoi(t, ask(name)), name)
	}
	require.Regexp(t, `^updates \d+ aur \? vulnerabilities \? orphans \d+$`, ask("--status"))
	require.Contains(t, ask("--status", "--why"), "status ")

	// omg which says the same.
	for _, place := range []string{"twenty", "eighteen"} {
		cmd := exec.Command(filepath.Join(programs.Dir(t), "omg"), "--socket", d.Socket, "--data-dir", dir+"/data", "which", "-q", "node")
		cmd.Env, cmd.Dir = env, filepath.Join(dir, place)
		out, err := cmd.Output()
		require.NoError(t, err)
		require.Equal(t, "node "+string(out), probe(t, dir, "-C", cmd.Dir, "node").Stdout)
	}

	d.Stop(t)
	require.Equal(t, "updates ? aur ? vulnerabilities ? orphans ?", ask("--status"))
	require.Equal(t, "?", ask("uc"))
	require.Equal(t, "node 20.1.0", ask("node", "ruby"))
}
