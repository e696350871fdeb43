package service

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/wire"
)

// omgDaemon runs "omg daemon" with further arguments.
func omgDaemon(s *harness.System, args ...string) harness.Result {
	s.T.Helper()
	return s.Run("omg", slices.Concat(s.PathFlags(), []string{"daemon"}, args)...)
}

// status is the output of "omg daemon status".
type status struct {
	Schema  int
	Running bool
	PID     int
	Socket  string
	Version string
	Why     string
}

func daemonStatus(s *harness.System, code int) (found status) {
	s.T.Helper()
	r := omgDaemon(s, "status", "--json")
	require.Equal(s.T, code, r.Code, "%s%s", r.Stdout, r.Stderr)
	require.NoError(s.T, json.Unmarshal([]byte(r.Stdout), &found), r.Stdout)
	require.Equal(s.T, 1, found.Schema)
	return found
}

func TestManage(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	require.Equal(t, status{Schema: 1, Socket: s.Socket()}, daemonStatus(s, 1))
	r := omgDaemon(s, "stop")
	require.Equal(t, 1, r.Code)
	require.Contains(t, r.Stderr, "omg: error: omgd is not running")

	r = omgDaemon(s, "start")
	require.Zero(t, r.Code, r.Stderr)
	first := pid(s)
	killLater(t, first)
	require.NoError(t, ping(s.Socket()))
	is := daemonStatus(s, 0)
	require.Equal(t, first, is.PID)
	require.NotEmpty(t, is.Version)
	r = omgDaemon(s, "status")
	require.Contains(t, r.Stdout, fmt.Sprintf("is running (process %d, %s)", first, s.Socket()))
	r = omgDaemon(s, "status", "--format", "{{.running}}")
	require.Equal(t, "true\n", r.Stdout)
	r = omgDaemon(s, "start")
	require.Equal(t, 1, r.Code)
	require.Contains(t, r.Stderr, "omgd is already running")

	r = omgDaemon(s, "restart")
	require.Zero(t, r.Code, r.Stderr)
	require.True(t, ended(first), "the old one has ended")
	second := pid(s)
	killLater(t, second)
	require.NotEqual(t, first, second)

	// If the PID file is missing, omg gets the process ID from the kernel, through the socket.
	require.NoError(t, os.Remove(s.Path("omgd.pid")))
	require.Equal(t, second, daemonStatus(s, 0).PID)

	// A daemon that does not answer counts as running.
	suspend(t, second)
	stopped := daemonStatus(s, 3)
	require.True(t, stopped.Running)
	require.Contains(t, stopped.Why, "omgd does not respond")
	require.NoError(t, syscall.Kill(second, syscall.SIGCONT))

	r = omgDaemon(s, "stop")
	require.Zero(t, r.Code, r.Stderr)
	require.True(t, ended(second), "it returns when the daemon has ended")
	require.Empty(t, remainingFiles(s))
	require.False(t, daemonStatus(s, 1).Running)
	r = omgDaemon(s, "restart")
	require.Zero(t, r.Code, r.Stderr)
	killLater(t, pid(s))
	require.Zero(t, omgDaemon(s, "stop").Code)
}

// TestManage_NoEnd checks what omg does if a daemon does not stop. omg waits twice as long as the configured stop
// timeout, and then tells the user what to do.
func TestManage_NoEnd(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	d := s.LaunchDaemon()
	suspend(t, d.PID())
	r := omgDaemon(s.WithEnv("OMG_LIMITS_SHUTDOWN_TIMEOUT=1s"), "stop")
	require.Equal(t, 3, r.Code, r.Stderr)
	require.Contains(t, r.Stderr, fmt.Sprintf("omgd did not stop in time (process %d): kill it with kill -KILL %d", d.PID(), d.PID()))
	d.Signal(syscall.SIGCONT)
	require.Zero(t, d.Wait().Code, "the signal has waited")
}

// victim is a process that no command may end.
type victim struct {
	t        *testing.T
	pid      int
	to, from *os.File
}

