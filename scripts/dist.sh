#!/usr/bin/env bash
# Writes the release tarball of the last commit and its checksum into dist/. The same commit and version give the same bytes
# in every directory: all times are the commit's. The tarball has a file VERSION. VENDOR=1 adds the
# source code of all modules, so that make build and make check need no network. Called by `make dist`, which sets VERSION.
set -euo pipefail
export LC_ALL=C TZ=UTC
unset GZIP TAR_OPTIONS
umask 022

fail() {
	echo "dist: $1" >&2
	exit 1
}

[[ -e .git ]] || fail "$PWD is not a git repository: run make dist in a clone of the project"
[[ $VERSION =~ ^v?[0-9A-Za-z][0-9A-Za-z.+_-]*$ ]] || fail "\"$VERSION\" is not a version: run make dist VERSION=v1.2.3"
[[ -z $(git status --porcelain) ]] || echo 'dist: note: the tarball has only committed changes' >&2

name=omg-${VERSION#v}
mkdir -p build
stage=$(mktemp -d "$PWD/build/dist.XXXXXX")
trap 'rm -rf "$stage"' EXIT

git -c core.autocrlf=false archive --prefix="$name/" HEAD | tar -x -C "$stage"
printf '%s\n' "$VERSION" >"$stage/$name/VERSION"
[[ -z $VENDOR ]] || GOFLAGS='' GOWORK='' go -C "$stage/$name" work vendor
scripts/archive.sh "$stage" "$name" "$(git show -s --format=%ct HEAD)" "$name${VENDOR:+-vendored}.tar.gz"
