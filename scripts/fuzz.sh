#!/usr/bin/env bash
# Runs each fuzz target for FUZZTIME, or only those whose "directory name" matches the expression FUZZ. Called by
# `make fuzz`, which sets TAGS, FUZZTIME and FUZZ.
set -euo pipefail

mapfile -t targets < <(grep -rHoE --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' . | sed 's/:func /:/' | sort |
	awk -F : -v fuzz="${FUZZ:-}" '{ dir = $1; sub("/[^/]*$", "", dir) } fuzz == "" || (dir " " $2) ~ fuzz')
if ((${#targets[@]} == 0)); then
	echo 'fuzz: no fuzz targets found' >&2
	exit 1
fi
failed=()
output=$(mktemp)
trap 'rm -f "$output"' EXIT
for target in "${targets[@]}"; do
	dir=$(dirname "${target%%:*}")
	name=${target##*:}
	echo "--- $dir $name"
	go test -tags "$TAGS" -run '^$' -fuzz "^$name\$" -fuzztime "$FUZZTIME" "$dir" 2>&1 | tee "$output" && continue
	# If the time ends while an input runs, Go reports a failure (golang.org/issue/48591); a real failure
	# leaves its input.
	grep -q 'context deadline exceeded' "$output" && ! grep -q 'Failing input' "$output" || failed+=("$dir $name")
done
echo "fuzz: ${#targets[@]} targets, ${#failed[@]} failed"
if ((${#failed[@]})); then
	printf '  %s\n' "${failed[@]}"
	exit 1
fi
