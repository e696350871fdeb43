#!/usr/bin/env bash
# Prepares the packages for the AUR. Called by make, which sets VERSION and KEY.
#
#   scripts/arch.sh srcinfo     writes the .SRCINFO of each PKGBUILD in packaging/arch
#   scripts/arch.sh release     writes dist/arch: the packages with the version and the checksums of the tarballs in dist/
#
# With KEY, the fingerprint of a PGP key, makepkg also checks the signatures TARBALL.asc of the sources.
set -euo pipefail
export LC_ALL=C

fail() {
	echo "arch: $1" >&2
	exit 1
}

# srcinfo DIRECTORY prints the .SRCINFO of a PKGBUILD. makepkg refuses root, who has another number in a user namespace.
srcinfo() {
	local other_user=()
	((EUID != 0)) || other_user=(unshare --map-user=1000 --map-group=1000)
	mkdir "$stage/srcinfo"
	cp "$1/PKGBUILD" packaging/arch/omg.install "$stage/srcinfo"
	(cd "$stage/srcinfo" && BUILDDIR=$stage "${other_user[@]}" makepkg --printsrcinfo) || fail "makepkg cannot read $1/PKGBUILD"
	rm -r "$stage/srcinfo"
}

# write_srcinfo DIRECTORY writes the .SRCINFO.
write_srcinfo() {
	srcinfo "$1" >"$stage/SRCINFO"
	cp "$stage/SRCINFO" "$1/.SRCINFO"
}

# checksum TARBALL prints the checksum in dist/TARBALL.sha256.
checksum() {
	[[ -e dist/$1.sha256 ]] || fail "there is no dist/$1.sha256: docs/releasing.md has the steps of a release"
	cut -d ' ' -f 1 "dist/$1.sha256"
}

# fill DIRECTORY ARRAY TARBALL writes the checksum of a tarball into an array of a PKGBUILD.
fill() {
	local sum
	sum=$(checksum "$3")
	sed -i "s/^$2=(SKIP)/$2=($sum${KEY:+ SKIP})/" "$1/PKGBUILD"
}

# copy FROM TO copies a package, and fills in the version and the key.
copy() {
	rm -rf "$2"
	mkdir -p "$2"
	cp "$1/PKGBUILD" packaging/arch/omg.install "$2"
	sed -i "s/^pkgver=.*/pkgver=$version/" "$2/PKGBUILD"
	[[ -z $KEY ]] || sed -i -e 's/^\(source[a-z0-9_]*=(".*"\))/\1{,.asc})/' -e "s/^validpgpkeys=()/validpgpkeys=($KEY)/" "$2/PKGBUILD"
}

release() {
	local version arch
	version=${VERSION#v}
	[[ $version =~ ^[0-9A-Za-z.+_]+$ ]] || fail "\"$VERSION\" is not a version that a package can have: run make arch VERSION=v1.2.3"
	[[ $KEY =~ ^([0-9A-F]{40})?$ ]] || fail "KEY is not a fingerprint of 40 hexadecimal digits: $KEY"
	copy packaging/arch dist/arch/omg
	fill dist/arch/omg sha256sums "omg-$version-vendored.tar.gz"
	write_srcinfo dist/arch/omg
	echo dist/arch/omg
	[[ -e dist/omg-$version-linux-x86_64.tar.gz.sha256 ]] || return 0 # the release has no archives of programs
	copy packaging/arch/bin dist/arch/omg-bin
	for arch in x86_64 aarch64; do
		fill dist/arch/omg-bin "sha256sums_$arch" "omg-$version-linux-$arch.tar.gz"
	done
	write_srcinfo dist/arch/omg-bin
	echo dist/arch/omg-bin
}

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
case $1 in
srcinfo)
	write_srcinfo packaging/arch
	write_srcinfo packaging/arch/bin
	;;
release) release ;;
*) fail "unknown command $1" ;;
esac
