#!/usr/bin/env bash
# Builds and tests the libalpm worker against the libalpm of a newer Debian, in a chroot that debootstrap makes once in
# build/. Called by `make check-libalpm`, which sets TAGS, SUITE (trixie has libalpm 15, sid 16), MIRROR
# and CORPUS. Needs root, a network for the first run, and the modules in Go's cache. The sources, Go itself and its
# module cache are mounted read-only inside; the mounts end with this script.
set -euo pipefail

fail() {
	echo "check-libalpm: $1" >&2
	exit 1
}

root=$PWD
dir=$root/build/libalpm-$SUITE
mirror=${MIRROR:-http://deb.debian.org/debian}
packages=(gcc libc6-dev pkg-config libalpm-dev libarchive-dev libcurl4-openssl-dev libgpgme-dev libssl-dev pacman-package-manager procps)

((EUID == 0)) || fail 'making a chroot needs root: run "sudo make check-libalpm"'
command -v unshare >/dev/null || fail 'unshare is missing: install util-linux'

if [[ ! -e $dir ]]; then
	command -v debootstrap >/dev/null || fail 'debootstrap is missing: apt-get install debootstrap'
	mkdir -p build
	new=$(mktemp -d "$dir.XXXXXX")
	trap 'rm -rf --one-file-system "$new"' EXIT
	echo "check-libalpm: making a chroot of Debian $SUITE"
	debootstrap --variant=minbase "$SUITE" "$new" "$mirror" >"$dir.log" || fail "debootstrap failed: see $dir.log"
	DEBIAN_FRONTEND=noninteractive unshare --mount --pid --fork --kill-child --mount-proc="$new/proc" \
		chroot "$new" apt-get install -y -q --no-install-recommends "${packages[@]}" >>"$dir.log" 2>&1 ||
		fail "apt-get failed: see $dir.log"
	chmod 755 "$new"
	mv "$new" "$dir"
	trap - EXIT
fi

# The mounts. Go's build cache does not notice different headers, so the chroot has its own build cache.
mounts=("$root" /src "$(go env GOROOT)" /go "$(go env GOMODCACHE)" /modules)
corpus=
if [[ -d $CORPUS ]]; then
	corpus=/corpus
	mounts+=("$(realpath "$CORPUS")" $corpus)
fi

# The inner shell has its own mounts.
unshare --mount --pid --fork --kill-child --mount-proc="$dir/proc" bash -euo pipefail -c '
	dir=$1 tags=$2 corpus=$3
	shift 3
	while (($#)); do
		mkdir -p "$dir$2"
		mount --bind "$1" "$dir$2"
		mount -o remount,bind,ro "$dir$2"
		shift 2
	done
	exec chroot "$dir" env -i PATH=/go/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 TZ=UTC \
		CGO_ENABLED=1 CGO_CFLAGS="$CGO_CFLAGS" OMG_CORPUS="$corpus" GOMODCACHE=/modules GOCACHE=/var/cache/go \
		GOPROXY=off GOSUMDB=off GOTOOLCHAIN=local GOTELEMETRY=off TAGS="$tags" bash -euo pipefail -c "
			cd /src
			echo \"check-libalpm: libalpm \$(pkg-config --modversion libalpm)\"
			go vet -tags \$TAGS ./omgd/alpm-worker/...
			go test -race -count=1 -tags \$TAGS ./omgd/alpm-worker/... ./omgd/internal/alpm/... ./shared/child/...
		"
' check-libalpm "$dir" "$TAGS,libalpm" "$corpus" "${mounts[@]}"
echo 'check-libalpm: passed'
