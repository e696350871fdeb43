package service

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/need"
	"github.com/omg-arch/omg/shared/wire"
)

// system is a shell script that defines functions: some start and stop the system-wide daemon, others run commands as
// another user.
const system = `
as() { user=$1; shift; setpriv --reuid "$user" --regid "$user" --init-groups env -u XDG_RUNTIME_DIR HOME=/tmp "$@"; }
says() { name=$1; shift; code=0; out=$("$@" 2>&1) || code=$?; echo "$name: $code: $(echo "$out" | head -n 1)"; }
install -d -o omg -g omg /run/omg /var/lib/omg
start() { setpriv --reuid omg --regid omg --init-groups env -u XDG_RUNTIME_DIR HOME=/ /mnt/omgd --system --foreground --dbpath /media/db --pacman-config /media/pacman.conf 2>/tmp/log & daemon=$!; }
refreshed() { /mnt/omg status --format '{{.generation}} {{.index.packages}}' 2>/dev/null | grep -q '^[1-9][0-9]* 200$'; }
ready() { await refreshed; }
stop() { kill $daemon; code=0; wait $daemon || code=$?; echo "ended: $code"; }
unset XDG_RUNTIME_DIR
`

// TestSystem checks that one daemon serves several users from the system's directories, within the rights of each.
func TestSystem(t *testing.T) {
	t.Parallel()
	r := machine(newSystem(t), system+`
start; ready
stat -c '%n %a %U' /run/omg /run/omg/* /var/lib/omg /var/lib/omg/* /var/lib/omg/index/*
for user in alice bob carol root; do
	says "$user searches" as $user /mnt/omg search -q --limit 1 name:secretword
	says "$user counts" as $user /mnt/omg status --format '{{.counts.installed}} {{.index.packages}}'
	says "$user refreshes" as $user /mnt/omg refresh
	says "$user asks the sources" as $user /mnt/omg refresh --sources
	says "$user clears" as $user /mnt/omg cache clear
	says "$user logs" as $user /mnt/omg daemon log-level info
	says "$user measures" as $user /mnt/omg metrics
	says "$user lists files" as $user /mnt/omg files no-such-package
done
for user in alice bob; do
	home=/tmp/home-$user; version=$([ $user = alice ] && echo 20.5.0 || echo 18.1.0)
	as $user mkdir -p -m 700 $home/.local/share/omg/versions/node/$version/bin
	as $user sh -c "printf '#!/bin/sh\n' >$home/.local/share/omg/versions/node/$version/bin/node; chmod +x $home/.local/share/omg/versions/node/$version/bin/node"
	as $user ln -s $version $home/.local/share/omg/versions/node/current
	says "$user runs" as $user env -u XDG_DATA_HOME HOME=$home sh -c "cd $home; /mnt/omg which -q node"
done
as alice env -u XDG_DATA_HOME HOME=/tmp/home-alice /mnt/omg status --json | grep -o '"runtimes"' || true
as alice /mnt/omg status --json | grep -c secretword || true
as alice grep -rs secretword /run/omg /var/lib/omg && echo 'a query can be read' || true
echo "own: $(XDG_RUNTIME_DIR=/tmp/own; export XDG_RUNTIME_DIR; install -d -m 700 -o alice /tmp/own
	setpriv --reuid alice --regid alice --clear-groups env HOME=/tmp/own /mnt/omgd --dbpath /media/db --pacman-config /media/pacman.conf 2>&1
	setpriv --reuid alice --regid alice --clear-groups env HOME=/tmp/own /mnt/omg refresh 2>&1; kill $(cat /tmp/own/omgd.pid))"
stop
grep secretword /tmp/log && echo 'a query is logged' || true
echo "left: $(ls /run/omg)"
`)
	require.Zero(t, r.Code, "%s\n%s", r.Stdout, r.Stderr)
	for _, want := range []string{
		"/run/omg 755 omg\n", "/run/omg/omg.sock 666 omg\n", "/run/omg/omgd.pid 644 omg\n", "/run/omg/omg.status 644 omg\n", "/run/omg/omg.lock 600 omg\n",
		"/var/lib/omg 755 omg\n", "/var/lib/omg/index 755 omg\n", "/var/lib/omg/index/core.omgidx 644 omg\n", "/var/lib/omg/cache.pebble 700 omg\n",
		"alice searches: 1: omg: error: nothing found", "alice counts: 0: 20 200\n", "bob counts: 0: 20 200\n", "carol counts: 0: 20 200\n",
		"alice refreshes: 3: omg: error: only an administrator may do this (refresh)\n",
		"alice asks the sources: 0: omgd uses no source with a server: ", "root asks the sources: 0: ",
		"bob clears: 3: omg: error: only an administrator may do this (cache_clear)\n",
		"root refreshes: 0: ", "root clears: 0: ",
		"carol logs: 3: omg: error: only an administrator may do this (log_level)\n", "root logs: 0: info\n",
		"alice measures: 3: omg: error: only an administrator may do this (metrics)\n", "root measures: 0: # HELP",
		// omg finds the package database through the daemon, but reads the lists of files itself, with bob's rights.
		"bob lists files: 1: omg: error: package \"no-such-package\" is not installed\n",
		// omg shows each user the runtimes in that user's own home directory.
		"alice runs: 0: 20.5.0\n", "bob runs: 0: 18.1.0\n",
		"refreshed, generation ", "ended: 0\n", "left: \n",
	} {
		require.Contains(t, r.Stdout, want)
	}
	require.NotContains(t, r.Stdout, "a query")
	require.NotContains(t, r.Stdout, `"runtimes"`, "the daemon of all looks into no home")
}