func newVictim(t *testing.T) *victim {
	t.Helper()
	in, to, err := os.Pipe()
	require.NoError(t, err)
	from, out, err := os.Pipe()
	require.NoError(t, err)
	cmd := exec.Command("cat")
	cmd.Stdin, cmd.Stdout = in, out
	v := &victim{t: t, pid: harness.Start(t, cmd).PID(), to: to, from: from}
	_ = in.Close()
	_ = out.Close()
	t.Cleanup(func() { _, _ = to.Close(), from.Close() })
	return v
}

// requireAlive requires that no signal has ended the process.
func (v *victim) requireAlive() {
	v.t.Helper()
	_, err := v.to.WriteString("x")
	require.NoError(v.t, err)
	n, err := v.from.Read(make([]byte, 1))
	require.NoError(v.t, err, "the process was ended")
	require.Equal(v.t, 1, n)
}

// TestManage_WrongPIDFile checks that omg ends no process if the PID file contains the ID of a process that is not omgd,
// if it is invalid, or if other users may have written it.
func TestManage_WrongPIDFile(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	victim := newVictim(t)
	file := s.Path("omgd.pid")
	number := fmt.Sprintln(victim.pid)
	for _, text := range []string{number, "", "-1\n", "0\n", "1\n", "99999999999999999999\n", "x", number + "x"} {
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		r := omgDaemon(s, "stop")
		require.Equal(t, 1, r.Code, "%q: %s", text, r.Stderr)
		require.Contains(t, r.Stderr, "omgd is not running")
		victim.requireAlive()
	}
	require.NoError(t, os.WriteFile(file, []byte(number), 0o666))
	require.NoError(t, os.Chmod(file, 0o666))
	r := omgDaemon(s, "stop")
	require.Equal(t, 3, r.Code)
	require.Contains(t, r.Stderr, "other users can write it")

	require.NoError(t, os.Rename(file, file+".real"))
	require.NoError(t, os.Symlink(file+".real", file))
	r = omgDaemon(s, "stop")
	require.Equal(t, 3, r.Code)
	require.Contains(t, r.Stderr, "a symlink")
	victim.requireAlive()

	if os.Getuid() == 0 {
		require.NoError(t, os.Remove(file))
		require.NoError(t, os.WriteFile(file, []byte(number), 0o644))
		require.NoError(t, os.Chown(file, mallory, mallory))
		for _, what := range []string{"stop", "restart", "status"} {
			r = omgDaemon(s, what)
			require.Equal(t, 3, r.Code, what)
			require.Contains(t, r.Stderr, "it belongs to user 41004")
		}
		victim.requireAlive()
	}
}

// TestManage_AfterACrash checks that omg does not end another process whose ID is in the PID file of a killed daemon.
func TestManage_AfterACrash(t *testing.T) {
	t.Parallel()
	s, other := newSystem(t), newSystem(t)
	s.LaunchDaemon().Kill()
	running := other.LaunchDaemon()
	harness.WriteFile(t, s.Path("omgd.pid"), fmt.Sprintln(running.PID()))
	require.False(t, daemonStatus(s, 1).Running)
	r := omgDaemon(s, "stop")
	require.Equal(t, 1, r.Code, r.Stderr)
	require.Contains(t, r.Stderr, "omgd is not running")
	require.NoError(t, ping(other.Socket()))
	require.Equal(t, running.PID(), daemonStatus(other, 0).PID)
}

// TestManage_SocketIsGone checks a daemon whose socket was removed: omg daemon status still finds the daemon, and omg
// daemon restart creates the socket again.
func TestManage_SocketIsGone(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	require.Zero(t, omgDaemon(s, "start").Code)
	first := pid(s)
	killLater(t, first)
	require.NoError(t, os.Remove(s.Socket()))
	is := daemonStatus(s, 3)
	require.Equal(t, first, is.PID)
	require.Equal(t, "its socket is gone: restart it with omg daemon restart", is.Why)
	r := omgDaemon(s, "restart")
	require.Zero(t, r.Code, r.Stderr)
	killLater(t, pid(s))
	require.NoError(t, ping(s.Socket()))
	require.True(t, ended(first))
	require.Zero(t, omgDaemon(s, "stop").Code)
}

