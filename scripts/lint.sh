#!/usr/bin/env bash
# Runs every check and reports all findings, not only the first one. Called by `make lint`, which sets TAGS and TOOLS.
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

mapfile -t modules < <(find . -name go.mod -not -path './build/*' -printf '%h\n' | sort)

tidy() {
	local output
	output=$(go -C "$1" mod tidy -diff 2>&1) || head -n 40 <<<"$output"
}

# The database of vulnerabilities comes from vuln.go.dev or $GOVULNDB. If it cannot be reached, that is not a finding, except with
# VULNERABILITIES=required.
vulnerabilities() {
	local output status
	output=$("$tools/govulncheck" -C "$1" -tags "$TAGS" ./... 2>&1)
	status=$?
	if ((status != 0)) && [[ $VULNERABILITIES != required ]] && grep -q 'fetching vulnerabilities' <<<"$output"; then
		echo "skip govulncheck: its database cannot be reached: $(tail -n 1 <<<"$output")"
		return 1
	elif ((status != 0)); then
		printf '%s\n' "--- govulncheck $1" "$output"
		failed+=("govulncheck ${1#"$PWD"/}")
	else
		echo "ok  govulncheck ${1#"$PWD"/}"
	fi
}

# words checks comments, names of tests, and words.
words() {
	local output
	output=$(go test -tags "$TAGS" ./integration/archtest -run '^TestWords_' 2>&1) || grep -E '^ +words_test\.go|^#|\.go:' <<<"$output"
}

# commits checks the subjects of the commits since the file words_test.go was added.
commits() {
	local base hash subject
	base=$(git log --diff-filter=A --format=%H -- integration/archtest/words_test.go 2>/dev/null | tail -n 1)
	[[ -n $base ]] || return 0
	git log --no-merges --format='%h %s' "$base..HEAD" | while read -r hash subject; do
		if ((${#subject} > 76)); then
			echo "$hash: the subject has ${#subject} characters, at most 76: $subject"
		elif [[ $subject == *';'* ]]; then
			echo "$hash: the subject has a semicolon: make it two commits: $subject"
		elif [[ ! $subject =~ ^[a-z][a-z0-9/_.-]*(', '[a-z][a-z0-9/_.-]*)*': '[a-z].*[^.]$ ]]; then
			echo "$hash: the subject should be \"package: verb phrase\", in lower case and without a full stop: $subject"
		fi
	done
}

check gofumpt "$tools/gofumpt" -l .
check vet go vet -tags "$TAGS" work
check staticcheck "$tools/staticcheck" -tags "$TAGS" work
# deadcode runs without libalpm, because go-alpm type-checks only if CGO_CFLAGS rename two structs, and deadcode ignores CGO_CFLAGS.
check deadcode "$tools/deadcode" -tags "${TAGS%,libalpm}" -filter github.com/omg-arch/omg \
	./omg ./omg/omg-direct ./omg/omg-browse ./omgd ./omgd/alpm-worker ./omg-index ./omg-probe ./omg-fleet ./omg-fleet/omg-fleet-dev
check words words
check commits commits
# Without shellcheck and pyflakes, which actionlint would run where they are installed, its findings are the same everywhere.
check actionlint "$tools/actionlint" -shellcheck= -pyflakes= .github/workflows/*.yml
for script in scripts/*.sh .ci/run; do
	check "bash -n $script" bash -n "$script"
done
for module in "${modules[@]}"; do
	check "tidy ${module#./}" tidy "$module"
done
# Only modules of the workspace are checked. The other modules are tools and omgd/nosentry, which `go list` cannot reach from here.
mapfile -t workspace < <(go list -m -f '{{.Dir}}')
for module in "${workspace[@]}"; do
	vulnerabilities "$module" || break
done

if ((${#failed[@]})); then
	printf 'lint: failed:'
	printf ' %s,' "${failed[@]}" | sed 's/,$/\n/'
	exit 1
fi
echo 'lint: clean'
