#!/usr/bin/env bash
# Installs the packages that building the libalpm worker and the tests need. It looks for the programs and headers, not
# for installed packages: a machine that has all of them needs no package manager, no root and no network.
set -euo pipefail

have() { command -v "$1" >/dev/null; }
compiles() { echo 'int main(void){return 0;}' | gcc -x c - -o /dev/null 2>/dev/null; }
# The package installs the module for the system's python3, which is not always the first python3 in PATH.
msgpack() { python3 -c 'import msgpack' 2>/dev/null || /usr/bin/python3 -c 'import msgpack' 2>/dev/null; }
# Debian has Chromium also without windows, which starts faster and has fewer dependencies.
browser() {
	have chromium-headless-shell || have chromium
}
# pkg-config also requires libalpm's own dependencies.
alpm() { pkg-config --cflags libalpm >/dev/null 2>&1; }

fail() {
	echo "deps: $1" >&2
	exit 1
}

# need WHAT DEBIAN-PACKAGES ARCH-PACKAGES TEST...: unless the command TEST succeeds, WHAT is missing.
need() {
	local what=$1 on_debian=$2 on_arch=$3
	shift 3
	"$@" && return
	missing+=("$what")
	read -ra words <<<"$on_debian" && debian+=("${words[@]}")
	read -ra words <<<"$on_arch" && arch+=("${words[@]}")
}

find_missing() {
	missing=() debian=() arch=()
	need gcc 'gcc libc6-dev' gcc compiles
	need git git git have git
	need pkg-config pkg-config pkgconf have pkg-config
	need 'libalpm headers' 'libalpm-dev libarchive-dev libcurl4-openssl-dev libgpgme-dev libssl-dev' pacman alpm
	need pacman pacman-package-manager pacman have pacman
	need pacman-conf pacman-package-manager pacman have pacman-conf
	need vercmp pacman-package-manager pacman have vercmp
	need fakeroot fakeroot fakeroot have fakeroot
	need makepkg makepkg pacman have makepkg
	need repo-add makepkg pacman have repo-add
	need bsdtar libarchive-tools libarchive have bsdtar
	need gzip gzip gzip have gzip
	need bzip2 bzip2 bzip2 have bzip2
	need xz xz-utils xz have xz
	need zstd zstd zstd have zstd
	need lz4 lz4 lz4 have lz4
	need lzip lzip lzip have lzip
	need compress ncompress ncompress have compress
	need gpg gpg gnupg have gpg
	need gpg-agent gpg-agent gnupg have gpg-agent
	need gpgconf gpgconf gnupg have gpgconf
	need strace strace strace have strace
	need hyperfine hyperfine hyperfine have hyperfine
	need 'python msgpack' python3-msgpack python-msgpack msgpack
	need zsh zsh zsh have zsh
	need fish fish fish have fish
	need dash dash dash have dash
	need tmux tmux tmux have tmux
	need mandoc mandoc mandoc have mandoc
	need minisign minisign minisign have minisign
	need nginx nginx nginx have nginx
	need rsync rsync rsync have rsync
	need chromium chromium-headless-shell chromium browser
	# Only the command line tools of these packages are needed: neither systemd nor a service has to run.
	need systemd-analyze systemd systemd have systemd-analyze
	need systemd-socket-activate systemd systemd have systemd-socket-activate
	need systemctl systemd systemd have systemctl
	need systemd-sysusers systemd systemd have systemd-sysusers
	need systemd-tmpfiles systemd systemd have systemd-tmpfiles
	need setpriv util-linux util-linux have setpriv
	need setsid util-linux util-linux have setsid
	need unshare util-linux util-linux have unshare
	need nsenter util-linux util-linux have nsenter
	need prometheus prometheus prometheus have prometheus
	need promtool prometheus prometheus have promtool
}

list() { printf '%s\n' "$@" | paste -sd , | sed 's/,/, /g'; }

find_missing
if ((${#missing[@]} == 0)); then
	echo 'deps: nothing is missing'
	exit
fi
echo "deps: missing: $(list "${missing[@]}")"

as_root=()
if ((EUID != 0)); then
	have sudo || fail "these need root to be installed: $(list "${missing[@]}"): run \"make deps\" as root, or \"make check\" without them"
	as_root=(sudo)
	[[ -t 0 ]] || as_root+=(-n) # without a terminal no password can be typed
fi
run() {
	echo "+ $*"
	"${as_root[@]}" "$@" </dev/null || fail "failed: $*"
}

if [[ -e /etc/debian_version ]] && have apt-get; then
	mapfile -t packages < <(printf '%s\n' "${debian[@]}" | sort -u)
	run apt-get update -qq
	run env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq -o Dpkg::Use-Pty=0 --no-install-recommends "${packages[@]}"
	# Debian starts services that it installs. Only promtool is needed, not the server.
	if [[ " ${packages[*]} " == *' prometheus '* && -d /run/systemd/system ]]; then
		run systemctl disable --now --quiet prometheus.service
	fi
elif [[ -e /etc/arch-release ]] && have pacman; then
	mapfile -t packages < <(printf '%s\n' "${arch[@]}" | sort -u)
	# Without -y, because new databases without an upgrade lead to a partial upgrade.
	run pacman -S --needed --noconfirm "${packages[@]}"
else
	fail "this is neither Debian, Ubuntu nor Arch: install these by hand (Debian's names): $(list "${debian[@]}")"
fi

find_missing
if ((${#missing[@]})); then
	why=$(pkg-config --print-errors --exists libalpm 2>&1 | tail -n 1) || true
	fail "installed, and still missing: $(list "${missing[@]}")${why:+ ($why)}"
fi
echo 'deps: done'
