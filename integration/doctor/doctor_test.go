// Package doctor tests that omg doctor finds what is wrong with a system.
package doctor

import (
	"encoding/json"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/programs"
	"github.com/omg-arch/omg/shared/fixture"
)

func TestMain(m *testing.M) { programs.Main(m) }

// system is a generated one in which a test breaks something.
type system struct {
	t                      *testing.T
	home, db, conf, socket string
	env                    []string
}

func newSystem(t *testing.T) *system {
	t.Helper()
	home, err := os.MkdirTemp("", "omg-doctor-")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(home) })
	s := &system{t: t, home: home, db: filepath.Join(home, "db"), conf: filepath.Join(home, "pacman.conf"), socket: filepath.Join(home, "omg.sock")}
	require.NoError(t, fixture.Write(s.db, fixture.Options{Packages: 100, Seed: 6, Installed: 20}))
	s.write("pacman.conf", "[core]\n[extra]\n[multilib]\n")
	s.env = programs.Env(home)
	r := programs.Run(t, s.env, "omg-index", "build", "--dbpath", s.db, "--pacman-config", s.conf, "-o", s.path("data/repos.omgidx"))
	require.Equal(t, 3, r.Code, "there is no directory yet")
	require.NoError(t, os.Mkdir(s.path("data"), 0o755))
	r = programs.Run(t, s.env, "omg-index", "build", "--dbpath", s.db, "--pacman-config", s.conf, "-o", s.path("data/repos.omgidx"))
	require.Zero(t, r.Code, r.Stderr)
	return s
}

func (s *system) path(name string) string { return filepath.Join(s.home, name) }

func (s *system) write(name, text string) {
	s.t.Helper()
	require.NoError(s.t, os.MkdirAll(filepath.Dir(s.path(name)), 0o755))
	require.NoError(s.t, os.WriteFile(s.path(name), []byte(text), 0o644))
}

type check struct{ Name, State, Found, Todo string }

// examine returns the checks of one name.
func (s *system) examine(name string) (found []check) {
	s.t.Helper()
	r := programs.Run(s.t, s.env, "omg", "doctor", "--json", "--socket", s.socket, "--dbpath", s.db, "--pacman-config", s.conf, "--data-dir", s.path("data"))
	var all struct {
		Schema int
		Checks []check
	}
	require.NoError(s.t, json.Unmarshal([]byte(r.Stdout), &all), r.Stderr)
	require.Equal(s.t, 1, all.Schema)
	problems := 0
	for _, c := range all.Checks {
		if c.State == "problem" {
			problems++
			require.NotEmpty(s.t, c.Todo, "%s says what to do", c.Name)
		}
		if c.Name == name {
			found = append(found, c)
		}
	}
	require.Equal(s.t, problems > 0, r.Code == 6, "exit %d with %d problems", r.Code, problems)
	return found
}

