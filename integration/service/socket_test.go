package service

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// withUmask has a program run with a umask.
func withUmask(cmd *exec.Cmd, umask string) *exec.Cmd {
	cmd.Args = append([]string{"sh", "-c", "umask " + umask + `; exec "$0" "$@"`, cmd.Path}, cmd.Args[1:]...)
	cmd.Path = "/bin/sh"
	return cmd
}

// TestModes watches a start under umask 000: at no moment others may connect, and
// nothing that omgd makes may be written by others.
func TestModes(t *testing.T) {
	w := newWorld(t)
	for range 5 {
		stop, watched := make(chan struct{}), make(chan struct{})
		seen := 0
		go func() {
			defer close(watched)
			for {
				if fi, err := os.Lstat(w.socket()); err == nil {
					seen++
					if fi.Mode().Perm() != 0o600 {
						t.Errorf("the socket was seen with mode %v", fi.Mode())
						return
					}
				}
				select {
				case <-stop:
					return
				default:
				}
			}
		}()
		p := run(t, withUmask(w.omgd(), "000"))
		w.answers(p, w.socket())
		w.ready(w.socket())
		close(stop)
		<-watched
		require.Positive(t, seen)

		files := 0
		require.NoError(t, filepath.WalkDir(w.runtime, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			files++
			if m := mode(path); m&0o022 != 0 {
				t.Errorf("%s: mode %v", path, m)
			}
			return nil
		}))
		require.Greater(t, files, 5)
		require.Equal(t, fs.FileMode(0o600), mode(filepath.Join(w.runtime, "omg.lock")))
		require.Equal(t, fs.FileMode(0o700), mode(filepath.Join(w.runtime, "data", "omg", "cache.pebble")), "it has what users asked the AUR for")
		p.stop(t)
		require.Empty(t, w.left())
	}
}

// TestUmasks: the socket and its directory have their modes whatever the umask.
func TestUmasks(t *testing.T) {
	for _, umask := range []string{"022", "077", "277"} {
		t.Run(umask, func(t *testing.T) {
			w := newWorld(t)
			socket := filepath.Join(w.runtime, "new", "x.sock")
			p := run(t, withUmask(w.omgd("--socket", socket), umask))
			w.answers(p, socket)
			require.Equal(t, fs.FileMode(0o600), mode(socket))
			require.Equal(t, fs.FileMode(0o755), mode(filepath.Dir(socket)))
			p.stop(t)
			entries, err := os.ReadDir(filepath.Dir(socket))
			require.NoError(t, err)
			require.Empty(t, entries)
		})
	}
}

// TestPlaces: the flag is before the environment, and that before the runtime
// directory, for the daemon and for the one who asks.
func TestPlaces(t *testing.T) {
	w := newWorld(t)
	at := func(name string) string { return filepath.Join(w.runtime, name) }
	for _, c := range []struct {
		name, flag, env, want string
	}{
		{"flag", at("flag.sock"), at("env.sock"), at("flag.sock")},
		{"environment", "", at("env.sock"), at("env.sock")},
		{"runtime directory", "", "", at("omg.sock")},
	} {
		t.Run(c.name, func(t *testing.T) {
			var flags []string
			if c.flag != "" {
				flags = []string{"--socket", c.flag}
			}
			cmd := w.omgd(flags...)
			cmd.Env = append(cmd.Env, "OMG_SOCKET_PATH="+c.env)
			p := run(t, cmd)
			w.answers(p, c.want)
			w.ready(c.want)
			ask := w.command("omg", append([]string{"search", "--json", "--limit", "1", "lib"}, flags...)...)
			ask.Env = append(ask.Env, "OMG_SOCKET_PATH="+c.env)
			r := once(t, ask)
			require.Zero(t, r.Code, r.Stderr)
			require.Contains(t, r.Stdout, `"generation":1`, "the daemon has answered")
			p.stop(t)
			require.Empty(t, w.left())
		})
	}
}

