package service

import (
	"syscall"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/need"
)

// awaiting is a shell function that waits until a command succeeds. Its time limit guards against a command that never
// succeeds, and is shorter than the harness's limit.
const awaiting = `
await() {
	end=$(($(date +%s) + 150))
	until "$@"; do
		[ "$(date +%s)" -lt $end ] || { echo "this did not come about: $*" >&2; exit 1; }
		sleep 0.02
	done
}
`

// machine runs a script in its own namespaces: everything in them ends with the script. There, /tmp, /run and
// /var/lib are empty, and /etc is a copy of the machine's without the files of omg, pacman and systemd. The programs
// are in /mnt, and the databases are in /media. The users omg, alice, bob and carol exist. The function await of the
// script repeats a command until it succeeds.
func machine(s *harness.System, script string) harness.Result {
	s.T.Helper()
	need.Root(s.T)
	need.MountNamespace(s.T)
	unshare := need.Program(s.T, "unshare")
	need.Program(s.T, "setpriv")
	const begin = awaiting + `
set -e
mount --make-rprivate /
mount --bind "$PROGRAMS" /mnt
mount --bind "$DATABASES" /media
cp -a /etc "$HOME/etc"
for name in omg pacman.conf pacman.d systemd; do rm -rf "$HOME/etc/$name"; done
sed -i '/^\(omg\|alice\|bob\|carol\|staff2\):/d' "$HOME/etc/passwd" "$HOME/etc/group"
cat >>"$HOME/etc/passwd" <<END
omg:x:941:941::/:/usr/sbin/nologin
alice:x:41001:41001::/:/bin/sh
bob:x:41002:41002::/:/bin/sh
carol:x:41003:41003::/:/bin/sh
END
cat >>"$HOME/etc/group" <<END
omg:x:941:
alice:x:41001:
bob:x:41002:
carol:x:41003:
staff2:x:41100:bob,omg
END
mount --bind "$HOME/etc" /etc
for dir in /run /var/lib /usr/share/libalpm/hooks; do [ ! -d $dir ] || mount -t tmpfs -o mode=755 none $dir; done
mount -t tmpfs -o mode=1777 none /tmp
trap 'kill -KILL $(jobs -p) 2>/dev/null || true' EXIT
`
	next := s.WithEnv("PROGRAMS="+s.Bin, "DATABASES="+outside(s, ""), "OMG_CONFIG=", "OMG_SOCKET_PATH=")
	cmd := next.Command(unshare, "--mount", "--pid", "--fork", "--mount-proc", "--kill-child", "sh", "-c", begin+script)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return harness.Run(s.T, cmd)
}
