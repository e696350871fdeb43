package service

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/programs"
	"github.com/omg-arch/omg/shared/client"
	"github.com/omg-arch/omg/shared/wire"
)

// configured is the daemon with a configuration file of these lines.
func (w *world) configured(lines ...string) *exec.Cmd {
	w.t.Helper()
	w.configure(lines...)
	cmd := w.omgd()
	cmd.Env = append(cmd.Env, "OMG_CONFIG="+w.config())
	return cmd
}

func (w *world) config() string { return filepath.Join(w.dir, "config.toml") }

func (w *world) configure(lines ...string) {
	w.t.Helper()
	require.NoError(w.t, os.WriteFile(w.config(), []byte(strings.Join(lines, "\n")+"\n"), 0o644))
}

// said waits until a daemon has logged something.
func (p *process) said(t *testing.T, text string) {
	t.Helper()
	require.Eventually(t, func() bool { return strings.Contains(p.stderr.String(), text) }, 10*time.Second, 5*time.Millisecond,
		"not logged: %s", text)
}

// TestLimits: each peer has its limits, and no other suffers when one exceeds them.
func TestLimits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := run(t, w.configured("[limits]", "connections = 3", `half_frame = "300ms"`, `write = "300ms"`, `idle = "2s"`))
	w.answers(p, w.socket())
	dial := func() net.Conn {
		nc, err := net.Dial("unix", w.socket())
		require.NoError(t, err)
		t.Cleanup(func() { _ = nc.Close() })
		require.NoError(t, nc.SetDeadline(time.Now().Add(10*time.Second)))
		return nc
	}
	hear := func(nc net.Conn) wire.Response {
		b, err := wire.ReadFrame(nc, nil)
		require.NoError(t, err)
		r, err := wire.DecodeResponse(b)
		require.NoError(t, err)
		return r
	}
	settle := func() {
		require.Eventually(t, func() bool { return ping(w.socket()) == nil }, 5*time.Second, 5*time.Millisecond)
	}

	// One more connection than there may be is told so at once.
	settle()
	var all []net.Conn
	for range 3 {
		b, err := wire.AppendRequest(nil, 1, wire.OpPing, nil)
		require.NoError(t, err)
		require.Eventually(t, func() bool { // the server may still have the last connection
			nc := dial()
			if _, err = nc.Write(b); err != nil || hear(nc).Err != nil {
				_ = nc.Close()
				return false
			}
			all = append(all, nc)
			return true
		}, 5*time.Second, 5*time.Millisecond)
	}
	refused := hear(dial())
	require.Equal(t, wire.CodeBusy, refused.Err.Code)
	require.Contains(t, refused.Err.Message, "too many connections (3)")
	for _, nc := range all {
		require.NoError(t, nc.Close())
	}

	// Half a frame is waited for so long, and an idle connection is not for ever.
	settle()
	half, idle := dial(), dial()
	_, err := half.Write(binary.BigEndian.AppendUint32(nil, 100))
	require.NoError(t, err)
	begin := time.Now()
	late := hear(half)
	require.Equal(t, wire.CodeInvalid, late.Err.Code)
	require.Contains(t, late.Err.Message, "not sent in time")
	require.NoError(t, ping(w.socket()), "nobody else suffers")
	n, err := idle.Read(make([]byte, 1))
	require.Zero(t, n)
	require.Error(t, err)
	require.Greater(t, time.Since(begin), time.Second)

	// A peer that does not read is cut off.
	settle()
	w.ready(w.socket())
	stuck := w.stuck()
	p.said(t, "a peer does not read its answer")
	require.NoError(t, ping(w.socket()))
	_ = stuck.Close()
	p.stop(t)
}

// TestMemoryLimit: the soft limit reaches the runtime, and nothing else changes.
func TestMemoryLimit(t *testing.T) {
	w := newWorld(t)
	cmd := w.configured("[memory]", `limit = "24MiB"`, `caches = "0"`)
	cmd.Env = append(cmd.Env, "GODEBUG=gctrace=1")
	p := run(t, cmd)
	w.answers(p, w.socket())
	w.ready(w.socket())
	require.NoError(t, ask(w.socket(), wire.OpSearch, &wire.SearchRequest{Words: []string{"lib"}, Limit: 1}, &map[string]any{}))
	var cleared wire.CacheClearResult
	require.NoError(t, ask(w.socket(), wire.OpCacheClear, nil, &cleared))
	require.Zero(t, cleared.Cleared, "there is no room for any answer")
	p.stop(t)
}

