// Package runtimes tests omg which, list and use, and what omgd knows of runtimes,
// with the real programs.
package runtimes

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/programs"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/statusfile"
)

func TestMain(m *testing.M) { programs.Main(m) }

// home has two versions of node of omg's own and a project that wants the older.
type home struct {
	t                  *testing.T
	dir, data, project string
	env                []string
}

func newHome(t *testing.T) *home {
	t.Helper()
	h := &home{t: t, dir: t.TempDir()}
	h.data, h.project = filepath.Join(h.dir, "data"), filepath.Join(h.dir, "project")
	h.env = programs.Env(h.dir)
	for _, v := range []string{"18.1.0", "20.5.0"} {
		h.write(filepath.Join("data/versions/node", v, "bin/node"), "")
		require.NoError(t, os.Chmod(filepath.Join(h.data, "versions/node", v, "bin/node"), 0o755))
	}
	h.write("project/.nvmrc", "18\n")
	return h
}

func (h *home) write(name, text string) {
	h.t.Helper()
	path := filepath.Join(h.dir, name)
	require.NoError(h.t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(h.t, os.WriteFile(path, []byte(text), 0o644))
}

// omg runs omg in a directory.
func (h *home) omg(dir string, args ...string) programs.Result {
	h.t.Helper()
	path := filepath.Join(programs.Dir(h.t), "omg")
	cmd := exec.Command(path, append([]string{"--data-dir", h.data, "--dbpath", h.dir}, args...)...)
	cmd.Env, cmd.Dir = h.env, dir
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	_ = cmd.Run()
	return programs.Result{Stdout: stdout.String(), Stderr: stderr.String(), Code: cmd.ProcessState.ExitCode()}
}

func TestWhichListUse(t *testing.T) {
	h := newHome(t)
	r := h.omg(h.project, "which", "node")
	require.Equal(t, "node 18.1.0 (omg) by "+h.project+"/.nvmrc: 18 (range)\n", r.Stdout, r.Stderr)
	require.Zero(t, r.Code)

	list := h.omg(h.project, "list", "nodejs")
	require.Equal(t, "  node 20.5.0 (omg) "+h.data+"/versions/node/20.5.0\n* node 18.1.0 (omg) "+h.data+"/versions/node/18.1.0\n", list.Stdout)
	require.Equal(t, "20.5.0\n18.1.0\n", h.omg(h.project, "list", "-q", "node").Stdout)

	use := h.omg(h.project, "use", "node", "20")
	require.Zero(t, use.Code, use.Stderr)
	require.Equal(t, "* node 20.5.0 (omg) "+h.data+"/versions/node/20.5.0\n", use.Stdout)
	require.Contains(t, use.Stderr, "here "+h.project+"/.nvmrc decides: node 18.1.0")
	target, err := os.Readlink(filepath.Join(h.data, "versions/node/current"))
	require.NoError(t, err)
	require.Equal(t, "20.5.0", target)
	require.Equal(t, "20.5.0\n", h.omg(h.dir, "which", "-q", "node").Stdout)

	missing := h.omg(h.dir, "use", "node", "99")
	require.Equal(t, 1, missing.Code)
	require.Contains(t, missing.Stderr, "node 99: not installed")
	require.Equal(t, 2, h.omg(h.dir, "use", "cobol", "1").Code)
	require.Equal(t, 2, h.omg(h.dir, "use", "node").Code)
	require.Equal(t, 2, h.omg(h.dir, "which", "cobol").Code)
	require.Equal(t, 1, h.omg(h.dir, "list", "bun").Code)

	h.write("project/.nvmrc", "21\n")
	r = h.omg(h.project, "which", "node")
	require.Equal(t, 1, r.Code)
	require.Equal(t, "node 21 [not installed] by "+h.project+"/.nvmrc: 21 (range)\n", r.Stdout)
	h.write("project/.nvmrc", "$(touch owned) \x1b[31m\n")
	r = h.omg(h.project, "which", "node")
	require.NotContains(t, r.Stdout+r.Stderr, "\x1b")
	require.NoFileExists(t, filepath.Join(h.project, "owned"))

	var all struct {
		Schema   int
		Runtimes []struct{ Runtime, Version string }
	}
	require.NoError(t, json.Unmarshal([]byte(h.omg(h.dir, "which", "--json", "node").Stdout), &all))
	require.Equal(t, 1, all.Schema)
	require.Equal(t, "20.5.0", all.Runtimes[0].Version)
}

// TestDaemonKnowsRuntimes has omgd look at each refresh, and tell prompts which
// versions the system's packages have.
func TestDaemonKnowsRuntimes(t *testing.T) {
	h := newHome(t)
	db := filepath.Join(h.dir, "db")
	require.NoError(t, fixture.Write(db, fixture.Options{Packages: 40, Seed: 1, Installed: 5}))
	h.write("db/local/nodejs-2:24.3.0-1/desc", "%NAME%\nnodejs\n\n%VERSION%\n2:24.3.0-1\n\n")
	h.write("pacman.conf", "[core]\n[extra]\n[multilib]\n")
	d := programs.Start(t, h.env, "--dbpath", db, "--pacman-config", filepath.Join(h.dir, "pacman.conf"), "--data-dir", h.data)
	for _, name := range []string{"versions", "shims", "tools"} {
		require.DirExists(t, filepath.Join(h.data, name))
	}
	active := func() string {
		r := programs.Run(t, h.env, "omg", "--socket", d.Socket, "status", "--json")
		var st struct {
			Runtimes []struct{ Runtime, Version, Manager string }
		}
		require.NoError(t, json.Unmarshal([]byte(r.Stdout), &st), r.Stderr)
		for _, a := range st.Runtimes {
			if a.Runtime == "node" {
				return a.Version + " " + a.Manager
			}
		}
		return ""
	}
	require.Eventually(t, func() bool { return active() == "24.3.0 system" }, 10*time.Second, 20*time.Millisecond)
	require.Eventually(t, func() bool {
		s, err := statusfile.Read(strings.TrimSuffix(d.Socket, ".sock") + ".status")
		for _, v := range s.System {
			if err == nil && v == (statusfile.Version{Runtime: "node", Version: "24.3.0"}) {
				return true
			}
		}
		return false
	}, 5*time.Second, 20*time.Millisecond)
	require.Zero(t, h.omg(h.dir, "use", "node", "18").Code)
	require.Eventually(t, func() bool {
		programs.Run(t, h.env, "omg", "--socket", d.Socket, "refresh")
		return active() == "18.1.0 omg"
	}, 15*time.Second, 200*time.Millisecond)
}
