#!/usr/bin/env bash
# Measures an earlier commit and this tree alternately, and compares them with benchstat. Called by `make bench-rounds`, which
# sets BASE, ROUNDS, CORPUS, ONLY, TAGS and BENCHSTAT. The results are in build/rounds/{old,new}.txt.
set -euo pipefail

fail() {
	echo "bench-rounds: $1" >&2
	exit 1
}
[[ -n $BASE ]] || fail 'name a commit: make bench-rounds BASE=HEAD~5'
work=$PWD/build/rounds
rm -rf "$work"
mkdir -p "$work"
git worktree add -f --detach "$work/tree" "$BASE" >/dev/null 2>&1 || fail "there is no commit $BASE"
trap 'git worktree remove --force "$work/tree"' EXIT

corpus=$(realpath "$CORPUS" 2>/dev/null || true)
make -C "$work/tree" build >"$work/build.log" 2>&1 || fail "$BASE does not build: see $work/build.log"
make build >>"$work/build.log" 2>&1 || fail "this tree does not build: see $work/build.log"
# Each tree measures with its own omg-bench, because the trees may store data in different places.
(cd "$work/tree" && go build -tags "$TAGS" -o "$work/bench-old" ./integration/cmd/omg-bench)
go build -tags "$TAGS" -o "$work/bench-new" ./integration/cmd/omg-bench
# An earlier commit has no figures for a new part: this tree's omg-bench measures both.
parts=$("$work/bench-old" -h 2>&1 || true)
for part in ${ONLY//,/ }; do
	if ! grep -qw -- "$part" <<<"$parts"; then
		echo "$BASE cannot measure $part: this tree measures both" >&2
		cp "$work/bench-new" "$work/bench-old"
		break
	fi
done
cp -r "$work/tree/bin" "$work/old"
cp -r bin "$work/new"

for ((i = 1; i <= ROUNDS; i++)); do
	for which in old new; do
		echo "round $i of $ROUNDS, $which" >&2
		"$work/bench-$which" -bin "$work/$which" -corpus "$corpus" -only "$ONLY" -out "$work/out-$which" >"$work/$which.log" 2>&1 ||
			fail "it failed: see $work/$which.log"
		cat "$work/out-$which"/last.txt >>"$work/$which.txt"
	done
done
"$BENCHSTAT" "$work/old.txt" "$work/new.txt" | tee "$work/comparison.txt"
