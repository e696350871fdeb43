package service

import (
	"os/exec"
	"syscall"

	"github.com/omg-arch/omg/integration/programs"
)

// machine runs a script where /tmp, /run and /var/lib are empty, /etc is a copy,
// the programs are in /mnt, the databases in /media, and there are the users omg,
// alice, bob and carol. It is a namespace: nothing of it outlives the script.
func (w *world) machine(script string) programs.Result {
	w.t.Helper()
	needRoot(w.t)
	dir := databases(w.t)
	const begin = `set -e
mount --make-rprivate /
mount --bind "$PROGRAMS" /mnt
mount --bind "$DATABASES" /media
cp -a /etc "$HOME/etc"
cat >>"$HOME/etc/passwd" <<END
omg:x:41010:41010::/:/usr/sbin/nologin
alice:x:41001:41001::/:/bin/sh
bob:x:41002:41002::/:/bin/sh
carol:x:41003:41003::/:/bin/sh
END
cat >>"$HOME/etc/group" <<END
omg:x:41010:
alice:x:41001:
bob:x:41002:
carol:x:41003:
staff2:x:41100:bob,omg
END
mount --bind "$HOME/etc" /etc
for dir in /run /var/lib; do mount -t tmpfs -o mode=755 none $dir; done
mount -t tmpfs -o mode=1777 none /tmp
trap 'kill -KILL $(jobs -p) 2>/dev/null || true' EXIT
`
	cmd := exec.Command("unshare", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child", "sh", "-c", begin+script)
	cmd.Dir = "/"
	cmd.Env = append(w.env(), "PROGRAMS="+programs.Dir(w.t), "DATABASES="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return once(w.t, cmd)
}
