package service

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// daemon runs "omg daemon" with further arguments.
func (w *world) daemon(args ...string) *exec.Cmd {
	return w.command("omg", append(append(w.files(), "daemon"), args...)...)
}

// status is what "omg daemon status" says.
type status struct {
	Schema  int
	Running bool
	PID     int
	Socket  string
	Version string
	Why     string
}

func (w *world) status(code int) (s status) {
	w.t.Helper()
	r := once(w.t, w.daemon("status", "--json"))
	require.Equal(w.t, code, r.Code, r.Stderr)
	require.NoError(w.t, json.Unmarshal([]byte(r.Stdout), &s), r.Stdout)
	require.Equal(w.t, 1, s.Schema)
	return s
}

func TestManage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.Equal(t, status{Schema: 1, Socket: w.socket()}, w.status(1))
	r := once(t, w.daemon("stop"))
	require.Equal(t, 1, r.Code)
	require.Contains(t, r.Stderr, "omg: error: omgd does not run")

	r = once(t, w.daemon("start"))
	require.Zero(t, r.Code, r.Stderr)
	pid := w.pid()
	t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGKILL) })
	require.NoError(t, ping(w.socket()))
	s := w.status(0)
	require.Equal(t, pid, s.PID)
	require.NotEmpty(t, s.Version)
	r = once(t, w.daemon("status"))
	require.Contains(t, r.Stdout, fmt.Sprintf("runs (process %d, %s)", pid, w.socket()))
	r = once(t, w.daemon("status", "--format", "{{.running}}"))
	require.Equal(t, "true\n", r.Stdout)
	r = once(t, w.daemon("start"))
	require.Equal(t, 1, r.Code)
	require.Contains(t, r.Stderr, "omgd runs already")

	r = once(t, w.daemon("restart"))
	require.Zero(t, r.Code, r.Stderr)
	require.True(t, over(pid), "the old one has ended")
	second := w.pid()
	t.Cleanup(func() { _ = syscall.Kill(second, syscall.SIGKILL) })
	require.NotEqual(t, pid, second)

	// Without its PID file the socket says who it is.
	require.NoError(t, os.Remove(filepath.Join(w.runtime, "omgd.pid")))
	require.Equal(t, second, w.status(0).PID)

	// One that does not answer runs all the same.
	require.NoError(t, syscall.Kill(second, syscall.SIGSTOP))
	require.Eventually(t, func() bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", second))
		return err == nil && strings.Contains(string(stat), ") T ")
	}, 5*time.Second, time.Millisecond)
	stopped := w.status(3)
	require.True(t, stopped.Running)
	require.Contains(t, stopped.Why, "omgd does not answer")
	require.NoError(t, syscall.Kill(second, syscall.SIGCONT))

	r = once(t, w.daemon("stop"))
	require.Zero(t, r.Code, r.Stderr)
	require.True(t, over(second), "it returns when the daemon has ended")
	require.Empty(t, w.left())
	require.False(t, w.status(1).Running)
	r = once(t, w.daemon("restart"))
	require.Zero(t, r.Code, r.Stderr)
	require.Zero(t, once(t, w.daemon("stop")).Code)
}

// TestStopBelievesNoOne: a PID file that names another process, or that another
// user put there, ends nobody.
func TestStopBelievesNoOne(t *testing.T) {
	w := newWorld(t)
	victim := run(t, exec.Command("sleep", "100"))
	alive := func() {
		t.Helper()
		select {
		case <-victim.ended:
			t.Fatal("the process was ended")
		case <-time.After(50 * time.Millisecond):
		}
	}
	file := filepath.Join(w.runtime, "omgd.pid")
	number := fmt.Sprintln(victim.Process.Pid)
	for _, text := range []string{number, "", "-1\n", "0\n", "1\n", "99999999999999999999\n", "x", number + "x"} {
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		r := once(t, w.daemon("stop"))
		require.Equal(t, 1, r.Code, "%q: %s", text, r.Stderr)
		require.Contains(t, r.Stderr, "omgd does not run")
		alive()
	}
	require.NoError(t, os.WriteFile(file, []byte(number), 0o666))
	require.NoError(t, os.Chmod(file, 0o666))
	r := once(t, w.daemon("stop"))
	require.Equal(t, 3, r.Code)
	require.Contains(t, r.Stderr, "others can write it")

	require.NoError(t, os.Rename(file, file+".real"))
	require.NoError(t, os.Symlink(file+".real", file))
	r = once(t, w.daemon("stop"))
	require.Equal(t, 3, r.Code)
	require.Contains(t, r.Stderr, "a symlink")
	alive()

	if os.Getuid() == 0 {
		require.NoError(t, os.Remove(file))
		require.NoError(t, os.WriteFile(file, []byte(number), 0o644))
		require.NoError(t, os.Chown(file, mallory, mallory))
		for _, what := range []string{"stop", "restart", "status"} {
			r = once(t, w.daemon(what))
			require.Equal(t, 3, r.Code, what)
			require.Contains(t, r.Stderr, "it belongs to user 41004")
		}
		alive()
	}
}

