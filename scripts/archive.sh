#!/usr/bin/env bash
# Packs the directory STAGE/NAME into dist/FILE, and writes its checksum: archive.sh STAGE NAME TIME FILE. The same files give the
# same bytes: all times are TIME, in Unix seconds, and names are sorted. Called by dist.sh and dist-bin.sh.
set -euo pipefail
export LC_ALL=C TZ=UTC
unset GZIP TAR_OPTIONS

stage=$1 name=$2 time=$3 file=$4
mkdir -p dist
tar -c -C "$stage" --format=gnu --sort=name --mtime="@$time" --mode=u=rwX,go=rX --owner=0 --group=0 --numeric-owner "$name" |
	gzip -9 -n >"$stage/$file"
(cd "$stage" && sha256sum "$file" >"$file.sha256")
mv "$stage/$file" "$stage/$file.sha256" dist/
echo "dist/$file"
