package service

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/need"
)

// TestSystemUnits runs the real units with all their restrictions in a real systemd: omgd serves all users, within its
// limits, and omg-fleet web serves its pages to the user who has logged in. It gets its token from a file, because systemd cannot pass
// credentials on in these namespaces.
func TestSystemUnits(t *testing.T) {
	t.Parallel()
	systemd := need.Systemd(t)
	need.UserNamespace(t) // for PrivateUsers=
	s := newSystem(t)
	prefix := installed(s)
	var units strings.Builder
	for _, name := range []string{"omgd.socket", "omgd.service", "omg-index.service", "omg-fleet-web.service"} {
		text := harness.ReadFile(t, filepath.Join(prefix, "lib/systemd/system", name))
		units.WriteString("cat >/run/units/" + name + " <<'END'\n" + strings.ReplaceAll(string(text), prefix+"/bin", "/mnt") + "END\n")
	}
	r := machine(s, `
mkdir -p /run/units /run/systemd/system
`+units.String()+`
mkdir /run/units/omgd.service.d; printf '[Service]\nTimeoutStartSec=infinity\nTimeoutStopSec=infinity\nWatchdogSec=1h\n' >/run/units/omgd.service.d/test.conf
mkdir /run/units/omg-fleet-web.service.d; printf '[Service]\nTimeoutStartSec=infinity\nStandardError=file:/run/web\nLoadCredential=\nExecStart=\nExecStart=/mnt/omg-fleet web --listen 127.0.0.1:0 --token-file /run/token\n' >/run/units/omg-fleet-web.service.d/test.conf
for t in sysinit basic shutdown sockets; do printf '[Unit]\nDefaultDependencies=no\n' >/run/units/$t.target; done
printf '[Unit]\nDefaultDependencies=no\nWants=test.service\n' >/run/units/test.target
printf '[Unit]\nDefaultDependencies=no\n[Service]\nType=oneshot\nExecStart=/bin/sh /run/test.sh\nStandardOutput=file:/run/out\nStandardError=file:/run/err\nExecStopPost=/bin/touch /run/over\n' >/run/units/test.service
cat >/run/test.sh <<'END'
`+awaiting+system+`
mkdir -p /etc/pacman.d /etc/omg; printf '[aur]\nenabled = false\n[tracker]\nenabled = false\n[news]\nenabled = false\n[limits]\nshutdown_timeout = "2m"\n' >/etc/omg/config.toml; printf '[options]\nDBPath = /media/db\n[core]\n[extra]\n[multilib]\n' >/etc/pacman.conf
install -d -o omg -g omg /run/omg
systemctl start omgd.socket; echo "listens: $?"; stat -c '%a %U' /run/omg/omg.sock
ready; echo "packages: $(as alice /mnt/omg status --format '{{.index.packages}}' 2>&1)"
told() { systemctl show -P StatusText omgd | grep -q '^200 packages'; }; await told
systemctl show -P StatusText omgd; stat -c '%n %a %U' /var/lib/omg/* /var/lib/omg/index/* /run/omg/*
pid=$(systemctl show -P MainPID omgd); grep -E '^(Uid|Seccomp|NoNewPrivs|CapBnd):' /proc/$pid/status
says "alice refreshes" as alice /mnt/omg refresh
says "root refreshes" /mnt/omg refresh
systemctl stop omgd.service; systemctl show -P Result omgd; ls /run/omg
rm -r /var/lib/omg/*; systemctl start omg-index.service; systemctl show -P Result omg-index; stat -c '%n %a %U' /var/lib/omg/* /var/lib/omg/index/core*
systemctl stop omgd.socket; ls /run/omg; echo done
echo 'omg-fleet:x:942:942::/:/usr/sbin/nologin' >>/etc/passwd; echo 'omg-fleet:x:942:' >>/etc/group
install -d /var/lib/omg-fleet; install -d -m 750 -g omg-fleet /var/lib/omg-fleet/inventories
printf '{"schema":1,"host":"web1","at":%s,"packages":[]}' "$(date +%s)" >/var/lib/omg-fleet/inventories/web1.json
(umask 077; echo the-token-of-this-test >/run/token; touch /etc/omg/fleet-web.token); chown omg-fleet /run/token
systemctl start omg-fleet-web.service; serves() { grep -q 'the pages are on' /run/web; }; await serves
port=$(sed -n 's,.*localhost:\([0-9]*\)/,\1,p' /run/web)
http() { user=$1; shift; printf '%s\r\n' "$@" "Host: localhost:$port" 'Connection: close' '' >/run/request; as "$user" bash -c "exec 3<>/dev/tcp/127.0.0.1/$port; cat >&3; cat <&3" </run/request; }
cookie=$(printf token=the-token-of-this-test | { body=$(cat); printf '%s\r\n' 'POST /login HTTP/1.1' "Host: localhost:$port" 'Connection: close' 'Content-Type: application/x-www-form-urlencoded' "Content-Length: ${#body}" '' >/run/request; printf %s "$body" >>/run/request; as alice bash -c "exec 3<>/dev/tcp/127.0.0.1/$port; cat >&3; cat <&3" </run/request; } | sed -n 's/^Set-Cookie: \([^;]*\).*/\1/p')
echo "alice: $(http alice 'GET / HTTP/1.1' "Cookie: $cookie" | grep -o 'asked 1, answered 1')"
echo "bob: $(http bob 'GET / HTTP/1.1' "Cookie: $cookie" | grep -o 'Location: /login')"
grep -E '^(Uid|CapBnd|NoNewPrivs|Seccomp):' "/proc/$(systemctl show -P MainPID omg-fleet-web)/status"
systemctl stop omg-fleet-web.service; systemctl show -P Result omg-fleet-web; grep -c the-token /run/web
END
umount -R /sys/fs/cgroup || true; mount -t cgroup2 none /sys/fs/cgroup
group=$(mktemp -d /sys/fs/cgroup/omg-test-XXXXXX)
sh -c 'echo $$ >'$group'/cgroup.procs; exec unshare --mount --cgroup --pid --fork --uts --ipc --mount-proc --kill-child sh -c "umount /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup; exec env -i container=test PATH=$PATH SYSTEMD_UNIT_PATH=/run/units SYSTEMD_LOG_TARGET=console SYSTEMD_LOG_LEVEL=warning `+systemd+` --system --unit=test.target"' >/run/log 2>&1 & manager=$!
over() { [ -e /run/over ] || ! kill -0 $manager 2>/dev/null; }
await over
cat /run/out; cat /run/err /run/log >&2
set +e
while [ -d "$group" ]; do
	kill -KILL $(cat $(find "$group" -name cgroup.procs)); find "$group" -depth -type d -exec rmdir {} +; sleep 0.02
done 2>/dev/null
`)
	require.Zero(t, r.Code, "%s\n%s", r.Stdout, r.Stderr)
	for _, want := range []string{
		"listens: 0\n666 omg\npackages: 200\n200 packages, generation ",
		"/var/lib/omg/cache.pebble 700 omg\n", "/var/lib/omg/index 755 omg\n", "/var/lib/omg/index/core.omgidx 644 omg\n", "/run/omg/omgd.pid 644 omg\n",
		"Uid:\t941\t", "CapBnd:\t0000000000000000\n", "NoNewPrivs:\t1\n", "Seccomp:\t2\n",
		"alice refreshes: 3: omg: error: only an administrator may do this (refresh)\n", "root refreshes: 0: refreshed",
		// When the service stops, systemd keeps the socket. Only a stop of the socket's own unit removes it.
		"\nsuccess\nomg.sock\nsuccess\n/var/lib/omg/index 755 omg\n/var/lib/omg/index/core.omgidx 644 omg\n/var/lib/omg/index/core.omgidx.origin 644 omg\ndone\n",
		"alice: asked 1, answered 1\nbob: Location: /login\nUid:\t942\t", "\nsuccess\n0\n",
	} {
		require.Contains(t, r.Stdout, want, r.Stderr)
	}
}
