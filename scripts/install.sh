#!/usr/bin/env bash
# Installs omg below $DESTDIR$PREFIX, or removes it. Called by make, which sets DESTDIR, PREFIX and HOOKDIR.
#
#   scripts/install.sh install       all files, and the manifest
#   scripts/install.sh uninstall     removes what the manifest lists
#   scripts/install.sh omg|worker|units     some files without a manifest, for packagers
#
# The manifest $PREFIX/lib/omg/manifest lists the installed files ("f PATH"), the directories that were created for them
# ("d PATH") and the digest of the configuration file ("c SHA256 PATH"). With it, the next installation removes files that no
# longer exist, a changed configuration file is kept, and uninstall leaves other directories.
set -euo pipefail
export LC_ALL=C

programs=(omg omgd omg-index omg-probe omg-fleet)
manifest=$PREFIX/lib/omg/manifest
config=/etc/omg/config.toml
lines=() # of the new manifest
old=()   # of the previous manifest

fail() {
	echo "install: $1" >&2
	exit 1
}

# make_directory creates a directory and the directories above it.
make_directory() {
	[[ -n $1 && ! -d $DESTDIR$1 ]] || return 0
	make_directory "${1%/*}"
	install -d -m 755 "$DESTDIR$1" # also creates $DESTDIR
	lines+=("d $1")
}

# put MODE FROM TO installs one file. In a file *.in, @BINDIR@ stands for the directory of the programs, @SHAREDIR@ for share/omg, and
# @COMMAND@ for the command line that prints the packages of a missing command.
put() {
	local mode=$1 from=$2 to=$3
	make_directory "${to%/*}"
	if [[ $from == *.in ]]; then
		sed "s,@BINDIR@,$PREFIX/bin,g; s,@SHAREDIR@,$PREFIX/share/omg,g; s,@COMMAND@,'$PREFIX/bin/omg-probe' command -,g" "$from" | install -m "$mode" /dev/stdin "$DESTDIR$to"
	else
		install -m "$mode" "$from" "$DESTDIR$to"
	fi
	lines+=("f $to")
}

