package service

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/need"
)

// installed returns a prefix with the programs and the files of packaging/, as make install installs them.
func installed(s *harness.System) string {
	s.T.Helper()
	prefix := outside(s, "usr")
	require.NoError(s.T, os.Mkdir(prefix, 0o755))
	require.NoError(s.T, os.Symlink(s.Bin, filepath.Join(prefix, "bin")))
	cmd := exec.Command("make", "--no-print-directory", "-s", "install-units", "PREFIX="+prefix, "HOOKDIR="+prefix+"/share/libalpm/hooks")
	cmd.Dir = harness.ProjectRoot(s.T)
	for _, v := range os.Environ() { // if make has started the tests, its variables would affect this run of make
		if !strings.HasPrefix(v, "MAKE") && !strings.HasPrefix(v, "MFLAGS=") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	out, err := cmd.CombinedOutput()
	require.NoError(s.T, err, string(out))
	return prefix
}

// files returns all files below a directory, by their relative path.
func files(t *testing.T, dir string) (all []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			rel, _ := filepath.Rel(dir, path)
			all = append(all, rel)
		}
		return err
	}))
	return all
}

// TestUnits_Verified checks that systemd accepts the units without a warning, and that systemd-analyze security gives
// the units of the system-wide daemon good ratings.
func TestUnits_Verified(t *testing.T) {
	t.Parallel()
	analyze := need.Program(t, "systemd-analyze")
	s := newSystem(t)
	prefix := installed(s)
	require.ElementsMatch(t, []string{
		"lib/systemd/system/omg-fleet-agent.service", "lib/systemd/system/omg-fleet-node.service", "lib/systemd/system/omg-fleet-web.service",
		"lib/systemd/system/omg-index.service", "lib/systemd/system/omg-index.timer",
		"lib/systemd/system/omg-publish.service", "lib/systemd/system/omg-publish.timer",
		"lib/systemd/system/omgd.service", "lib/systemd/system/omgd.socket",
		"lib/systemd/user/omg-notify.service", "lib/systemd/user/omgd.service", "lib/systemd/user/omgd.socket",
		"lib/sysusers.d/omg.conf", "lib/tmpfiles.d/omg.conf", "share/libalpm/hooks/omg-index.hook",
	}, files(t, prefix))
	for _, path := range files(t, prefix) {
		require.NotContains(t, string(harness.ReadFile(t, filepath.Join(prefix, path))), "@BINDIR@", path)
		require.Equal(t, os.FileMode(0o644), mode(filepath.Join(prefix, path)))
		if filepath.Ext(path) == ".service" {
			require.Regexp(t, `(?m)^MemoryMax=.*\nTasksMax=`, string(harness.ReadFile(t, filepath.Join(prefix, path))), path)
		}
	}
	for _, kind := range []string{"system", "user"} {
		units, err := filepath.Glob(filepath.Join(prefix, "lib/systemd", kind, "*"))
		require.NoError(t, err)
		r := s.Run(analyze, append([]string{"--" + kind, "verify", "--man=no"}, units...)...)
		require.Zero(t, r.Code, r.Stderr)
		require.NotContains(t, r.Stderr, "omg", "not even a warning")
	}
	// The restrictions in the system's units still allow what omgd needs: the network, other users and /proc. For a
	// user's units, systemd could add further restrictions only in a user namespace. There, every other user appears
	// as nobody.
	for unit, most := range map[string]string{
		"system/omgd.service": "15", "system/omg-index.service": "7", "system/omg-publish.service": "15", "system/omg-fleet-agent.service": "15", "system/omg-fleet-node.service": "15", "system/omg-fleet-web.service": "15", "user/omgd.service": "63",
	} {
		r := s.Run(analyze, "security", "--offline=yes", "--no-pager", "--threshold="+most, filepath.Join(prefix, "lib/systemd", unit))
		require.Zero(t, r.Code, "%s is exposed by more than %s tenths\n%s%s", unit, most, r.Stdout, r.Stderr)
	}
	for _, option := range []string{"PrivateUsers", "DynamicUser"} {
		require.NotContains(t, string(harness.ReadFile(t, filepath.Join(prefix, "lib/systemd/user/omgd.service"))), option, "it would make peers nobody")
	}
}

