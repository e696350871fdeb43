package service

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/programs"
)

// need skips a test where a program of the system is missing.
func need(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("there is no %s", name)
		}
	}
}

// installed is a prefix with the programs and what packaging/ has, put there as
// make install does.
func (w *world) installed() string {
	w.t.Helper()
	prefix := filepath.Join(w.dir, "usr")
	require.NoError(w.t, os.Mkdir(prefix, 0o755))
	require.NoError(w.t, os.Symlink(programs.Dir(w.t), filepath.Join(prefix, "bin")))
	cmd := exec.Command("make", "--no-print-directory", "-s", "install-units", "PREFIX="+prefix)
	cmd.Dir = programs.Root(w.t)
	for _, v := range os.Environ() { // make may be what runs the tests
		if !strings.HasPrefix(v, "MAKE") && !strings.HasPrefix(v, "MFLAGS=") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	out, err := cmd.CombinedOutput()
	require.NoError(w.t, err, string(out))
	return prefix
}

// files are all files below a directory, by their path from there.
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

// TestUnitsAreRight: systemd finds nothing wrong with the units, and calls those
// of the system well protected.
func TestUnitsAreRight(t *testing.T) {
	need(t, "systemd-analyze")
	w := newWorld(t)
	prefix := w.installed()
	require.ElementsMatch(t, []string{
		"lib/systemd/system/omg-index.service", "lib/systemd/system/omg-index.timer",
		"lib/systemd/system/omgd.service", "lib/systemd/system/omgd.socket",
		"lib/systemd/user/omgd.service", "lib/systemd/user/omgd.socket",
		"lib/sysusers.d/omg.conf", "lib/tmpfiles.d/omg.conf", "share/libalpm/hooks/omg-index.hook",
	}, files(t, prefix))
	for _, path := range files(t, prefix) {
		b, err := os.ReadFile(filepath.Join(prefix, path))
		require.NoError(t, err)
		require.NotContains(t, string(b), "@BINDIR@", path)
		require.Equal(t, os.FileMode(0o644), mode(filepath.Join(prefix, path)))
	}
	for _, kind := range []string{"system", "user"} {
		units, err := filepath.Glob(filepath.Join(prefix, "lib/systemd", kind, "*"))
		require.NoError(t, err)
		cmd := exec.Command("systemd-analyze", append([]string{"--" + kind, "verify", "--man=no"}, units...)...)
		cmd.Env = w.env()
		r := once(t, cmd)
		require.Zero(t, r.Code, r.Stderr)
		require.NotContains(t, r.Stderr, "omg", "not even a warning")
	}
	for _, unit := range []string{"omgd.service", "omg-index.service"} {
		cmd := exec.Command("systemd-analyze", "security", "--offline=yes", "--no-pager", "--threshold=20", filepath.Join(prefix, "lib/systemd/system", unit))
		cmd.Env = w.env()
		r := once(t, cmd)
		require.Zero(t, r.Code, "exposed by more than 2.0 of 10\n%s%s", r.Stdout, r.Stderr)
	}
}

// TestSystemUser: sysusers and tmpfiles make the user and its directories.
func TestSystemUser(t *testing.T) {
	needRoot(t)
	need(t, "systemd-sysusers", "systemd-tmpfiles")
	w := newWorld(t)
	prefix := w.installed()
	root := filepath.Join(w.dir, "root")
	for _, dir := range []string{"etc", "run", "var/lib", "usr/lib"} {
		require.NoError(t, os.MkdirAll(filepath.Join(root, dir), 0o755))
	}
	for _, dir := range []string{"sysusers.d", "tmpfiles.d"} {
		require.NoError(t, os.CopyFS(filepath.Join(root, "usr/lib", dir), os.DirFS(filepath.Join(prefix, "lib", dir))))
	}
	for _, args := range [][]string{{"systemd-sysusers"}, {"systemd-tmpfiles", "--create"}} {
		r := once(t, exec.Command(args[0], append(args[1:], "--root="+root)...))
		require.Zero(t, r.Code, r.Stderr)
	}
	passwd, err := os.ReadFile(filepath.Join(root, "etc/passwd"))
	require.NoError(t, err)
	require.Regexp(t, `(?m)^omg:x?[^:]*:\d+:\d+:package daemon:/var/lib/omg:/usr/s?bin/nologin$`, string(passwd))
	for _, dir := range []string{"run/omg", "var/lib/omg"} {
		fi, err := os.Stat(filepath.Join(root, dir))
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o755), fi.Mode().Perm())
		require.NotZero(t, fi.Sys().(*syscall.Stat_t).Uid)
	}
}

