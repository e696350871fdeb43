#!/usr/bin/env bash
# Builds all programs for aarch64 without C code, starts them with qemu, and runs the tests of the packages in shared/ with it.
# PACKAGES can name other packages. Called by `make check-aarch64`, which sets TAGS.
set -euo pipefail

fail() {
	echo "check-aarch64: $1" >&2
	exit 1
}

qemu=$(command -v qemu-aarch64-static || command -v qemu-aarch64) ||
	fail 'there is no qemu-aarch64: install qemu-user-static (Debian) or qemu-user (Arch)'
export CGO_ENABLED=0 GOARCH=arm64
programs=$(mktemp -d)
trap 'rm -rf "$programs"' EXIT
go build -trimpath -buildvcs=false -tags "$TAGS" -o "$programs" ./omg ./omg/omg-direct ./omg/omg-browse ./omg-probe ./omgd ./omg-index ./omg-fleet ./omg-fleet/omg-fleet-dev ./omgd/alpm-worker
for name in omg omgd omg-index omg-probe omg-fleet; do
	"$qemu" "$programs/$name" --version
done
read -ra packages <<<"${PACKAGES:-./shared/...}"
# The time limit bounds a test that hangs. qemu is about ten times slower than a processor.
# qemu reports SIGBUS without the address that the first of these tests needs. The second compares with the pacman of this machine.
skipped='^TestFile_TruncatedWhileMapped$|^TestReadConfig_PacmanConf$/^this_architecture$'
go test -p 2 -timeout 60m -tags "$TAGS" -exec "$qemu" -skip "$skipped" "${packages[@]}"