// TestUnits_SystemUser checks that sysusers and tmpfiles create the user and its directories.
func TestUnits_SystemUser(t *testing.T) {
	t.Parallel()
	need.Root(t)
	sysusers, tmpfiles := need.Program(t, "systemd-sysusers"), need.Program(t, "systemd-tmpfiles")
	s := newSystem(t)
	prefix, root := installed(s), outside(s, "root")
	for _, dir := range []string{"etc", "run", "var/lib", "usr/lib"} {
		require.NoError(t, os.MkdirAll(filepath.Join(root, dir), 0o755))
	}
	for _, dir := range []string{"sysusers.d", "tmpfiles.d"} {
		require.NoError(t, os.CopyFS(filepath.Join(root, "usr/lib", dir), os.DirFS(filepath.Join(prefix, "lib", dir))))
	}
	for _, args := range [][]string{{sysusers}, {tmpfiles, "--create"}} {
		r := s.Run(args[0], append(args[1:], "--root="+root)...)
		require.Zero(t, r.Code, r.Stderr)
	}
	require.Regexp(t, `(?m)^omg:x?[^:]*:\d+:\d+:package daemon:/var/lib/omg:/usr/s?bin/nologin$`, string(harness.ReadFile(t, filepath.Join(root, "etc/passwd"))))
	require.Regexp(t, `(?m)^omg-fleet:x?[^:]*:\d+:\d+:pages about hosts:`, string(harness.ReadFile(t, filepath.Join(root, "etc/passwd"))))
	for _, dir := range []string{"run/omg", "var/lib/omg"} {
		fi, err := os.Stat(filepath.Join(root, dir))
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o755), fi.Mode().Perm())
		require.NotZero(t, fi.Sys().(*syscall.Stat_t).Uid)
	}
}

// TestUserUnits runs the real units in the real systemd of a user: systemd listens on the socket, the first request
// starts omgd, and systemd replaces an omgd that hangs.
func TestUserUnits(t *testing.T) {
	t.Parallel()
	systemd := need.Systemd(t)
	s := newSystem(t)
	prefix := installed(s)
	units := s.Path(".config/systemd/user")
	require.NoError(t, os.CopyFS(units, os.DirFS(filepath.Join(prefix, "lib/systemd/user"))))
	for _, target := range []string{"default", "basic", "sockets", "shutdown"} {
		harness.WriteFile(t, filepath.Join(units, target+".target"), "[Unit]\nDefaultDependencies=no\n")
	}
	harness.WriteFile(t, filepath.Join(units, "omgd.service.d/test.conf"), "[Service]\nTimeoutStartSec=infinity\nTimeoutStopSec=infinity\nWatchdogSec=1h\nExecStart=\nExecStart="+
		prefix+"/bin/omgd --foreground "+strings.Join(s.PathFlags(), " ")+"\n")
	const script = awaiting + `
mount --make-rprivate /
mount -t tmpfs -o mode=755 none /run; mkdir -p /run/systemd/system
umount -R /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup
group=$(mktemp -d /sys/fs/cgroup/omg-test-XXXXXX)
sh -c 'echo $$ >"$1/cgroup.procs"; exec "$2" --user' sh "$group" "$SYSTEMD" 2>/dev/null &
end() {
	while [ -d "$group" ]; do
		kill -KILL $(cat $(find "$group" -name cgroup.procs)); find "$group" -depth -type d -exec rmdir {} +; sleep 0.02
	done 2>/dev/null
}
trap end EXIT
answers() { systemctl --user show -P Version >/dev/null 2>&1; }
await answers # the socket exists before systemd listens
PATH=$BIN:$PATH; pid() { systemctl --user show -P MainPID omgd; }
is_new() { pid=$(pid); [ "$pid" != 0 ] && [ "$pid" != "$1" ] && systemctl --user -q is-active omgd; }
another() { await is_new "$1"; echo "$2: another"; }
restarts() { systemctl --user show -P NRestarts omgd | sed "s/^[1-9]/$1: &/"; }
says() { "$@" | grep -q "$what"; }
systemctl --user start omgd.socket; echo "listens: $?"
echo "before: $(pid)"
what='^[1-9][0-9]* 200$' await says omg status --format '{{.generation}} {{.index.packages}}'; echo "packages: $(omg status --format '{{.index.packages}}')"
first=$(pid); omg daemon status
what='200 packages, generation ' await says systemctl --user show -P StatusText omgd; echo "it says how it goes"
kill -KILL $first; another $first 'after a kill'; restarts 'restarted after a kill'
# Only for this one: a watchdog that is as quick as a test would end a daemon that a busy machine does not let run, too.
printf '[Service]\nWatchdogSec=2\n' >"$UNITS/omgd.service.d/watchdog.conf"; systemctl --user daemon-reload; systemctl --user restart omgd.service
await is_new 0; second=$pid; kill -STOP "$second"; another "$second" 'after a hang'; restarts 'restarted after a hang'
rm "$UNITS/omgd.service.d/watchdog.conf"; systemctl --user daemon-reload
await is_new 0; third=$pid; omg daemon restart; another "$third" 'restarted'
systemctl --user stop omgd.service; echo "state: $(systemctl --user show -P ActiveState,Result omgd)"
ls "$XDG_RUNTIME_DIR" | grep omg
omg status --format '{{.generation}}' >/dev/null; echo "asked again: $?"; another 0 'asked again'
omg daemon stop; echo "stopped: $?"; systemctl --user is-active omgd.socket omgd.service
ls "$XDG_RUNTIME_DIR" | grep omg
`
	next := s.WithEnv("BIN="+prefix+"/bin", "SYSTEMD="+systemd, "UNITS="+units, "SYSTEMD_UNIT_PATH="+units, "OMG_SOCKET_PATH=",
		"SYSTEMD_LOG_TARGET=console", "SYSTEMD_LOG_LEVEL=warning")
	r := next.RunTool("unshare", "--mount", "--cgroup", "--pid", "--fork", "--mount-proc", "--kill-child", "sh", "-c", script)
	for _, want := range []string{
		"listens: 0\nbefore: 0\n", "packages: 200\n", " is running (process ", "it says how it goes\n",
		"after a kill: another\n", "after a hang: another\n", "restarted: another\n",
		// A stop of the service leaves only the socket, which belongs to systemd. The next request starts the service
		// again.
		"state: success\ninactive\nomg.sock\n", "asked again: 0\nasked again: another\n",
		// omg daemon stop also stops the unit of the socket.
		"stopped: 0\ninactive\ninactive\n",
	} {
		require.Contains(t, r.Stdout, want, r.Stderr)
	}
	require.Regexp(t, `(?m)^restarted after a kill: [1-9]`, r.Stdout)
	require.Regexp(t, `(?m)^restarted after a hang: [1-9]`, r.Stdout)
	require.True(t, strings.HasSuffix(r.Stdout, "inactive\n"), "nothing is left: %s", r.Stdout)
}