// TestSystem_Doctor checks that omg doctor shows a user without a daemon the system-wide daemon, its indexes and its units, and that
// nothing is a problem.
func TestSystem_Doctor(t *testing.T) {
	t.Parallel()
	r := machine(newSystem(t), system+`
start; ready
await test -e /run/omg/omg.status
says "socket" as alice sh -c '/mnt/omg doctor | grep " socket "'
says "daemon" as alice sh -c '/mnt/omg doctor | grep " daemon "'
says "index" as alice sh -c '/mnt/omg doctor | grep " index "'
says "units" as alice sh -c '/mnt/omg doctor | grep " units "'
says "status file" as alice sh -c '/mnt/omg doctor | grep " status file "'
mkdir -p /etc/systemd/system/sockets.target.wants; touch /etc/systemd/system/sockets.target.wants/omgd.socket
says "enabled" as alice sh -c '/mnt/omg doctor | grep " units "'
says "status" as alice /mnt/omg daemon status
says "setup" as alice sh -c '/mnt/omg setup --yes --dry-run | grep system-wide'
says "problems" as alice sh -c '/mnt/omg doctor | grep ^warn'
stop
says "stopped" as alice /mnt/omg daemon status
says "no daemon" as alice sh -c '/mnt/omg doctor | grep "^off.* daemon "'
`)
	require.Zero(t, r.Code, "%s\n%s", r.Stdout, r.Stderr)
	for _, want := range []string{
		`(?m)^socket: 0: ok +socket +/run/omg/omg\.sock$`, `(?m)^daemon: 0: ok +daemon +the system-wide omgd `,
		`(?m)^index: 0: ok +index +/var/lib/omg/index/core\.omgidx, \d+ packages$`, `(?m)^units: 0: off +units `,
		`(?m)^status file: 0: ok +status file +/run/omg/omg\.status$`, `(?m)^enabled: 0: ok +units +omgd\.socket is enabled in /etc/systemd/system$`,
		`(?m)^status: 0: the system-wide omgd \S+ is running \(process \d+, /run/omg/omg\.sock\); your own is not$`,
		`(?m)^setup: 0: The system-wide omgd answers you\.`, `(?m)^stopped: 1: omgd is not running `,
		`(?m)^problems: 1: $`, `(?m)^no daemon: 0: off +daemon +omgd is not running `,
	} {
		require.Regexp(t, want, r.Stdout)
	}
}

