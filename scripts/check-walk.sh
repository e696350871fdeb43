#!/usr/bin/env bash
# Runs a new user's first day with omg, as integration/walk/walk.txt records it, in a Debian that systemd-nspawn boots: it installs the
# last commit from its tarball and uses it with the real systemd, shells and pacman, without a network. Fails if anything is printed
# that the record does not have. Called by `make check-walk`, which sets UPDATE (record the walk again) and MIRROR. Needs root,
# systemd-nspawn, 2 GB of disk space in build/, for the first run debootstrap and a network, and Debian bookworm's libalpm 13.
set -euo pipefail

fail() {
	echo "check-walk: $1" >&2
	exit 1
}

suite=bookworm
base=$PWD/build/walk/$suite-base
mirror=${MIRROR:-http://deb.debian.org/debian}
packages=systemd-sysv,dbus,dbus-user-session,libpam-systemd,procps,make,pacman-package-manager,bash-completion,zsh,fish,man-db

((EUID == 0)) || fail 'booting a container needs root: run "sudo make check-walk"'
command -v systemd-nspawn >/dev/null || fail 'systemd-nspawn is missing: apt-get install systemd-container'
for program in unshare nsenter git diff; do
	command -v $program >/dev/null || fail "$program is missing"
done
[[ $(pkg-config --modversion libalpm 2>/dev/null) == 13.* ]] ||
	fail "omg-alpm-worker has to be built with libalpm 13, as in Debian $suite: apt-get install libalpm-dev there"
[[ -z $(git status --porcelain) ]] || echo 'check-walk: note: the tarball has only committed changes'

mkdir -p build/walk
if [[ ! -e $base ]]; then
	command -v debootstrap >/dev/null || fail 'debootstrap is missing: apt-get install debootstrap'
	new=$(mktemp -d "$base.XXXXXX")
	trap 'rm -rf --one-file-system "$new"' EXIT
	echo "check-walk: making a Debian $suite"
	debootstrap --variant=minbase --include=$packages $suite "$new" "$mirror" >"$base.log" 2>&1 || fail "debootstrap failed: see $base.log"
	chmod 755 "$new"
	mv "$new" "$base"
fi

dir=$(mktemp -d "$PWD/build/walk/machine.XXXXXX")
trap 'rm -rf --one-file-system "$dir"' EXIT
cp -a --reflink=auto "$base/." "$dir"
echo walk >"$dir/etc/hostname"
echo 'nameserver 192.0.2.1' >"$dir/etc/resolv.conf" # an address that cannot be reached
version=$(git -c safe.directory="$PWD" describe --tags --always)
make -s dist VERSION="$version"
tarball=dist/omg-${version#v}.tar.gz

# The machine has no compiler and no network: the tarball is unpacked and built outside.
useradd --root "$dir" --create-home --shell /bin/bash alice
tar -C "$dir/home/alice" -xf "$tarball"
mv "$dir/home/alice/omg-${version#v}" "$dir/home/alice/omg"
make -s -C "$dir/home/alice/omg"
chown -R "$(stat -c %u:%g "$dir/home/alice")" "$dir/home/alice/omg"

# The packages that are known and installed are generated.
rm -rf "$dir/var/lib/pacman"
go run -tags "$TAGS" ./integration/cmd/omg-fixture --packages 300 --installed 60 --seed 1 --config "$dir/etc/pacman.conf" "$dir/var/lib/pacman"
chown -R 0:0 "$dir/var/lib/pacman"

echo "check-walk: booting"
go run -tags "$TAGS" ./integration/cmd/omg-walk -root "$dir" -walk integration/walk/walk.txt -version "$version" ${UPDATE:+-update}
echo 'check-walk: passed'
