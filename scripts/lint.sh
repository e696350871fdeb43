#!/usr/bin/env bash
# Runs every check and reports all findings, not only the first. Called by `make lint`, which sets TAGS and TOOLS.
set -uo pipefail
tools=$PWD/$TOOLS
failed=()

# check NAME COMMAND...: any output or a non-zero exit is a finding.
check() {
	local name=$1 output status
	shift
	output=$("$@" 2>&1)
	status=$?
	if ((status != 0)) || [[ -n $output ]]; then
		printf '%s\n' "--- $name: $*" "$output"
		failed+=("$name")
	else
		echo "ok  $name"
	fi
}

tidy() {
	local output
	output=$(go -C "$1" mod tidy -diff 2>&1) || printf '%s\n' "$output"
}

# The database of vulnerabilities is fetched from vuln.go.dev or $GOVULNDB. A machine that cannot reach it is no finding.
vulnerabilities() {
	local output status
	output=$("$tools/govulncheck" -tags "$TAGS" work 2>&1)
	status=$?
	if ((status != 0 && status != 3)) && grep -q 'fetching vulnerabilities\|vuln.go.dev\|dial tcp' <<<"$output"; then
		echo 'skip govulncheck: its database cannot be reached from here'
	elif ((status != 0)); then
		printf '%s\n' '--- govulncheck' "$output"
		failed+=(govulncheck)
	else
		echo 'ok  govulncheck'
	fi
}

check gofumpt "$tools/gofumpt" -l .
check vet go vet -tags "$TAGS" work
check staticcheck "$tools/staticcheck" -tags "$TAGS" work
for script in scripts/*.sh .ci/run; do
	check "bash -n $script" bash -n "$script"
done
while read -r module; do
	check "tidy ${module#./}" tidy "$module"
done < <(find . -name go.mod -not -path './build/*' -printf '%h\n' | sort)
vulnerabilities

if ((${#failed[@]})); then
	printf 'lint: failed:'
	printf ' %s,' "${failed[@]}" | sed 's/,$/\n/'
	exit 1
fi
echo 'lint: clean'
