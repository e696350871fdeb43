#!/usr/bin/env bash
# Runs the README's two commands, make demo and make test, in a fresh clone on a bare Debian with only git, make and
# certificates; the host's Go and certificates are mounted. The commands run as root, so that make test installs missing
# packages, and then as an ordinary user in a second clone. Afterwards the script checks that no files or processes are left.
# Called by `make check-fresh`, which sets SUITE (bookworm, trixie, sid) and MIRROR. Needs root, debootstrap, a network,
# and 10 GB of disk in build/.
set -euo pipefail

fail() {
	echo "check-fresh: $1" >&2
	exit 1
}

root=$PWD
base=$root/build/fresh/$SUITE-base
dir=$root/build/fresh/$SUITE
mirror=${MIRROR:-http://deb.debian.org/debian}

((EUID == 0)) || fail 'making a chroot needs root: run "sudo make check-fresh"'
for program in debootstrap unshare git; do
	command -v $program >/dev/null || fail "$program is missing"
done
[[ -z $(git status --porcelain) ]] || echo 'check-fresh: note: the clone has only committed changes'

mkdir -p build/fresh
if [[ ! -e $base ]]; then
	new=$(mktemp -d "$base.XXXXXX")
	trap 'rm -rf --one-file-system "$new"' EXIT
	echo "check-fresh: making a bare Debian $SUITE"
	debootstrap --variant=minbase --include=git,make,ca-certificates "$SUITE" "$new" "$mirror" >"$base.log" 2>&1 ||
		fail "debootstrap failed: see $base.log"
	chmod 755 "$new"
	mv "$new" "$base"
	trap - EXIT
fi
rm -rf --one-file-system "$dir"
cp -a "$base" "$dir"
cp /etc/resolv.conf "$dir/etc/resolv.conf"
mkdir -p "$dir/usr/local/go" "$dir/srv/omg.git"
cp -L "${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}" "$dir/srv/certificates.crt"

cat >"$dir/srv/check.sh" <<'EOF'
commit=$1
heading() { printf '\n## %s\n' "$*"; }

# listing prints all files except those in home directories and in directories that the system itself changes.
listing() {
	find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /root -o -path /home -o -path /usr -o -path /srv -o \
		-path /var/lib/dpkg -o -path /var/lib/apt -o -path /var/cache -o -path /var/log \) -prune -o -print | sort
}
useradd --create-home --shell /bin/bash dev
# apt accepts an out-of-date mirror, whose lists have expired.
echo 'Acquire::Check-Valid-Until "false";' >/etc/apt/apt.conf.d/99valid-until

. /etc/os-release
heading "$PRETTY_NAME, $(go version), as root"
cd
git -c safe.directory='*' clone -q /srv/omg.git omg
cd omg
git -c advice.detachedHead=false checkout -q "$commit"
time make demo
time make test
git status --short --ignored
[[ -z $(git status --porcelain) ]] || { echo 'check-fresh: the commands changed files of the clone' >&2; exit 1; }

[[ -z $(ls -A /tmp) ]] || { echo "check-fresh: left in /tmp: $(ls -A /tmp)" >&2; exit 1; }
listing >/srv/before
heading 'As an ordinary user, the tools being there'
# With root's build cache, go compiles only the project's own packages.
mkdir -p ~dev/.cache
cp -r ~/.cache/go-build ~dev/.cache/
chown -R dev: ~dev/.cache
su - dev -c "
	set -euo pipefail
	export PATH=/usr/local/go/bin:\$PATH SSL_CERT_FILE=$SSL_CERT_FILE
	git -c safe.directory='*' clone -q /srv/omg.git omg
	cd omg
	git -c advice.detachedHead=false checkout -q $commit
	time make demo
	time make test
	[[ -z \$(git status --porcelain) ]]
"
heading 'Leftovers'
listing >/srv/after
left=$(diff /srv/before /srv/after | grep '^[<>]' || true)
running=$(ps -eo pid=,user=,args= 2>/dev/null | grep -E 'omg|pacman|prometheus' | grep -v -e grep -e check-fresh || true)
ls -A ~ ~dev /tmp
[[ -z $left && -z $running ]] || { printf 'check-fresh: leftovers:\n%s\n%s\n' "$left" "$running" >&2; exit 1; }
echo 'nothing outside of the clones and the home directories'
EOF

# The inner shell has its own mounts and processes, which end with this script.
unshare --mount --pid --fork --kill-child bash -euo pipefail -c '
	dir=$1
	# On a real machine the root directory is a mount point. In a root that is not, unshare --mount fails.
	mount --bind "$dir" "$dir"
	mount --bind "$2" "$dir/srv/omg.git" && mount -o remount,bind,ro "$dir/srv/omg.git"
	mount --bind "$3" "$dir/usr/local/go" && mount -o remount,bind,ro "$dir/usr/local/go"
	mount -t proc proc "$dir/proc"
	mount -t sysfs -o ro sysfs "$dir/sys"
	mount -t tmpfs -o mode=755 tmpfs "$dir/dev"
	for device in null zero full random urandom tty; do
		touch "$dir/dev/$device" && mount --bind "/dev/$device" "$dir/dev/$device"
	done
	mkdir "$dir/dev/pts" "$dir/dev/shm"
	mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$dir/dev/pts"
	ln -s pts/ptmx "$dir/dev/ptmx"
	ln -s /proc/self/fd "$dir/dev/fd"
	mount -t tmpfs -o mode=1777 tmpfs "$dir/dev/shm"
	printf "127.0.0.1 localhost\n::1 localhost\n" >"$dir/etc/hosts" # as the installer writes it
	# In a chroot, the kernel forbids user namespaces, which a machine allows.
	cd "$dir"
	mkdir srv/host
	pivot_root . srv/host
	umount --lazy srv/host
	exec env -i PATH=/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
		HOME=/root TERM=dumb SSL_CERT_FILE=/srv/certificates.crt bash -euo pipefail /srv/check.sh "$4" </dev/null
' check-fresh "$dir" "$(realpath "$(git rev-parse --git-common-dir)")" "$(go env GOROOT)" "$(git rev-parse HEAD)"
rm -rf --one-file-system "$dir"
echo "check-fresh: passed on $SUITE"