// TestUserUnits: a real systemd, the user's, with the real units: it listens, a
// question starts omgd, it ends one that hangs and starts another.
func TestUserUnits(t *testing.T) {
	t.Parallel()
	needRoot(t)
	need(t, "systemctl", "unshare")
	const systemd = "/usr/lib/systemd/systemd"
	if _, err := os.Stat(systemd); err != nil {
		t.Skip("there is no systemd")
	}
	w := newWorld(t)
	prefix := w.installed()
	config := filepath.Join(w.runtime, ".config/systemd/user")
	require.NoError(t, os.CopyFS(config, os.DirFS(filepath.Join(prefix, "lib/systemd/user"))))
	dropIn := filepath.Join(config, "omgd.service.d")
	require.NoError(t, os.Mkdir(dropIn, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dropIn, "test.conf"), []byte("[Service]\nWatchdogSec=3\nExecStart=\nExecStart="+
		prefix+"/bin/omgd --foreground "+strings.Join(w.files(), " ")+"\n"), 0o644))
	const script = `
mount --make-rprivate /
mount -t tmpfs -o mode=755 none /run; mkdir -p /run/systemd/system
umount -R /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup || { echo skip; exit; }
group=/sys/fs/cgroup/omg-test-$$; mkdir $group || { echo skip; exit; }
echo $$ >$group/cgroup.procs
SYSTEMD_LOG_TARGET=console SYSTEMD_LOG_LEVEL=warning "$SYSTEMD" --user 2>/dev/null & manager=$!
end() {
	kill -KILL $manager; pkill() { for p in $(cat $(find $group -name cgroup.procs)); do [ $p = $$ ] || kill -KILL $p; done; }; pkill
	echo $$ >/sys/fs/cgroup/cgroup.procs; sleep 0.2; find $group -depth -type d -exec rmdir {} +
}
for i in $(seq 100); do [ -S "$XDG_RUNTIME_DIR/systemd/private" ] && break; sleep 0.05; done
[ -S "$XDG_RUNTIME_DIR/systemd/private" ] || { end; echo skip; exit; }
PATH=$BIN:$PATH; pid() { systemctl --user show -P MainPID omgd; }
new() { for i in $(seq 100); do n=$(pid); [ "$n" != 0 ] && [ "$n" != "$1" ] && systemctl --user -q is-active omgd && break; sleep 0.1; done; echo $n; }
systemctl --user start omgd.socket; echo "listens: $?"
echo "before: $(pid)"
for i in $(seq 100); do g=$(omg status --format '{{.generation}}') && [ "$g" -gt 0 ] && break; sleep 0.1; done; echo "generation: $g"
first=$(pid); omg daemon status
sleep 0.3; systemctl --user show -P StatusText omgd
kill -KILL $first; second=$(new $first); echo "after a kill: $([ $second != $first ] && echo another)"
kill -STOP $second; third=$(new $second); echo "after a hang: $([ $third != $second ] && echo another)"
echo "restarts: $(systemctl --user show -P NRestarts omgd)"
omg daemon restart; fourth=$(pid); echo "restarted: $([ $fourth != $third ] && echo another)"
systemctl --user stop omgd.service; echo "state: $(systemctl --user show -P ActiveState,Result omgd)"
ls "$XDG_RUNTIME_DIR" | grep omg
omg status --format '{{.generation}}' >/dev/null; echo "asked again: $?, $([ $(pid) != 0 ] && echo another)"
omg daemon stop; echo "stopped: $?"; systemctl --user is-active omgd.socket omgd.service
ls "$XDG_RUNTIME_DIR" | grep omg; end
`
	cmd := exec.Command("unshare", "--mount", "--cgroup", "--pid", "--fork", "--mount-proc", "--kill-child", "sh", "-c", script)
	cmd.Env = append(w.env(), "BIN="+prefix+"/bin", "SYSTEMD="+systemd)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	r := once(t, cmd)
	if strings.Contains(r.Stdout, "skip\n") {
		t.Skipf("no systemd can run here: %s", r.Stderr)
	}
	for _, want := range []string{
		"listens: 0\nbefore: 0\n", "generation: 1\n", " runs (process ", "200 packages, generation 1",
		"after a kill: another\n", "after a hang: another\n", "restarted: another\n",
		// Stopped, the service leaves nothing but systemd's socket, and the next call starts it again.
		"state: success\ninactive\nomg.sock\n", "asked again: 0, another\n",
		// The daemon command stops the socket too.
		"stopped: 0\ninactive\ninactive\n",
	} {
		require.Contains(t, r.Stdout, want, r.Stderr)
	}
	require.Regexp(t, `(?m)^restarts: [2-9]$`, r.Stdout)
	require.True(t, strings.HasSuffix(r.Stdout, "inactive\n"), "nothing is left: %s", r.Stdout)
}

