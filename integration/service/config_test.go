package service

import (
	"encoding/json"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/need"
	"github.com/omg-arch/omg/shared/wire"
)

// TestConfig_Memory checks that with the lowest memory limits omgd still answers, and caches nothing.
func TestConfig_Memory(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	configure(s, "[memory]", `limit = "24MiB"`, `max_caches = "0"`)
	d := s.StartDaemon()
	require.NoError(t, d.Ask(wire.OpSearch, &wire.SearchRequest{Words: []string{"lib"}, Limit: 1}, &map[string]any{}))
	var cleared wire.CacheClearResult
	require.NoError(t, d.Ask(wire.OpCacheClear, nil, &cleared))
	require.Zero(t, cleared.ClearedCount, "there is no room for any answer")
}

// TestConfig_Shown checks that omg config prints a file that omgd accepts. For its other output see
// scripts/testdata/config.txtar.
func TestConfig_Shown(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	show := func(args ...string) harness.Result {
		t.Helper()
		return s.WithEnv("OMG_CACHE_TTL=7m").Run("omg", append([]string{"config"}, args...)...)
	}
	configure(s, "[limits]", "max_connections = 7", `write_timeout = "5s"`, "[access]", `users = ["alice", "bob"]`, "typo = 1")
	var all struct {
		Schema   int
		Settings []struct{ Key, Variable string }
	}
	require.NoError(t, json.Unmarshal([]byte(show("--json").Stdout), &all))
	require.Equal(t, 1, all.Schema)
	require.Greater(t, len(all.Settings), 30)
	require.Equal(t, 1, show("no.such.key").Code)
	whole := show()
	require.Zero(t, whole.Code, whole.Stderr)
	require.Contains(t, whole.Stderr, `unknown setting "access.typo"`)

	configure(s, whole.Stdout)
	d := s.LaunchDaemon()
	d.Stop()
	require.NotContains(t, d.Stderr(), "unknown setting")
	configure(s, "[limits]", "max_connections = true")
	require.Equal(t, 2, show().Code)
}

// TestConfig_NoFiles checks that omg config --json prints an empty list of files if there is no configuration file.
func TestConfig_NoFiles(t *testing.T) {
	t.Parallel()
	r := machine(newSystem(t), "HOME=/dev/null /mnt/omg config --json\n")
	require.Zero(t, r.Code, r.Stderr)
	require.Contains(t, r.Stdout, `"files":[]`)
	require.NotContains(t, r.Stdout, "null")
}

// TestConfig_Reload checks that SIGHUP reloads the configuration. Settings that can change while omgd runs take effect,
// and no connection is interrupted. omgd logs which of the changed settings need a restart. If the file is wrong, omgd
// changes nothing.
func TestConfig_Reload(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	m := newManager(s)
	configure(s, "[log]", `level = "info"`)
	d := s.WithEnv("NOTIFY_SOCKET=" + m.path).StartDaemon()
	m.await("READY=1")
	conn := d.Dial()
	question := func() {
		t.Helper()
		require.NoError(t, conn.CallForResult(t.Context(), wire.OpPing, nil, &struct{}{}))
	}
	question()
	// omgd logs a request before it reads the next request of the same connection. The second request makes sure that
	// the first one has been logged.
	question()
	require.NotContains(t, d.Stderr(), "level=DEBUG")

	reload := func(lines ...string) {
		t.Helper()
		configure(s, lines...)
		d.Signal(syscall.SIGHUP)
		_, usec, ok := strings.Cut(m.await("RELOADING=1"), "MONOTONIC_USEC=")
		require.True(t, ok)
		n, err := strconv.ParseInt(strings.TrimSpace(usec), 10, 64)
		require.NoError(t, err)
		require.Positive(t, n)
		m.await("READY=1")
	}
	reload("[log]", `level = "debug"`, "[limits]", "max_connections = 7", "user_rate = 9", "[refresh]", `interval = "1h"`)
	d.AwaitStderr(`configuration reloaded" changed="refresh.interval limits.user_rate log.level"`)
	d.AwaitStderr(`restart omgd to apply the other changes" keys=limits.max_connections`)
	question()
	d.AwaitStderr("level=DEBUG msg=request op=ping")

	reload("[log]", `level = "loud"`)
	d.AwaitStderr("configuration not reloaded")
	d.AwaitStderr(s.OmgConfig + ":2: log.level")
	reload("[log]", `level = "trace"`, "[limits]", "max_connections = 7", "user_rate = 9", "[refresh]", `interval = "1h"`, "[nonsense]", "x = 1")
	d.AwaitStderr(`unknown setting \"nonsense.x\"`)
	require.NoError(t, ping(d.Socket))
	d.AwaitStderr("level=TRACE msg=connected")
	question()
}

