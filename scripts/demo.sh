#!/usr/bin/env bash
# Shows the main use, from databases to answers, in a temporary directory. Called by `make demo`, which has built bin/.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
PATH=${OMG_BIN:-$PWD/bin}:$PATH
unset "${!OMG_@}" # these variables are meant for the user's own omgd

dir=$(mktemp -d)
daemon=
clean() {
	if [[ -n $daemon ]]; then
		kill -KILL "$daemon" 2>/dev/null || true
	fi
	rm -rf "$dir"
}
trap clean EXIT

# No network is used: the demo shows this machine's data. The configuration of the machine's own omgd is not used. On a busy machine, omgd may
# need some time to end.
export OMG_AUR_ENABLED=false OMG_TRACKER_ENABLED=false OMG_CONFIG=$dir/omg.toml OMG_LIMITS_SHUTDOWN_TIMEOUT=2m
(umask 077 && : >"$OMG_CONFIG")

heading() { printf '\n# %s\n' "$*"; }
show() {
	echo "\$ $*"
	"$@"
}
fail() {
	echo "demo: $*" >&2
	exit 1
}

mkdir "$dir/data" "$dir/run"
socket=$dir/run/omg.sock

if grep -qs '^\[.*\]' <(grep -v '^\[options\]' /etc/pacman.conf 2>/dev/null) && compgen -G '/var/lib/pacman/sync/*.db' >/dev/null; then
	heading "This machine's own package databases"
	databases=()
else
	heading 'No pacman databases here: generated ones of 500 packages, 120 of them installed'
	show go run ./integration/cmd/omg-fixture --packages 500 --installed 120 --seed 1 --config "$dir/pacman.conf" "$dir/pacman"
	databases=(--dbpath "$dir/pacman" --pacman-config "$dir/pacman.conf")
fi

heading 'Index them'
show omg-index build "${databases[@]}" --data-dir "$dir/data"
show omg-index verify "$dir/data/index"

heading 'Serve the indexes on a private socket'
echo "\$ omgd --foreground --socket $socket --data-dir $dir/data ${databases[*]} &"
omgd --foreground --socket "$socket" --data-dir "$dir/data" "${databases[@]}" &
daemon=$!
hang=$((SECONDS + 180))
until
	# Until the daemon is ready, omg reads the files itself. Only a reply of the daemon has a generation.
	[[ -S $socket ]] && omg status --socket "$socket" --format '{{.generation}}' 2>/dev/null | grep -q '^[1-9]'
do
	kill -0 "$daemon" 2>/dev/null || fail 'omgd ended before it answered'
	((SECONDS < hang)) || fail 'omgd was not ready within 3 minutes'
	sleep 0.05
done

heading 'Ask'
show omg search --socket "$socket" --limit 5 lib
package=$(omg search --socket "$socket" -q --limit 1 lib)
show omg info --socket "$socket" "$package"
show omg status --socket "$socket"
omg search --socket "$socket" --json --limit 1 lib | grep -q '"generation":[1-9]' || fail 'omgd did not answer'

heading 'Stop the daemon; it leaves nothing'
echo "\$ kill -TERM $daemon"
kill -TERM "$daemon"
wait "$daemon" || fail "omgd ended with exit code $?"
daemon=
left=$(find "$dir/run" -mindepth 1)
[[ -z $left ]] || fail "omgd left: $left"
echo 'demo: done'