// TestHook: after a transaction of the real pacman the index that all users share
// is built, by the user omg, or systemd is told to.
func TestHook(t *testing.T) {
	t.Parallel()
	need(t, "pacman", "bsdtar", "runuser")
	b, err := os.ReadFile(filepath.Join(programs.Root(t), "packaging/hooks/omg-index.hook.in"))
	require.NoError(t, err)
	r := newWorld(t).machine(`
mkdir -p /tmp/hooks /tmp/bin /tmp/cache /tmp/db/local
cat >/tmp/hooks/omg-index.hook <<'END'
` + strings.ReplaceAll(string(b), "@BINDIR@", "/mnt") + `END
printf '9\n' >/tmp/db/local/ALPM_DB_VERSION; cp -r /media/db/sync /tmp/db/sync; rm -f /tmp/db/sync/*.files
printf '[options]\nArchitecture = x86_64\nDBPath = /tmp/db\nLogFile = /tmp/log\nCacheDir = /tmp/cache\nHookDir = /tmp/hooks\nSigLevel = Never\nLocalFileSigLevel = Never\n[core]\n[extra]\n[multilib]\n' >/etc/pacman.conf
install -d -o omg -g omg /var/lib/omg
package() {
	printf 'pkgname = hooked\npkgbase = hooked\npkgver = %s\npkgdesc = x\nsize = 0\narch = any\n' $1 >.PKGINFO
	bsdtar -czf /tmp/hooked.pkg.tar.gz .PKGINFO
	pacman -U --noconfirm /tmp/hooked.pkg.tar.gz || echo "pacman: $?"
}
cd /tmp
package 1-1
stat -c '%n %U' /var/lib/omg/*
/mnt/omg-index info /var/lib/omg/repos.omgidx | grep -c core
rm /var/lib/omg/*
mkdir -p /run/systemd/system; printf '#!/bin/sh\necho "told: $*"\n' >/tmp/bin/systemctl; chmod +x /tmp/bin/systemctl; PATH=/tmp/bin:$PATH
package 1-2
ls /var/lib/omg
`)
	require.Zero(t, r.Code, r.Stderr)
	require.Contains(t, r.Stdout, "/var/lib/omg/repos.omgidx omg\n", r.Stderr)
	require.Contains(t, r.Stdout, "told: --no-block start omg-index.service\n", r.Stderr)
	require.NotContains(t, r.Stdout, "pacman:")
	require.NotContains(t, r.Stderr, "error", r.Stdout)
	require.NotContains(t, r.Stderr, "warning", r.Stdout)
}