// TestOneOfTwo: of two daemons that start at the same moment exactly one lives.
func TestOneOfTwo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 50 {
		var both [2]*process
		var start sync.WaitGroup
		for i := range both {
			start.Go(func() { both[i] = run(t, w.omgd()) })
		}
		start.Wait()
		var dead, alive *process
		select {
		case <-both[0].ended:
			dead, alive = both[0], both[1]
		case <-both[1].ended:
			dead, alive = both[1], both[0]
		}
		require.Equal(t, 3, dead.ProcessState.ExitCode())
		require.Contains(t, dead.stderr.String(), "omgd runs already")
		w.answers(alive, w.socket())
		require.Equal(t, alive.Process.Pid, w.pid())
		alive.stop(t)
		require.Empty(t, w.left())
	}
}

// TestStale: what a killed daemon left is in nobody's way.
func TestStale(t *testing.T) {
	w := newWorld(t)
	p := w.start()
	require.Eventually(t, func() bool { return mode(filepath.Join(w.runtime, "omg.status")) != 0 }, 10*time.Second, 5*time.Millisecond)
	require.NoError(t, p.Process.Kill())
	p.wait(t)
	require.ElementsMatch(t, []string{"omg.lock", "omg.sock", "omg.status", "omgd.pid"}, w.left())
	for _, half := range []string{"omgd.pid.new", "omg.status.new"} {
		require.NoError(t, os.WriteFile(filepath.Join(w.runtime, half), []byte("x"), 0o600))
	}
	p = w.start()
	require.Equal(t, p.Process.Pid, w.pid())
	w.ready(w.socket())
	p.stop(t)
	require.Empty(t, w.left())
}

// TestRefusesWhatIsNotOurs: whatever else lies in the place of the socket stays.
func TestRefusesWhatIsNotOurs(t *testing.T) {
	for name, c := range map[string]struct {
		make func(t *testing.T, socket string)
		says string
	}{
		"a file":      {func(t *testing.T, s string) { require.NoError(t, os.WriteFile(s, []byte("x"), 0o600)) }, "it is no socket"},
		"a directory": {func(t *testing.T, s string) { require.NoError(t, os.Mkdir(s, 0o700)) }, "it is no socket"},
		"a fifo":      {func(t *testing.T, s string) { require.NoError(t, syscall.Mkfifo(s, 0o600)) }, "it is no socket"},
		"a link to a stale socket": {func(t *testing.T, s string) {
			l := listenOn(t, s+".old")
			l.SetUnlinkOnClose(false)
			require.NoError(t, l.Close())
			require.NoError(t, os.Symlink(s+".old", s))
		}, "it is no socket"},
		"another's living socket": {func(t *testing.T, s string) { listenOn(t, s) }, "omgd runs already"},
		"a directory that others write": {func(t *testing.T, s string) {
			require.NoError(t, os.Chmod(filepath.Dir(s), 0o777))
		}, "others can replace files in it (mode 0777)"},
		"a directory that a group writes": {func(t *testing.T, s string) {
			require.NoError(t, os.Chmod(filepath.Dir(s), 0o770))
		}, "others can replace files in it (mode 0770)"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c.make(t, w.socket())
			before := listing(t, w.runtime)
			r := once(t, w.omgd())
			require.Equal(t, 3, r.Code)
			require.Contains(t, r.Stderr, c.says)
			require.Equal(t, 1, strings.Count(r.Stderr, "\n"), r.Stderr)
			require.Equal(t, before, listing(t, w.runtime))
		})
	}
}

// listing is what a directory has, but for omgd's data.
func listing(t *testing.T, dir string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		fi, err := e.Info()
		require.NoError(t, err)
		if e.Name() != "data" {
			all = append(all, fmt.Sprint(e.Name(), fi.Mode(), fi.Sys().(*syscall.Stat_t).Ino))
		}
	}
	return all
}
