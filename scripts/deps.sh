#!/usr/bin/env bash
# Installs what a machine lacks for building the libalpm worker and for the tests. Asks the machine what it can do
# rather than which packages it has, so that a complete machine needs no package manager, no root and no network.
set -euo pipefail

have() { command -v "$1" >/dev/null; }
needs=() # what is missing, in words
debian=() arch=()

# need WHAT TEST DEBIAN-PACKAGES ARCH-PACKAGES
need() {
	if ! eval "$2"; then
		needs+=("$1")
		read -ra words <<<"$3" && debian+=("${words[@]}")
		read -ra words <<<"$4" && arch+=("${words[@]}")
	fi
}

compiles() { echo 'int main(void){return 0;}' | gcc -x c - -o /dev/null 2>/dev/null; }

need 'gcc'             compiles              'gcc libc6-dev'           'gcc'
need 'pkg-config'      'have pkg-config'     'pkg-config'              'pkgconf'
need 'libalpm headers' 'pkg-config --cflags libalpm >/dev/null 2>&1' \
	'libalpm-dev libarchive-dev libcurl4-openssl-dev libgpgme-dev' 'pacman'
need 'pacman'          'have pacman && have pacman-conf && have vercmp' 'pacman-package-manager' 'pacman'
need 'makepkg'         'have makepkg && have repo-add' 'makepkg'       'pacman'
need 'strace'          'have strace'         'strace'                  'strace'
need 'hyperfine'       'have hyperfine'      'hyperfine'               'hyperfine'
need 'python msgpack'  'python3 -c "import msgpack" 2>/dev/null' 'python3-msgpack' 'python-msgpack'
need 'zsh'             'have zsh'            'zsh'                     'zsh'
need 'fish'            'have fish'           'fish'                    'fish'
need 'tmux'            'have tmux'           'tmux'                    'tmux'
need 'mandoc'          'have mandoc'         'mandoc'                  'mandoc'
need 'promtool'        'have promtool'       'prometheus'              'prometheus'

if ((${#needs[@]} == 0)); then
	echo 'deps: nothing is missing'
	exit 0
fi
printf 'deps: missing:'
printf ' %s,' "${needs[@]}" | sed 's/,$/\n/'

fail() {
	echo "deps: $1" >&2
	exit 1
}

as_root=()
if ((EUID != 0)); then
	have sudo || fail 'installing needs root, and there is no sudo: run `make deps` as root'
	as_root=(sudo)
	[[ -t 0 ]] || as_root+=(-n) # nobody is there to type a password
fi
run() {
	echo "+ $*"
	"$@" </dev/null || fail "failed: $*"
}

unique() { printf '%s\n' "$@" | sort -u; }
if have apt-get && [[ -e /etc/debian_version ]]; then
	mapfile -t packages < <(unique "${debian[@]}")
	run "${as_root[@]}" apt-get update -qq
	run "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
		apt-get install -y -qq --no-install-recommends "${packages[@]}"
	# Debian starts what it installs. Only promtool is wanted, not a server.
	if [[ " ${packages[*]} " == *' prometheus '* && -d /run/systemd/system ]]; then
		run "${as_root[@]}" systemctl disable --now --quiet prometheus.service
	fi
elif [[ -e /etc/arch-release ]] && have pacman; then
	mapfile -t packages < <(unique "${arch[@]}")
	# No -y: new databases without an upgrade would leave the system half upgraded.
	run "${as_root[@]}" pacman -S --needed --noconfirm "${packages[@]}"
else
	fail "this is neither Debian, Ubuntu nor Arch: install the above by hand (Debian calls them: $(unique "${debian[@]}" | paste -sd ' '))"
fi
echo 'deps: done'
