#!/usr/bin/env bash
# Runs each fuzz target in turn for FUZZTIME. Called by `make fuzz`, which sets TAGS and FUZZTIME.
set -euo pipefail

mapfile -t targets < <(grep -rHoE --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' . | sed 's/:func /:/' | sort)
if ((${#targets[@]} == 0)); then
	echo 'fuzz: no fuzz targets found' >&2
	exit 1
fi
failed=()
for target in "${targets[@]}"; do
	dir=$(dirname "${target%%:*}")
	name=${target##*:}
	echo "--- $dir $name"
	go test -tags "$TAGS" -run '^$' -fuzz "^$name\$" -fuzztime "$FUZZTIME" "$dir" || failed+=("$dir $name")
done
echo "fuzz: ${#targets[@]} targets, ${#failed[@]} failed"
if ((${#failed[@]})); then
	printf '  %s\n' "${failed[@]}"
	exit 1
fi