// TestHook checks that the hook updates the index that all users share after a transaction of the real pacman, if this
// index exists. Without systemd, the hook runs omg-index as the user omg; with systemd, it starts the service. If the
// update fails, pacman does not report an error.
func TestHook(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"pacman", "bsdtar", "runuser"} {
		need.Program(t, name)
	}
	hook := harness.ReadFile(t, filepath.Join(harness.ProjectRoot(t), "packaging/hooks/omg-index.hook.in"))
	r := machine(newSystem(t), `
mkdir -p /tmp/hooks /tmp/bin /tmp/cache /tmp/db/local
cat >/tmp/hooks/omg-index.hook <<'END'
`+strings.ReplaceAll(string(hook), "@BINDIR@", "/mnt")+`END
printf '9\n' >/tmp/db/local/ALPM_DB_VERSION; cp -r /media/db/sync /tmp/db/sync; rm -f /tmp/db/sync/*.files
printf '[options]\nArchitecture = x86_64\nDBPath = /tmp/db\nLogFile = /tmp/log\nCacheDir = /tmp/cache\nHookDir = /tmp/hooks\nSigLevel = Never\nLocalFileSigLevel = Never\n[core]\n[extra]\n[multilib]\n' >/etc/pacman.conf
install -d -o omg -g omg /var/lib/omg
package() {
	printf 'pkgname = hooked\npkgbase = hooked\npkgver = %s\npkgdesc = x\nsize = 0\narch = any\n' $1 >.PKGINFO
	bsdtar -czf /tmp/hooked.pkg.tar.gz .PKGINFO
	pacman -U --noconfirm /tmp/hooked.pkg.tar.gz || echo "pacman: $?"
}
cd /tmp
package 1-0
ls -A /var/lib/omg; echo 'no index'
install -d -o omg -g omg /var/lib/omg/index
package 1-1
stat -c '%n %U' /var/lib/omg/index/*
/mnt/omg-index info /var/lib/omg/index | grep -c '^Source: *core'
mkdir -p /run/systemd/system; printf '#!/bin/sh\necho "told: $*"; exit 1\n' >/tmp/bin/systemctl; chmod +x /tmp/bin/systemctl; PATH=/tmp/bin:$PATH
package 1-2
`)
	require.Zero(t, r.Code, r.Stderr)
	require.Contains(t, r.Stdout, "\nno index\n", r.Stderr)
	require.NotRegexp(t, `index\nno index\n`, r.Stdout)
	require.Contains(t, r.Stdout, "/var/lib/omg/index/core.omgidx omg\n", r.Stderr)
	require.Contains(t, r.Stdout, "told: --no-block start omg-index.service\n", r.Stderr)
	require.NotContains(t, r.Stdout, "pacman:")
	require.NotContains(t, r.Stderr, "error", r.Stdout)
	require.NotContains(t, r.Stderr, "warning", r.Stdout)
}
