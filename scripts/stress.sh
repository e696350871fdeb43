#!/usr/bin/env bash
# Runs the whole suite under conditions of busy, slow and unusual machines, and writes one row per run to
# build/stress/table.txt. It can be interrupted: `make stress` continues with the next run, and does not repeat runs that
# passed with the same sources. Called by `make stress`, which sets CORPUS; ONLY=load restricts it to one kind of run, and
# JOBS=3 does three runs of a kind beside each other (not of other, which is about an idle machine).
# Needs root and stress-ng. Each run has its own clone of the last commit.
set -euo pipefail

fail() {
	echo "stress: $1" >&2
	exit 1
}
((EUID == 0)) || fail 'changing what the tests see of the machine needs root: run "sudo make stress"'
for program in stress-ng unshare setpriv pkill; do
	command -v $program >/dev/null || fail "$program is missing"
done

# Each line has the kind of a run, how often it is repeated, and a description.
runs='load 5 beside stress-ng --cpu 8 --io 4 --vm 2
single 3 with GOMAXPROCS=1
nice 3 at nice 19 with the race detector
other 3 on a machine with its own pacman and omgd
user 2 as an ordinary user'

work=$PWD/build/stress
table=$work/table.txt
commit=$(git rev-parse HEAD)
tree=$(git rev-parse --short 'HEAD^{tree}')
# Where a run has its clone. All runs have the same path, so that go compiles each package once for all of them.
clone=$work/clone
corpus=
[[ ! -d $CORPUS ]] || corpus=$(realpath "$CORPUS")
modules=$(go env GOMODCACHE)
mkdir -p "$clone" "$work/user-cache"
chown 65000:65000 "$work/user-cache"
[[ -e $table ]] || printf '%-12s %-10s %-8s %-7s %s\n' tree run result seconds failures >"$table"

# Once, before runs that would all install at the same time, and before those of an ordinary user, who cannot.
make deps >"$work/deps.log" 2>&1 || fail "make deps failed: see $work/deps.log"
go run -tags urfave_cli_no_docs ./integration/cmd/omg-fixture --packages 900 --installed 300 --seed 77 \
	--config "$work/other.conf" "$work/other-db" 2>/dev/null || [[ -e $work/other-db ]]

suite() { make -C "$clone" test RACE="$1" TESTFLAGS='-count=1 -shuffle=on' OMG_CORPUS="$corpus"; }
export work clone corpus modules

# Each function runs the suite under one condition, in a separate shell so that set -e has an effect.
run_load() { suite ''; }
run_single() { GOMAXPROCS=1 suite ''; }
run_nice() {
	[[ ! -e /proc/self/autogroup ]] || echo 19 >/proc/self/autogroup # the kernel compares sessions, not their processes
	nice -n 19 bash -euc 'suite -race'
}
run_other() {
	mount -t tmpfs tmpfs /mnt
	for dir in etc var/lib; do
		mkdir -p "/mnt/$dir/upper" "/mnt/$dir/work"
		mount -t overlay overlay -o "lowerdir=/$dir,upperdir=/mnt/$dir/upper,workdir=/mnt/$dir/work" "/$dir"
	done
	mount -t tmpfs -o mode=755 tmpfs /run
	cp "$work/other.conf" /etc/pacman.conf
	mkdir -p /var/lib/pacman
	cp -a "$work/other-db/." /var/lib/pacman # where pacman of the tests may be installed
	mkdir -p /etc/omg /run/omg
	printf '%s\n' '[aur]' 'enabled = false' '[tracker]' 'enabled = false' '[refresh]' 'interval = "7s"' '[cache]' 'max_entries = 3' >/etc/omg/config.toml
	make -C "$clone" build
	"$clone/bin/omgd" --system --foreground 2>/run/omgd.log &
	until [ -S /run/omg/omg.sock ]; do sleep 0.1; done
	suite ''
}
run_user() {
	mount -t tmpfs -o mode=755 tmpfs /mnt
	cd /mnt
	mkdir modules home corpus cache
	mount --bind "$modules" modules
	mount -o remount,bind,ro modules
	mount --bind "$work/user-cache" cache
	[ -z "$corpus" ] || mount --bind "$corpus" corpus
	git clone -q "$clone" home/omg
	chown -R 65000:65000 home
	cd home/omg
	# The path of the home directory must not be in this file: a test searches for it.
	exec setpriv --reuid 65000 --regid 65000 --clear-groups env -i HOME="${PWD%/omg}" PATH="$PATH" LANG=C.UTF-8 \
		GOMODCACHE=/mnt/modules GOCACHE=/mnt/cache GOFLAGS=-modcacherw=false make test RACE= TESTFLAGS="-count=1 -shuffle=on" ${corpus:+OMG_CORPUS=/mnt/corpus}
}
export -f suite run_load run_single run_nice run_other run_user

# run does the run I of a kind in a clone of its own, and writes its row. The run has a session of its own, as if another
# user had started it, because the kernel divides the processors by session, and all of its processes end with it.
run() {
	local kind=$1 i=$2 log=$work/$tree-$1-$2.log dir=$work/run-$1-$2 begin=$SECONDS result=passed failures
	rm -rf "$dir"
	git clone -q . "$dir"
	git -C "$dir" -c advice.detachedHead=false checkout -q "$commit"
	setsid unshare --mount --pid --fork --kill-child --mount-proc \
		bash -euo pipefail -c 'mount --bind "$1" "$clone" && "run_$2"' run "$dir" "$kind" >"$log" 2>&1 </dev/null &
	local child=$!
	# An interrupted run writes no row. The child of unshare is the first process of the run, with which all others end.
	trap 'pkill -KILL -P $child || kill -KILL $child; exit 1' TERM
	wait $child || result=failed
	failures=$(grep -oE '^ *--- FAIL: [^ ]+|^FAIL	[^ ]+' "$log" | sed 's/.*FAIL[: 	]*//' | paste -sd ' ' || true)
	printf '%-12s %-10s %-8s %-7s %s\n' "$tree" "$kind-$i" $result $((SECONDS - begin)) "$failures" | tee -a "$table"
	rm -rf "$dir"
	[[ $result == passed ]]
}

trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
failed=0
while read -r kind times what; do
	[[ -z ${ONLY:-} || $ONLY == "$kind" ]] || continue
	jobs=${JOBS:-1} load='' runs_now=()
	[[ $kind != other ]] || jobs=1 # an idle machine
	for ((i = 1; i <= times; i++)); do
		grep -q "^$tree  *$kind-$i  *passed" "$table" && continue
		if [[ $kind == load && -z $load ]]; then
			setsid stress-ng --cpu 8 --io 4 --vm 2 --temp-path "$work" --quiet &
			load=$!
		fi
		if ((${#runs_now[@]} == jobs)); then
			wait -n -p ended "${runs_now[@]}" || failed=1
			for j in "${!runs_now[@]}"; do [[ ${runs_now[j]} != "$ended" ]] || unset "runs_now[j]"; done
		fi
		echo "stress: $kind-$i: $what (log: $work/$tree-$kind-$i.log)"
		run "$kind" "$i" &
		runs_now+=($!)
	done
	for pid in "${runs_now[@]}"; do wait "$pid" || failed=1; done
	[[ -z $load ]] || { kill "$load" && wait "$load" || true; }
done <<<"$runs"
((failed == 0)) || fail "some runs failed: $table"
echo "stress: all passed: $table"
