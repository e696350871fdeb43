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
// limits.
func TestSystemUnits(t *testing.T) {
	t.Parallel()
	systemd := need.Systemd(t)
	need.UserNamespace(t) // for PrivateUsers=
	s := newSystem(t)
	prefix := installed(s)
	var units strings.Builder
	for _, name := range []string{"omgd.socket", "omgd.service", "omg-index.service"} {
		text := harness.ReadFile(t, filepath.Join(prefix, "lib/systemd/system", name))
		units.WriteString("cat >/run/units/" + name + " <<'END'\n" + strings.ReplaceAll(string(text), prefix+"/bin", "/mnt") + "END\n")
	}
	r := machine(s, `
mkdir -p /run/units /run/systemd/system
`+units.String()+`
mkdir /run/units/omgd.service.d; printf '[Service]\nTimeoutStartSec=infinity\nTimeoutStopSec=infinity\nWatchdogSec=1h\n' >/run/units/omgd.service.d/test.conf
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
	} {
		require.Contains(t, r.Stdout, want, r.Stderr)
	}
}
