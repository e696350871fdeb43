#!/usr/bin/env bash
# Prints which version of Go is needed if Go is missing, or is too old to print this itself.
set -euo pipefail

needed=$(awk '$1 == "go" { print $2 }' go.work)
get="install it from https://go.dev/dl and put its bin directory into PATH"
if ! command -v go >/dev/null; then
	echo "go is not installed; omg needs Go $needed or later: $get" >&2
	exit 1
fi
# Since version 1.21, Go downloads the version that go.work requires, unless GOTOOLCHAIN forbids it.
found=$(go env GOVERSION 2>&1) || true
number=$(sed -n 's/.*go\([0-9][0-9.]*\).*/\1/p' <<<"$found")
if [[ $(printf '%s\n' "$needed" "$number" | sort -V | head -n 1) != "$needed" ]]; then
	echo "omg needs Go $needed or later, and this is ${found##*$'\n'}: $get" >&2
	exit 1
fi