// TestManage_Units checks that systemd is used if the user's systemd has the units. A start ends when the daemon that
// systemd has started is ready.
func TestManage_Units(t *testing.T) {
	t.Parallel()
	s := newSystem(t).WithEnv("OMG_SOCKET_PATH=")
	bin, calls := outside(s, "bin"), outside(s, "calls")
	require.NoError(t, os.MkdirAll(s.Path("systemd"), 0o755))
	listenOn(t, s.Path("systemd", "private"))
	harness.WriteFile(t, s.Path(".config", "systemd", "user", "omgd.socket"), "")
	harness.WriteProgram(t, filepath.Join(bin, "systemctl"), `#!/bin/sh
echo "$(basename "$0") $*" >>`+calls+`
[ "$CODE" = 0 ] || exit "$CODE"
case $2 in start | restart) exec `+strings.Join(slices.Concat([]string{s.Program("omgd")}, s.PathFlags()), " ")+`; esac
`)
	daemon := func(code string, args ...string) int {
		return s.WithEnv("PATH="+bin+":"+os.Getenv("PATH"), "CODE="+code).Run("omg", append([]string{"daemon"}, args...)...).Code
	}
	for _, verb := range []string{"start", "stop", "restart"} {
		require.Zero(t, daemon("0", verb))
		if verb == "stop" {
			require.NoFileExists(t, s.Socket())
			continue
		}
		killLater(t, pid(s))
		var r wire.StatusResult
		require.NoError(t, harness.Ask(s.Socket(), wire.OpStatus, nil, &r))
		require.EqualValues(t, 200, r.Index.Packages)
	}
	require.Equal(t, 3, daemon("5", "start"), "systemctl has printed the reason")
	const both = " omgd.socket omgd.service"
	require.Equal(t, []string{
		"systemctl --user start" + both, "systemctl --user stop" + both, "systemctl --user restart" + both, "systemctl --user start" + both,
	}, strings.Split(strings.TrimSpace(string(harness.ReadFile(t, calls))), "\n"))

	// omg does not call systemd for a daemon on another socket, because systemd has not started that daemon.
	require.NoError(t, os.Remove(calls))
	require.Equal(t, 1, s.WithEnv("PATH="+bin).Run("omg", "--socket", s.Path("other.sock"), "daemon", "stop").Code)
	require.NoFileExists(t, calls)
}

