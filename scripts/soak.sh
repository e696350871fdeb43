#!/usr/bin/env bash
# Runs the tests that read OMG_SOAK in their long form. Called by `make soak`, which sets TAGS.
set -euo pipefail

mapfile -t dirs < <(grep -rl --include='*_test.go' 'OMG_SOAK' . | xargs -r -n 1 dirname | sort -u)
if ((${#dirs[@]} == 0)); then
	echo 'soak: no test reads OMG_SOAK' >&2
	exit 1
fi
OMG_SOAK=1 CGO_ENABLED=1 go test -race -count=1 -timeout 6h -v -tags "$TAGS" "${dirs[@]}"