# put_all DIRECTORY FILE... installs files under their own names, without .in.
put_all() {
	local to=$1 from name
	shift
	for from in "$@"; do
		name=${from##*/}
		put 644 "$from" "$to/${name%.in}"
	done
}

digest() { sha256sum <"$1" | cut -d ' ' -f 1; }

# put_config installs the configuration file, unless an administrator has changed the existing one.
put_config() {
	local line before=
	for line in "${old[@]}"; do
		[[ $line != c\ * ]] || before=$line
	done
	if [[ -e $DESTDIR$config && $before != "c $(digest "$DESTDIR$config") $config" ]]; then
		echo "install: $DESTDIR$config is not replaced: packaging/config.toml has the current settings"
		[[ -z $before ]] || lines+=("$before")
		return
	fi
	make_directory "${config%/*}"
	install -m 644 packaging/config.toml "$DESTDIR$config"
	lines+=("c $(digest packaging/config.toml) $config")
}

put_units() {
	put_all "$PREFIX/lib/systemd/system" packaging/systemd/system/*
	put_all "$PREFIX/lib/systemd/user" packaging/systemd/user/*
	put_all "$PREFIX/lib/sysusers.d" packaging/sysusers.d/*
	put_all "$PREFIX/lib/tmpfiles.d" packaging/tmpfiles.d/*
	put_all "$HOOKDIR" packaging/hooks/*
}

put_omg() {
	local name file share=$PREFIX/share
	for name in "${programs[@]}"; do
		put 755 "bin/$name" "$PREFIX/bin/$name"
		put 644 "packaging/completions/$name.bash" "$share/bash-completion/completions/$name"
		put 644 "packaging/completions/_$name" "$share/zsh/site-functions/_$name"
		put 644 "packaging/completions/$name.fish" "$share/fish/vendor_completions.d/$name.fish"
	done
	put 755 bin/omg-direct "$PREFIX/lib/omg/omg-direct"
	put 755 bin/omg-browse "$PREFIX/lib/omg/omg-browse"
	put 755 bin/omg-fleet-dev "$PREFIX/lib/omg/omg-fleet-dev"
	put_all "$share/omg" packaging/aur-incidents.toml packaging/helpers/*
	put_all "$share/omg/bars" packaging/bars/*
	for file in packaging/man/*; do
		[[ $file == */omg-alpm-worker.8 ]] || put_all "$share/man/man${file##*.}" "$file"
	done
	put_all "$share/licenses/omg" LICENSE
	put_all "$share/doc/omg" README.md CHANGELOG.md SECURITY.md docs/*.md shared/wire/PROTOCOL.md
	put_all "$share/doc/omg" omg-probe/internal/shell/command-not-found.*.in
	put_all "$share/doc/omg/decisions" docs/decisions/*
	put_all "$share/doc/omg/pictures" docs/pictures/*
	put_all "$share/doc/omg/prometheus" packaging/prometheus/*
	put_all "$share/doc/omg/nats" packaging/nats/*
	for name in "${programs[@]}" omg-direct omg-browse omg-fleet-dev; do
		[[ ! -e bin/$name.cdx.json ]] || put_all "$share/doc/omg/sbom" "bin/$name.cdx.json"
	done
	put_units
	put_config
}

put_worker() {
	put 755 bin/omg-alpm-worker "$PREFIX/lib/omg/omg-alpm-worker"
	put_all "$PREFIX/share/man/man8" packaging/man/omg-alpm-worker.8
	[[ ! -e bin/omg-alpm-worker.cdx.json ]] || put_all "$PREFIX/share/doc/omg/sbom" bin/omg-alpm-worker.cdx.json
}

# remove_config LINE removes the configuration file if it is as installed.
remove_config() {
	[[ -e $DESTDIR$config ]] || return 0
	if [[ $1 == "c $(digest "$DESTDIR$config") $config" ]]; then
		rm -f -- "$DESTDIR$config"
	else
		echo "install: $DESTDIR$config has been changed, and is left"
	fi
}

# remove LINE... removes the files of a manifest, and then its directories if they are empty.
remove() {
	local i
	for ((i = $#; i > 0; i--)); do
		case ${!i} in
		f\ /*) rm -f -- "$DESTDIR${!i#f }" ;;
		c\ *\ "$config") remove_config "${!i}" ;;
		d\ /*) ;;
		*) fail "$DESTDIR$manifest has a line that is neither a file nor a directory: ${!i}" ;;
		esac
	done
	for ((i = $#; i > 0; i--)); do
		[[ ${!i} != d\ * ]] || rmdir -- "$DESTDIR${!i#d }" 2>/dev/null || true
	done
}

install_all() {
	local line gone=() earlier=()
	declare -A now=()
	[[ ! -e $DESTDIR$manifest ]] || mapfile -t old <"$DESTDIR$manifest"
	put_omg
	put_worker
	make_directory "${manifest%/*}"
	for line in "${lines[@]}"; do now[$line]=1; done
	for line in "${old[@]}"; do
		if [[ -z ${now[$line]-} && $line == d\ * && -d $DESTDIR${line#d } ]]; then
			earlier+=("$line") # a directory that an earlier installation has created
		elif [[ -z ${now[$line]-} && $line == f\ * ]]; then
			gone+=("$line")
		fi
	done
	printf '%s\n' "${earlier[@]}" "${lines[@]}" | sed '/^$/d' >"$DESTDIR$manifest.new"
	mv "$DESTDIR$manifest.new" "$DESTDIR$manifest"
	remove "${gone[@]}"
}

uninstall_all() {
	[[ -e $DESTDIR$manifest ]] ||
		fail "there is no $DESTDIR$manifest: make install PREFIX=$PREFIX has not installed omg; if a package did, remove the package"
	mapfile -t old <"$DESTDIR$manifest"
	rm -f "$DESTDIR$manifest"
	remove "${old[@]}"
	echo 'install: indexes and other data are left in /var/lib/omg, and in .local/share/omg of each user'
}

[[ $PREFIX == /* && $HOOKDIR == /* ]] || fail "PREFIX and HOOKDIR have to begin with /, not \"$PREFIX\" and \"$HOOKDIR\""
umask 022
case $1 in
install) install_all ;;
uninstall) uninstall_all ;;
omg) put_omg ;;
worker) put_worker ;;
units) put_units ;;
*) fail "unknown command $1" ;;
esac