// TestSystem_Access checks that the configuration decides who may send requests and who may administer.
func TestSystem_Access(t *testing.T) {
	t.Parallel()
	r := machine(newSystem(t), system+`
config() { mkdir -p /etc/omg; cat >/etc/omg/config.toml; }
config <<END
[access]
users = ["alice"]
groups = ["staff2"]
administrators = ["alice"]
END
start; ready
for user in alice bob carol root; do
	says "$user counts" as $user /mnt/omg status --format '{{.index.packages}}'
	says "$user refreshes" as $user /mnt/omg refresh
done
config <<END
[access]
users = ["carol"]
END
kill -HUP $daemon; await grep -q 'configuration reloaded' /tmp/log
says "carol after the reload" as carol /mnt/omg cache clear
says "bob after the reload" as bob /mnt/omg cache clear
stop

config <<END
[access]
socket_group = "staff2"
END
start; ready
stat -c '%n %a %U %G' /run/omg/omg.sock
says "bob connects" as bob /mnt/omg status --format '{{.index.packages}}'
says "carol cannot" as carol /mnt/omg refresh
stop

config <<END
[access]
users = ["no-such-user"]
END
says "unknown user" as omg /mnt/omgd --system --foreground
echo "left: $(ls /run/omg)"
`)
	require.Zero(t, r.Code, "%s\n%s", r.Stdout, r.Stderr)
	for _, want := range []string{
		"alice counts: 0: 200\n", "alice refreshes: 0: refreshed", "bob counts: 0: 200\n", "bob refreshes: 3: omg: error: only an administrator",
		": omg: note: answering without omgd: user 41003 is not allowed to use this daemon\n", "carol refreshes: 3: omg: error: user 41003 is not allowed to use this daemon\n",
		"root counts: 0: 200\n", "root refreshes: 0: ",
		"carol after the reload: 3: omg: error: only an administrator", "bob after the reload: 3: omg: error: user 41002 is not allowed to use this daemon\n",
		"/run/omg/omg.sock 660 omg staff2\n", "bob connects: 0: 200\n", "carol cannot: 0: nothing to refresh without omgd\n",
		`unknown user: 3: omgd: error: access.users: no user "no-such-user" in /etc/passwd`, "left: \n",
	} {
		require.Contains(t, r.Stdout, want)
	}
}

// TestSystem_Rate checks that each user may send a limited number of requests per second, and that a user who exceeds
// the limit affects no other user. Of each user, only the first request is always answered: a request costs more on a busy
// machine, on which it takes longer.
func TestSystem_Rate(t *testing.T) {
	t.Parallel()
	need.Root(t)
	s := harness.New(t) // in a directory that all may enter
	configure(s, "[limits]", "user_rate = 1")
	d := s.StartDaemon("--system")
	connect := func(uid int) (isRefused func() bool) {
		var nc net.Conn
		asUser(t, uid, func() (err error) {
			nc, err = net.Dial("unix", d.Socket)
			return err
		})
		t.Cleanup(func() { nc.Close() })
		id := uint64(0)
		return func() bool {
			id++
			b, err := wire.AppendRequest(nil, id, wire.OpPing, nil)
			require.NoError(t, err)
			_, err = nc.Write(b)
			require.NoError(t, err)
			r := readResponse(t, nc)
			if r.Err != nil {
				require.Equal(t, wire.CodeBusy, r.Err.Code)
				require.Contains(t, r.Err.Message, fmt.Sprint("too many requests of user ", uid))
			}
			return r.Err != nil
		}
	}
	isBobRefused := connect(bob)
	harness.Await(t, connect(alice), "a refused request")
	require.False(t, isBobRefused(), "bob has a quota of his own")
}

// TestSystem_OtherUser checks that users trust a system-wide daemon that runs as another system user.
func TestSystem_OtherUser(t *testing.T) {
	t.Parallel()
	r := machine(newSystem(t), `sed -i 's/^omg:x:941:941:/pkgd:x:942:941:/' /etc/passwd`+strings.ReplaceAll(system, "-o omg", "-o pkgd")+`
setpriv --reuid pkgd --regid omg --init-groups env -u XDG_RUNTIME_DIR HOME=/ /mnt/omgd --system --foreground --dbpath /media/db --pacman-config /media/pacman.conf 2>/tmp/log & daemon=$!
ready
says "alice" as alice /mnt/omg status --format '{{.index.packages}}'
stop
`)
	require.Zero(t, r.Code, "%s\n%s", r.Stdout, r.Stderr)
	require.Contains(t, r.Stdout, "alice: 0: 200\n")
}

// TestSystem_LoginUserIsNotTrusted checks that omg sends no request to a system-wide daemon that runs as a login user.
func TestSystem_LoginUserIsNotTrusted(t *testing.T) {
	t.Parallel()
	r := machine(newSystem(t), `sed -i 's/^omg:x:941:941:/omg:x:41010:41010:/' /etc/passwd`+system+`
start
await grep -q 'msg=listening' /tmp/log
says "alice" as alice /mnt/omg health
stop
`)
	require.Zero(t, r.Code, "%s\n%s", r.Stdout, r.Stderr)
	require.Contains(t, r.Stdout, "alice: 3: omg: error: ")
	require.Contains(t, r.Stdout, "(user 41010)")
}
