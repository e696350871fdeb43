#!/usr/bin/env bash
# Writes an archive of the installed files for one architecture, and its checksum, into dist/. The programs are built from the
# vendored tarball in dist/, so that the same tarball gives the same bytes everywhere. omg-alpm-worker is left out: it has to fit
# the libalpm of the machine on which it runs. Called by `make dist-bin`, which sets VERSION and ARCH.
set -euo pipefail
export LC_ALL=C TZ=UTC
unset GZIP TAR_OPTIONS GOFLAGS DESTDIR
umask 022

fail() {
	echo "dist-bin: $1" >&2
	exit 1
}

source=omg-${VERSION#v}
name=$source-linux-$ARCH
case $ARCH in
x86_64) goarch=amd64 ;;
aarch64) goarch=arm64 ;;
*) fail "unknown architecture $ARCH: x86_64 or aarch64" ;;
esac
[[ -e dist/$source-vendored.tar.gz ]] || fail "there is no dist/$source-vendored.tar.gz: run make dist VENDOR=1 first"

mkdir -p build
stage=$(mktemp -d "$PWD/build/dist-bin.XXXXXX")
trap 'rm -rf "$stage"' EXIT
tar -x -C "$stage" -f "dist/$source-vendored.tar.gz"
# Without libalpm, no program has C code, and any machine can build for any architecture.
GOARCH=$goarch make --no-print-directory -C "$stage/$source" install-omg ALPM= DESTDIR="$stage/$name" PREFIX=/usr
scripts/archive.sh "$stage" "$name" "$(stat -c %Y "$stage/$source/VERSION")" "$name.tar.gz"
