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

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
)

// throughShell makes a program start through a shell. The shell first runs a command, and then replaces itself by the
// program.
func throughShell(t *testing.T, cmd *exec.Cmd, first string) *exec.Cmd {
	t.Helper()
	cmd.Args = append([]string{"sh", "-c", first + ` exec "$0" "$@"`, cmd.Path}, cmd.Args[1:]...)
	cmd.Path = "/bin/sh"
	return cmd
}

func withUmask(t *testing.T, cmd *exec.Cmd, umask string) *exec.Cmd {
	t.Helper()
	return throughShell(t, cmd, "umask "+umask+";")
}

// TestSocket_Modes watches a start under umask 000: at no moment may others connect, and no file of omgd may be
// writable for others.
func TestSocket_Modes(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	for range 5 {
		stop, watched := make(chan struct{}), make(chan struct{})
		seen := 0
		go func() {
			defer close(watched)
			for last := false; !last; {
				select {
				case <-stop:
					last = true // check one last time, now that the socket certainly exists
				default:
				}
				if fi, err := os.Lstat(s.Socket()); err == nil {
					seen++
					if fi.Mode().Perm() != 0o600 {
						t.Errorf("the socket was seen with mode %v", fi.Mode())
						return
					}
				}
			}
		}()
		d := s.StartDaemonCommand(withUmask(t, foreground(s), "000"), s.Socket())
		d.AwaitReady()
		harness.Await(t, func() bool { return mode(s.Path("omg.status")) != 0 }, "omgd writes its status file")
		close(stop)
		<-watched
		require.Positive(t, seen)

		files := 0
		require.NoError(t, filepath.WalkDir(s.Home, func(path string, d fs.DirEntry, err error) error {
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
		require.Equal(t, fs.FileMode(0o600), mode(s.Path("omg.lock")))
		require.Equal(t, fs.FileMode(0o700), mode(filepath.Join(s.Data, "cache.pebble")), "it has what users asked the AUR for")
		d.Stop()
		require.Empty(t, remainingFiles(s))
	}
}

// TestSocket_Umasks checks that the socket and its directory have their modes with any umask.
func TestSocket_Umasks(t *testing.T) {
	t.Parallel()
	for _, umask := range []string{"022", "077", "277"} {
		t.Run(umask, func(t *testing.T) {
			s := newSystem(t)
			socket := s.Path("new", "x.sock")
			d := s.StartDaemonCommand(withUmask(t, foreground(s, "--socket", socket), umask), socket)
			require.Equal(t, fs.FileMode(0o600), mode(socket))
			require.Equal(t, fs.FileMode(0o755), mode(filepath.Dir(socket)))
			d.Stop()
			entries, err := os.ReadDir(filepath.Dir(socket))
			require.NoError(t, err)
			require.Empty(t, entries)
		})
	}
}

// TestSocket_Places checks where the daemon and the client look for the socket: the flag decides, otherwise the
// environment variable, otherwise the runtime directory.
func TestSocket_Places(t *testing.T) {
	t.Parallel()
	system := newSystem(t)
	for _, c := range []struct {
		name, flag, env, want string
	}{
		{"flag", system.Path("flag.sock"), system.Path("env.sock"), system.Path("flag.sock")},
		{"environment", "", system.Path("env.sock"), system.Path("env.sock")},
		{"runtime directory", "", "", system.Path("omg.sock")},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := system.ForSubtest(t).WithEnv("OMG_SOCKET_PATH=" + c.env)
			var flags []string
			if c.flag != "" {
				flags = []string{"--socket", c.flag}
			}
			d := s.StartDaemonCommand(foreground(s, flags...), c.want)
			d.AwaitReady()
			r := s.Run("omg", append([]string{"search", "--json", "--limit", "1", "lib"}, flags...)...)
			require.Zero(t, r.Code, r.Stderr)
			require.Regexp(t, `"generation":[1-9]`, r.Stdout, "the daemon has answered")
			d.Stop()
			require.Empty(t, remainingFiles(s))
		})
	}
}

// TestSocket_OneOfTwo checks that of two daemons that start at the same moment exactly one keeps running.
func TestSocket_OneOfTwo(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	for range 50 {
		var both [2]*harness.Process
		var start sync.WaitGroup
		for i := range both {
			start.Go(func() { both[i] = harness.Start(t, foreground(s)) })
		}
		start.Wait()
		dead, alive := both[0], both[1]
		select {
		case <-both[0].Ended:
		case <-both[1].Ended:
			dead, alive = alive, dead
		}
		r := dead.Wait()
		require.Equal(t, 3, r.Code)
		require.Contains(t, r.Stderr, "omgd is already running")
		harness.Await(t, func() bool { return !alive.Running() || ping(s.Socket()) == nil }, "the other one answers")
		require.True(t, alive.Running(), alive.Stderr())
		require.Equal(t, alive.PID(), pid(s))
		alive.Signal(syscall.SIGTERM)
		require.Zero(t, alive.Wait().Code, alive.Stderr())
		require.Empty(t, remainingFiles(s))
	}
}

// TestSocket_Stale checks that the files of a killed daemon do not stop the next one.
func TestSocket_Stale(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	d := s.LaunchDaemon()
	harness.Await(t, func() bool { return mode(s.Path("omg.status")) != 0 }, "omgd writes its status file")
	d.Kill()
	there := remainingFiles(s)
	require.Subset(t, there, []string{"omg.lock", "omg.sock", "omg.status", "omgd.pid"})
	half := fmt.Sprintf(".omg.status.%d.tmp", d.PID())
	require.Subset(t, []string{half, "omg.lock", "omg.sock", "omg.status", "omgd.pid"}, there, "it may have died while it wrote the status again")
	// The kernel may give the number of the killed process to another one, whose files would stay. No process has the number 999999999.
	_ = os.Remove(s.Path(half))
	for _, name := range []string{".omg.status.999999999.tmp", ".omgd.pid.999999999.tmp"} {
		require.NoError(t, os.WriteFile(s.Path(name), []byte("x"), 0o600))
	}
	d = s.StartDaemon()
	require.Equal(t, d.PID(), pid(s))
	d.Stop()
	require.Empty(t, remainingFiles(s))
}

// TestSocket_Occupied checks that omgd does not remove a file at the socket's path that is not a socket.
func TestSocket_Occupied(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		make func(t *testing.T, socket string)
		says string
	}{
		"a file":      {func(t *testing.T, s string) { require.NoError(t, os.WriteFile(s, []byte("x"), 0o600)) }, "it is not a socket"},
		"a directory": {func(t *testing.T, s string) { require.NoError(t, os.Mkdir(s, 0o700)) }, "it is not a socket"},
		"a fifo":      {func(t *testing.T, s string) { require.NoError(t, syscall.Mkfifo(s, 0o600)) }, "it is not a socket"},
		"a link to a stale socket": {func(t *testing.T, s string) {
			l := listenOn(t, s+".old")
			l.SetUnlinkOnClose(false)
			require.NoError(t, l.Close())
			require.NoError(t, os.Symlink(s+".old", s))
		}, "it is not a socket"},
		"another's living socket": {func(t *testing.T, s string) { listenOn(t, s) }, "omgd is already running"},
		"a directory that others write": {func(t *testing.T, s string) {
			require.NoError(t, os.Chmod(filepath.Dir(s), 0o777))
		}, "other users can replace files in it (mode 0777)"},
		"a directory that a group writes": {func(t *testing.T, s string) {
			require.NoError(t, os.Chmod(filepath.Dir(s), 0o770))
		}, "other users can replace files in it (mode 0770)"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSystem(t)
			c.make(t, s.Socket())
			before := listing(t, s.Home)
			r := harness.Run(t, foreground(s))
			require.Equal(t, 3, r.Code)
			require.Contains(t, r.Stderr, c.says)
			require.Equal(t, 1, strings.Count(r.Stderr, "\n"), r.Stderr)
			require.Equal(t, before, listing(t, s.Home))
		})
	}
}

// listing describes the files of a directory, without omgd's data.
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