// TestConfigCommand: what it shows is what holds, and a file that omgd accepts.
func TestConfigCommand(t *testing.T) {
	w := newWorld(t)
	show := func(args ...string) programs.Result {
		cmd := w.command("omg", append([]string{"config"}, args...)...)
		cmd.Env = append(cmd.Env, "OMG_CONFIG="+w.config(), "OMG_CACHE_TTL=7m")
		return once(t, cmd)
	}
	w.configure("[limits]", "connections = 7", `write = "5s"`, "[access]", `users = ["alice", "bob"]`, "typo = 1")
	r := show("limits.connections", "cache", "access.users", "log.level")
	require.Zero(t, r.Code, r.Stderr)
	require.Equal(t, "cache.entries = 1000 # default\ncache.ttl = \"7m\" # OMG_CACHE_TTL\nlimits.connections = 7 # "+w.config()+":2\n"+
		"access.users = [\"alice\", \"bob\"] # "+w.config()+":5\nlog.level = \"info\" # default\n", r.Stdout)
	require.Contains(t, r.Stderr, `there is no setting "access.typo"`)
	require.Equal(t, w.config()+":3\n", show("--format", "{{.origin}}", "limits.write").Stdout)
	require.Equal(t, 1, show("no.such.key").Code)
	var all struct {
		Schema   int
		Settings []struct{ Key, Variable string }
	}
	require.NoError(t, json.Unmarshal([]byte(show("--json").Stdout), &all))
	require.Equal(t, 1, all.Schema)
	require.Greater(t, len(all.Settings), 30)
	cmd := w.command("omg", "config", "--json")
	cmd.Env = append(cmd.Env, "HOME=/dev/null")
	r = once(t, cmd)
	require.Zero(t, r.Code, r.Stderr)
	require.NotContains(t, r.Stdout, "null", "no files are an empty list")

	whole := show()
	w.configure(whole.Stdout)
	p := run(t, w.configured(whole.Stdout))
	w.answers(p, w.socket())
	require.NotContains(t, p.stderr.String(), "there is no setting")
	p.stop(t)
	w.configure("[limits]", "connections = true")
	require.Equal(t, 2, show().Code)
}

// TestReload: SIGHUP has the configuration read again. What can be changed is,
// without an interruption; what cannot is named; a wrong one changes nothing.
func TestReload(t *testing.T) {
	w := newWorld(t)
	m := newManager(t, w)
	cmd := w.configured("[log]", `level = "info"`)
	cmd.Env = append(cmd.Env, "NOTIFY_SOCKET="+m.path)
	p := run(t, cmd)
	m.next(t, "READY=1", 10*time.Second)
	w.ready(w.socket())
	conn, err := client.Dial(context.Background(), w.socket(), anyone)
	require.NoError(t, err)
	defer conn.Close()
	question := func() { require.NoError(t, conn.Get(context.Background(), wire.OpPing, nil, &struct{}{})) }
	question()
	require.NotContains(t, p.stderr.String(), "level=DEBUG")

	reload := func(lines ...string) {
		t.Helper()
		w.configure(lines...)
		require.NoError(t, p.Process.Signal(syscall.SIGHUP))
		got := m.next(t, "RELOADING=1", 5*time.Second)
		_, usec, ok := strings.Cut(got, "MONOTONIC_USEC=")
		require.True(t, ok)
		n, err := strconv.ParseInt(strings.TrimSpace(usec), 10, 64)
		require.NoError(t, err)
		require.Positive(t, n)
		m.next(t, "READY=1", 5*time.Second)
	}
	reload("[log]", `level = "debug"`, "[limits]", "connections = 7", "user_rate = 9", "[refresh]", `interval = "1h"`)
	p.said(t, `the configuration was read again" changed="refresh.interval limits.user_rate log.level"`)
	p.said(t, `omgd must be started again" keys=limits.connections`)
	question()
	p.said(t, "level=DEBUG msg=request op=ping")

	reload("[log]", `level = "loud"`)
	p.said(t, "the configuration stays as it was")
	p.said(t, w.config()+":2: log.level")
	reload("[log]", `level = "trace"`, "[limits]", "connections = 7", "user_rate = 9", "[refresh]", `interval = "1h"`, "[nonsense]", "x = 1")
	p.said(t, `there is no setting \"nonsense.x\"`)
	require.NoError(t, ping(w.socket()))
	p.said(t, "level=TRACE msg=connected")
	question()
	p.stop(t)
}

