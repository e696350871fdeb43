#!/usr/bin/env bash
# Creates a draft of the release on GitHub with the tarballs and checksums in dist/, and the changes from CHANGELOG.md. The command
# gh needs a login or GH_TOKEN. Called by `make draft`, which sets VERSION.
set -euo pipefail

fail() {
	echo "draft: $1" >&2
	exit 1
}

version=${VERSION#v}
# Between two releases, git describe adds the number of commits and a hash to the last tag, and -dirty with uncommitted changes.
[[ $VERSION =~ ^v[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.]+)?$ && $VERSION != *-dirty ]] ||
	fail "\"$VERSION\" is not the version of a release: check out its tag, without changes"
changes=$(awk -v version="$version" '/^## / { inside = $2 == version; next } inside' CHANGELOG.md)
[[ $changes == *[![:space:]]* ]] || fail "CHANGELOG.md has no changes under \"## $version\""
files=()
for tarball in "omg-$version" "omg-$version-vendored" "omg-$version-linux-x86_64" "omg-$version-linux-aarch64"; do
	for file in "dist/$tarball.tar.gz" "dist/$tarball.tar.gz.sha256"; do
		[[ -e $file ]] || fail "there is no $file: docs/releasing.md has the steps of a release"
		files+=("$file")
	done
done
(cd dist && sha256sum --check --quiet "omg-$version"*.tar.gz.sha256) || fail 'a tarball in dist/ does not have its checksum: run make dist again'

prerelease=()
[[ $version != *-* ]] || prerelease=(--prerelease)
gh release create "$VERSION" --draft --verify-tag "${prerelease[@]}" --title "omg $version" --notes "$changes" "${files[@]}"