// TestConfig_LogLevel changes the log level while omgd runs.
func TestConfig_LogLevel(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	omg := func(args ...string) harness.Result {
		t.Helper()
		return s.Run("omg", append([]string{"daemon", "log-level"}, args...)...)
	}
	r := omg()
	require.Equal(t, 3, r.Code)
	require.Contains(t, r.Stderr, "log-level needs a running omgd")
	s.BuildIndexes() // if omgd built them, it could still publish another snapshot between the two searches
	d := s.StartDaemon("--log-level", "warn")
	level := func(args ...string) string {
		t.Helper()
		r := omg(args...)
		require.Zero(t, r.Code, r.Stderr)
		return r.Stdout
	}
	require.Equal(t, "warn\n", level())
	require.Empty(t, d.Stderr())
	require.Equal(t, "trace\n", level("trace"))
	require.Equal(t, "trace\n", level())
	d.AwaitStderr(`msg="log level changed" from=warn to=trace`)
	d.AwaitStderr("level=TRACE msg=connected")
	for _, hit := range []string{"false", "true"} {
		require.NoError(t, d.Ask(wire.OpSearch, &wire.SearchRequest{Words: []string{"lib"}, Limit: 1}, &map[string]any{}))
		d.AwaitStderr("level=DEBUG msg=cache op=search hit=" + hit)
	}
	require.NoError(t, d.Ask(wire.OpCacheClear, nil, &wire.CacheClearResult{}))
	d.AwaitStderr(`msg="caches cleared" replies=1`)
	r = omg("loud")
	require.Equal(t, 2, r.Code)
	require.Contains(t, r.Stderr, `"loud" is not a log level`)
	d.Stop()
	require.NotContains(t, d.Stderr(), "words", "a query is not logged")
}

// TestConfig_Wrong checks that omgd refuses to start with an invalid configuration, and that its error names the
// setting or the line of the file.
func TestConfig_Wrong(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	for line, says := range map[string]string{
		`level = 7`:      "log.level",
		`level = "loud"`: "log.level",
		`level = `:       s.OmgConfig + ":2",
	} {
		configure(s, "[log]", line)
		r := harness.Run(t, foreground(s))
		require.Equal(t, 2, r.Code, r.Stderr)
		require.Contains(t, r.Stderr, s.OmgConfig+":2")
		require.Contains(t, r.Stderr, says)
		require.Empty(t, remainingFiles(s))
	}
	configure(s)
	r := harness.Run(t, foreground(s, "--log-level", "loud"))
	require.Equal(t, 2, r.Code)
	require.Contains(t, r.Stderr, "--log-level")
}

// TestLog_Destinations checks where the log goes. In the background, it goes to the journal, in the journal's own
// protocol and with fields, or to syslog if there is no journal. In the foreground, it goes to standard error as text.
func TestLog_Destinations(t *testing.T) {
	t.Parallel()
	// The recorders replace the journal and syslog, and read datagrams all the time. After omgd has ended, the script
	// sends a mark to a recorder. When the recorder has the mark, it also has everything that omgd sent.
	const script = `
recorder() { "$PYTHON" - "$1" >"$2" <<'END' &
import os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
os.makedirs(os.path.dirname(sys.argv[1]), exist_ok=True)
s.bind(sys.argv[1])
print('listening', flush=True)
while True:
    print(s.recv(65536).decode(errors='replace').replace('\n', '|'), flush=True)
END
await grep -qs listening "$2"; }
recorded() {
	"$PYTHON" -c 'import socket, sys; socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"the mark", sys.argv[1])' "$1"
	await grep -qs 'the mark' "$2"
}
mount -t tmpfs -o mode=755 none /dev; mknod -m 666 /dev/null c 1 3; mknod -m 666 /dev/urandom c 1 9
export XDG_RUNTIME_DIR=/run/own; install -d -m 700 /run/own
start() { /mnt/omgd --log-level debug --dbpath /media/db --pacman-config /media/pacman.conf "$@"; }
stop() { /mnt/omg daemon stop; }
runs() { /mnt/omg daemon status >/dev/null 2>&1; }
recorder /dev/log /tmp/syslog
start; stop; recorded /dev/log /tmp/syslog
recorder /run/systemd/journal/socket /tmp/journal
start; stop; recorded /run/systemd/journal/socket /tmp/journal
start --foreground 2>/tmp/text & daemon=$!
await runs; stop; wait $daemon
for f in syslog journal text; do sed "s/^/$f: /" /tmp/$f; done
`
	r := machine(newSystem(t).WithEnv("PYTHON="+need.Python(t, "socket")), script)
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