// TestStopAfterACrash: the number in the PID file of a daemon that was killed may by now be that of another one, which
// is left alone.
func TestStopAfterACrash(t *testing.T) {
	t.Parallel()
	w, other := newWorld(t), newWorld(t)
	crashed := w.start()
	require.NoError(t, crashed.Process.Kill())
	<-crashed.ended
	running := other.start()
	file := filepath.Join(w.runtime, "omgd.pid")
	require.NoError(t, os.WriteFile(file, fmt.Appendln(nil, running.Process.Pid), 0o644))
	require.False(t, w.status(1).Running)
	r := once(t, w.daemon("stop"))
	require.Equal(t, 1, r.Code, r.Stderr)
	require.Contains(t, r.Stderr, "omgd does not run")
	require.NoError(t, ping(other.socket()))
	require.Equal(t, running.Process.Pid, other.status(0).PID)
}

// TestSocketIsGone: a daemon whose socket was removed is found all the same, and made anew.
func TestSocketIsGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.Zero(t, once(t, w.daemon("start")).Code)
	pid := w.pid()
	t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGKILL) })
	require.NoError(t, os.Remove(w.socket()))
	s := w.status(3)
	require.Equal(t, pid, s.PID)
	require.Equal(t, "its socket is gone: omg daemon restart makes it anew", s.Why)
	r := once(t, w.daemon("restart"))
	require.Zero(t, r.Code, r.Stderr)
	second := w.pid()
	t.Cleanup(func() { _ = syscall.Kill(second, syscall.SIGKILL) })
	require.NoError(t, ping(w.socket()))
	require.True(t, over(pid))
	require.Zero(t, once(t, w.daemon("stop")).Code)
}

// TestManageUnits: where the user's systemd has the units, it is asked.
func TestManageUnits(t *testing.T) {
	w := newWorld(t)
	units, bin := filepath.Join(w.runtime, ".config", "systemd", "user"), filepath.Join(w.dir, "bin")
	for _, dir := range []string{units, bin, filepath.Join(w.runtime, "systemd")} {
		require.NoError(t, os.MkdirAll(dir, 0o755))
	}
	listenOn(t, filepath.Join(w.runtime, "systemd", "private"))
	require.NoError(t, os.WriteFile(filepath.Join(units, "omgd.socket"), nil, 0o644))
	said := filepath.Join(w.dir, "said")
	tool := "#!/bin/sh\necho \"$(basename \"$0\") $*\" >>" + said + "\nexit ${CODE:-0}\n"
	require.NoError(t, os.WriteFile(filepath.Join(bin, "systemctl"), []byte(tool), 0o755))
	daemon := func(code string, args ...string) int {
		cmd := w.command("omg", append([]string{"daemon"}, args...)...)
		cmd.Env = append(cmd.Env, "PATH="+bin+":"+os.Getenv("PATH"), "CODE="+code)
		return once(t, cmd).Code
	}
	for _, verb := range []string{"start", "stop", "restart"} {
		require.Zero(t, daemon("0", verb))
	}
	require.Equal(t, 3, daemon("5", "start"), "systemctl has said why")
	b, err := os.ReadFile(said)
	require.NoError(t, err)
	const both = " omgd.socket omgd.service"
	require.Equal(t, []string{
		"systemctl --user start" + both, "systemctl --user stop" + both, "systemctl --user restart" + both, "systemctl --user start" + both,
	}, strings.Split(strings.TrimSpace(string(b)), "\n"))

	// A daemon of one's own is not systemd's.
	require.NoError(t, os.Remove(said))
	cmd := w.command("omg", "--socket", filepath.Join(w.runtime, "other.sock"), "daemon", "stop")
	cmd.Env = append(cmd.Env, "PATH="+bin)
	require.Equal(t, 1, once(t, cmd).Code)
	require.NoFileExists(t, said)
}

// TestLogs: the journal is asked if there is one, else syslog's files are read.
func TestLogs(t *testing.T) {
	t.Parallel()
	r := newWorld(t).machine(`
mount -t tmpfs none /var/log; mkdir /tmp/bin
printf '#!/bin/sh\necho journalctl "$@"\n' >/tmp/bin/journalctl; chmod +x /tmp/bin/journalctl
PATH=/tmp/bin:$PATH
says() { name=$1; shift; code=0; out=$("$@" 2>&1) || code=$?; echo "$name: $code: $out"; }
says nothing /mnt/omg daemon logs
{ echo 'Nov 23 cron[1]: not this'; for i in 1 2 3; do printf 'Nov 23 host omgd[7]: line %s\033[31m\n' $i; done; } >/var/log/syslog
says syslog /mnt/omg daemon logs -n 2
says follow /mnt/omg daemon logs -f
says negative /mnt/omg daemon logs -n -1
says many /mnt/omg daemon logs -n 9999999999
mkdir -p /run/log/journal
says journal /mnt/omg daemon logs -n 7
says follows /mnt/omg daemon logs --follow
`)
	require.Zero(t, r.Code, r.Stderr)
	for _, want := range []string{
		"nothing: 3: omg: error: no log has anything of omgd: omgd --foreground prints what it does\n",
		"syslog: 0: Nov 23 host omgd[7]: line 2\uFFFD[31m\nNov 23 host omgd[7]: line 3\uFFFD[31m\nfollow: 3: ",
		"negative: 2: ", "many: 2: ",
		"journal: 0: journalctl --quiet --lines 7 SYSLOG_IDENTIFIER=omgd _UID=0\n",
		"follows: 0: journalctl --quiet --lines 50 --follow SYSLOG_IDENTIFIER=omgd _UID=0\n",
	} {
		require.Contains(t, r.Stdout, want)
	}
}