// TestManage_Setup checks that omg setup has systemd start omgd, restarts it for other settings, and undoes both.
func TestManage_Setup(t *testing.T) {
	t.Parallel()
	if !harness.HideMachineOmg(t) { // otherwise a system-wide omgd would serve this user
		return
	}
	s := newSystem(t)
	s = s.WithEnv("OMG_SOCKET_PATH=", "OMG_CONFIG=", "OMG_TRACKER_ENABLED=", "OMG_TRACKER_URL=http://127.0.0.1:1", "SHELL=/bin/sh")
	bin, calls := outside(s, "bin"), outside(s, "calls")
	require.NoError(t, os.MkdirAll(s.Path("systemd"), 0o755))
	listenOn(t, s.Path("systemd", "private"))
	harness.WriteFile(t, s.Path(".config", "systemd", "user", "omgd.socket"), "")
	enabled := outside(s, "enabled")
	systemctl := "#!/bin/sh\ncase $2 in\nis-enabled) [ -e '" + enabled + "' ]; exit ;;\nenable) >'" + enabled + "' ;;\ndisable) rm '" + enabled + "' ;;\nesac\necho \"$*\" >>'" + calls + "'\n"
	harness.WriteProgram(t, filepath.Join(bin, "systemctl"), systemctl)
	setup := func(answers string, args ...string) harness.Result {
		t.Helper()
		words := append([]string{"-c", "printf '" + answers + "' | exec \"$0\" setup \"$@\"", s.Program("omg")}, args...)
		r := s.WithEnv("PATH="+bin+":"+os.Getenv("PATH")).RunTool("sh", words...)
		require.Contains(t, []int{0, 6}, r.Code, "omg doctor may find a problem of the machine: %s%s", r.Stdout, r.Stderr)
		return r
	}
	called := func() string {
		list, err := os.ReadFile(calls)
		if os.IsNotExist(err) {
			return ""
		}
		require.NoError(t, err)
		require.NoError(t, os.Remove(calls))
		return string(list)
	}
	require.Contains(t, setup("", "--yes", "--dry-run").Stdout, "systemctl --user enable --now omgd.socket\n")
	require.Empty(t, called())
	require.Contains(t, setup(`n\n\n\n\n`).Stdout, "Start omgd for you when it is needed? [Y/n]")
	require.Empty(t, called())
	setup("", "--yes")
	require.Equal(t, "--user enable --now omgd.socket\n", called())

	d := s.StartDaemon() // as systemd would
	require.Contains(t, setup(`\n\nn\n\n`).Stdout, "+tracker.enabled = false\n")
	require.Equal(t, "--user enable --now omgd.socket\n--user restart omgd.socket omgd.service\n", called())
	harness.WriteProgram(t, filepath.Join(bin, "systemctl"), "#!/bin/sh\nexit 5\n")
	failed := s.WithEnv("PATH="+bin+":"+os.Getenv("PATH")).RunTool("sh", "-c", `printf '\n\ny\n\n' | exec "$0" setup`, s.Program("omg"))
	require.Equal(t, 3, failed.Code)
	require.Contains(t, failed.Stdout, "omgd uses the new settings after: omg daemon restart\n")
	harness.WriteProgram(t, filepath.Join(bin, "systemctl"), systemctl)
	d.Stop()
	require.Contains(t, setup("", "--remove", "--yes", "--dry-run").Stdout, "systemctl --user disable --now omgd.socket omgd.service\n")
	require.Empty(t, called())
	setup("", "--remove", "--yes")
	require.Equal(t, "--user disable --now omgd.socket omgd.service\n", called())
	require.NoDirExists(t, s.Path(".config", "omg"))
	require.NoDirExists(t, s.Path(".local", "state", "omg"))

	// Units that were enabled before stay enabled, and omgd forgets the removed settings.
	harness.WriteFile(t, enabled, "")
	setup(`\n\nn\n\n`)
	require.Equal(t, "--user enable --now omgd.socket\n", called())
	d = s.StartDaemon()
	require.Contains(t, setup("", "--remove", "--yes").Stdout, "omg setup has not enabled omgd's units, so they stay enabled.")
	require.Equal(t, "--user restart omgd.socket omgd.service\n", called())
	require.FileExists(t, enabled)
	d.Stop()
}

// TestManage_Logs checks what omg daemon logs reads: the journal if there is one, otherwise syslog's files. If the
// journal has no messages of omgd, omg prints a note.
func TestManage_Logs(t *testing.T) {
	t.Parallel()
	r := machine(newSystem(t), `
mount -t tmpfs none /var/log; mkdir /tmp/bin
printf '#!/bin/sh\n[ ! -e /tmp/fails ] || { echo failed >&2; exit 4; }\n[ -e /tmp/empty ] || echo journalctl "$@"\n' >/tmp/bin/journalctl; chmod +x /tmp/bin/journalctl
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
touch /tmp/empty
says empty /mnt/omg daemon logs
says waits /mnt/omg daemon logs --follow
touch /tmp/fails
says fails /mnt/omg daemon logs
printf '#!/bin/sh\necho $$\n' >/tmp/bin/journalctl
echo "processes: $(sh -c 'echo $$; exec /mnt/omg daemon logs -f' | sort -u | wc -l)"
`)
	require.Zero(t, r.Code, r.Stderr)
	for _, want := range []string{
		"nothing: 3: omg: error: no log of omgd found: run omgd --foreground to see its messages\n",
		"syslog: 0: Nov 23 host omgd[7]: line 2\uFFFD[31m\nNov 23 host omgd[7]: line 3\uFFFD[31m\nfollow: 3: ",
		"negative: 2: ", "many: 2: ",
		"journal: 0: journalctl --quiet --lines 7 SYSLOG_IDENTIFIER=omgd _UID=0\n",
		"follows: 0: journalctl --quiet --lines 50 --follow SYSLOG_IDENTIFIER=omgd _UID=0\n",
		"empty: 0: omg: note: systemd's journal has no messages of omgd: omg daemon status shows whether it is running\n",
		"waits: 0: \n", "fails: 3: failed\n",
		"processes: 1\n", // journalctl is not a child, which would stay if omg is killed
	} {
		require.Contains(t, r.Stdout, want)
	}
}