func TestProblems(t *testing.T) {
	hour := time.Hour
	for name, c := range map[string]struct {
		breaks func(*system)
		check  string
		says   string
	}{
		"no databases": {func(s *system) { require.NoError(t, os.RemoveAll(filepath.Join(s.db, "sync"))) }, "databases", "no package databases"},
		"one database missing": {func(s *system) {
			require.NoError(t, os.Remove(filepath.Join(s.db, "sync", "extra.db")))
		}, "databases", "extra: no database"},
		"a broken pacman.conf": {func(s *system) { s.write("pacman.conf", "Include = /no/such/file\n[core]\nUsage = Nonsense\n[core") }, "databases", ""},
		"no index":             {func(s *system) { require.NoError(t, os.Remove(s.path("data/repos.omgidx"))) }, "index", "there is none"},
		"a damaged index": {func(s *system) {
			data, err := os.ReadFile(s.path("data/repos.omgidx"))
			require.NoError(t, err)
			data[len(data)/2] ^= 1
			require.NoError(t, os.WriteFile(s.path("data/repos.omgidx"), data, 0o644))
		}, "index", ""},
		"an index older than the databases": {func(s *system) {
			data, err := os.ReadFile(filepath.Join(s.db, "sync", "core.db"))
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(filepath.Join(s.db, "sync", "core.db"), append(data, data...), 0o644))
		}, "index", "older than the databases"},
		"a lock left behind": {func(s *system) {
			lock := filepath.Join(s.db, "db.lck")
			require.NoError(t, os.WriteFile(lock, nil, 0o600))
			for _, p := range []string{lock, filepath.Join(s.db, "local"), filepath.Join(s.db, "sync")} {
				require.NoError(t, os.Chtimes(p, time.Now().Add(-hour), time.Now().Add(-hour)))
			}
		}, "db.lck", "remove it"},
		"a wrong clock": {func(s *system) {
			later := time.Now().Add(72 * hour)
			require.NoError(t, os.Chtimes(filepath.Join(s.db, "sync", "core.db"), later, later))
		}, "clock", "from the future"},
		"something in the socket's place": {func(s *system) { s.write("omg.sock", "") }, "socket", "no socket"},
		"a dead socket": {func(s *system) {
			l, err := net.Listen("unix", s.socket)
			require.NoError(t, err)
			l.(*net.UnixListener).SetUnlinkOnClose(false)
			require.NoError(t, l.Close())
		}, "daemon", "omgd does not run"},
		"units that are not enabled": {func(s *system) { s.write(".config/systemd/user/omgd.socket", "[Socket]\n") }, "units", "not enabled"},
		"a broken status file":       {func(s *system) { s.write("omg.status", "nonsense") }, "status file", ""},
		"a data directory that is none": {func(s *system) {
			require.NoError(t, os.RemoveAll(s.path("data")))
			s.write("data", "")
		}, "data directory", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSystem(t)
			for _, well := range s.examine(c.check) {
				if c.check != "daemon" {
					require.NotEqual(t, "problem", well.State, "%s: %s", well.Name, well.Found)
				}
			}
			c.breaks(s)
			found := s.examine(c.check)
			require.NotEmpty(t, found)
			for _, f := range found {
				if f.State == "problem" {
					require.Contains(t, f.Found, c.says)
					return
				}
			}
			t.Errorf("%s is not found: %v", name, found)
		})
	}
}

// TestWithADaemon: what only a daemon knows, and its own absence, are found too.
func TestWithADaemon(t *testing.T) {
	s := newSystem(t)
	found := s.examine("daemon")
	require.Len(t, found, 1)
	require.Equal(t, "problem", found[0].State)
	d := programs.Start(t, s.env, "--dbpath", s.db, "--pacman-config", s.conf, "--data-dir", s.path("data"))
	s.socket = d.Socket
	require.Eventually(t, func() bool {
		lib := s.examine("libalpm")
		return len(lib) == 1 && lib[0].State == "problem" // there is no worker beside these programs
	}, 15*time.Second, 100*time.Millisecond)
	require.Equal(t, "ok", s.examine("daemon")[0].State)
	require.Equal(t, "ok", s.examine("status file")[0].State)
	require.Equal(t, "ok", s.examine("socket")[0].State)
}

// TestADataDirectoryThatCannotBeMade: one that is not there yet is well only where it can be made.
func TestADataDirectoryThatCannotBeMade(t *testing.T) {
	s := newSystem(t)
	require.NoError(t, os.Chmod(s.home, 0o755))
	require.NoError(t, os.Mkdir(s.path("closed"), 0o555))
	require.NoError(t, os.Mkdir(s.path("open"), 0o755))
	require.NoError(t, os.Chmod(s.path("open"), 0o777))
	state := func(dir string) check {
		cmd := exec.Command(filepath.Join(programs.Dir(t), "omg"), "doctor", "--json", "--no-daemon", "--dbpath", s.db, "--pacman-config", s.conf, "--data-dir", dir)
		cmd.Env, cmd.Dir = s.env, "/"
		if os.Getuid() == 0 { // who may write everywhere
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		}
		out, err := cmd.Output()
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			require.NoError(t, err)
		}
		var all struct{ Checks []check }
		require.NoError(t, json.Unmarshal(out, &all))
		i := slices.IndexFunc(all.Checks, func(c check) bool { return c.Name == "data directory" })
		require.GreaterOrEqual(t, i, 0)
		return all.Checks[i]
	}
	require.Equal(t, "ok", state(s.path("open/a/b")).State)
	c := state(s.path("closed/a/b"))
	require.Equal(t, "problem", c.State)
	require.Equal(t, s.path("closed")+": permission denied", c.Found)
}