// TestLogLevel: what is logged can be changed while omgd runs.
func TestLogLevel(t *testing.T) {
	w := newWorld(t)
	r := once(t, w.command("omg", "daemon", "log-level"))
	require.Equal(t, 3, r.Code)
	require.Contains(t, r.Stderr, "omgd does not run")
	p := w.start("--log-level", "warn")
	level := func(args ...string) string {
		t.Helper()
		r := once(t, w.command("omg", append([]string{"daemon", "log-level"}, args...)...))
		require.Zero(t, r.Code, r.Stderr)
		return r.Stdout
	}
	require.Equal(t, "warn\n", level())
	require.Empty(t, p.stderr.String())
	require.Equal(t, "trace\n", level("trace"))
	require.Equal(t, "trace\n", level())
	p.said(t, `msg="the log level was changed" from=warn to=trace`)
	p.said(t, "level=TRACE msg=connected")
	w.ready(w.socket())
	for _, hit := range []string{"false", "true"} {
		require.NoError(t, ask(w.socket(), wire.OpSearch, &wire.SearchRequest{Words: []string{"lib"}, Limit: 1}, &map[string]any{}))
		p.said(t, "level=DEBUG msg=cache op=search hit="+hit)
	}
	require.NotContains(t, p.stderr.String(), "words", "what is asked is nobody's business")
	require.NoError(t, ask(w.socket(), wire.OpCacheClear, nil, &wire.CacheClearResult{}))
	p.said(t, `msg="the caches were cleared" answers=1`)
	r = once(t, w.command("omg", "daemon", "log-level", "loud"))
	require.Equal(t, 2, r.Code)
	require.Contains(t, r.Stderr, `"loud" is no level`)
	p.stop(t)
}

// TestWrongConfiguration: it stops the start, and says where the mistake is.
func TestWrongConfiguration(t *testing.T) {
	w := newWorld(t)
	for line, says := range map[string]string{
		`level = 7`:      "log.level",
		`level = "loud"`: "log.level",
		`level = `:       "config.toml:2",
	} {
		r := once(t, w.configured("[log]", line))
		require.Equal(t, 2, r.Code, r.Stderr)
		require.Contains(t, r.Stderr, "config.toml:2")
		require.Contains(t, r.Stderr, says)
		require.Empty(t, w.left())
	}
	r := once(t, w.omgd("--log-level", "loud"))
	require.Equal(t, 2, r.Code)
	require.Contains(t, r.Stderr, "--log-level")
}

// TestWhereLogsGo: in the background the journal has them, in its own protocol and
// with fields; without one syslog has; in the foreground they are text.
func TestWhereLogsGo(t *testing.T) {
	t.Parallel()
	// The stand-ins read datagrams for as long as they come.
	const script = `
recorder() { python3 - "$1" >"$2" <<'END' &
import os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
os.makedirs(os.path.dirname(sys.argv[1]), exist_ok=True)
s.bind(sys.argv[1])
print('listening', flush=True)
while True:
    print(s.recv(65536).decode(errors='replace').replace('\n', '|'), flush=True)
END
while ! grep -qs listening "$2"; do sleep 0.02; done; }
mount -t tmpfs -o mode=755 none /dev; mknod -m 666 /dev/null c 1 3; mknod -m 666 /dev/urandom c 1 9
export XDG_RUNTIME_DIR=/run/own; install -d -m 700 /run/own
start() { /mnt/omgd --log-level debug --dbpath /media/db --pacman-config /media/pacman.conf "$@"; }
stop() { /mnt/omg daemon stop; }
recorder /dev/log /tmp/syslog
start; sleep 0.3; stop
recorder /run/systemd/journal/socket /tmp/journal
start; sleep 0.3; stop
start --foreground 2>/tmp/text & sleep 0.3; stop; wait $!
for f in syslog journal text; do sed "s/^/$f: /" /tmp/$f; done
`
	need(t, "python3")
	r := newWorld(t).machine(script)
	require.Zero(t, r.Code, r.Stderr)
	require.Empty(t, r.Stderr)
	require.Regexp(t, `(?m)^syslog: <30>.* omgd\[\d+\]: listening socket=/run/own/omg.sock$`, strings.ReplaceAll(r.Stdout, "|\n", "\n"))
	for _, want := range []string{
		"journal: ", "SYSLOG_IDENTIFIER=omgd|", "OMG_SOCKET=/run/own/omg.sock|", "PRIORITY=6|", "PRIORITY=7|",
		"MESSAGE=listening socket=/run/own/omg.sock|",
	} {
		require.Contains(t, r.Stdout, want)
	}
	require.Regexp(t, `(?m)^text: time=\S+ level=INFO msg=listening socket=/run/own/omg.sock$`, r.Stdout)
}
