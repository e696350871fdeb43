#!/usr/bin/env bash
# Tests the modules in packaging/bars with the real programs: waybar in a headless sway, polybar under Xvfb, i3blocks, tmux, and notify-send
# with dunst on a private D-Bus. Each program has to show the number of updates, and the new number after a change of an installed package.
# Called by `make check-bars`, which has built bin/. Installs missing programs with apt-get if it runs as root on Debian. Uses no network
# otherwise, and nothing of the user's configuration.
set -euo pipefail

fail() {
	echo "check-bars: $1" >&2
	[[ -z ${2-} ]] || tail -n 20 "$2" >&2
	exit 1
}

# prepare installs what is missing, makes $dir with the files of packaging/, and runs the tests there. sway refuses to run as root, so root
# runs them as nobody.
prepare() {
	local program missing=()
	declare -A packages=(
		[sway]=sway [waybar]=waybar [grim]=grim [polybar]=polybar [Xvfb]=xvfb [i3blocks]=i3blocks [tmux]=tmux [dunst]=dunst
		[notify-send]=libnotify-bin [dbus-daemon]=dbus [dbus-monitor]=dbus-bin [pgrep]=procps
	)
	for program in "${!packages[@]}"; do
		command -v "$program" >/dev/null || missing+=("${packages[$program]}")
	done
	if ((${#missing[@]} > 0)); then
		((EUID == 0)) && command -v apt-get >/dev/null || fail "these packages are missing: ${missing[*]}"
		DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends fonts-dejavu-core "${missing[@]}" >/dev/null
	fi
	dir=$(mktemp -d)
	trap 'rm -rf "$dir"' EXIT
	go build -o "$dir" ./integration/cmd/omg-fixture ./integration/cmd/omg-statuses
	# The files refer to their installed paths below $dir/usr, but /etc is not touched.
	make --no-print-directory -s install-omg DESTDIR="$dir/root" PREFIX="$dir/usr" HOOKDIR="$dir/usr/hooks"
	ln -s "$dir/root$dir/usr" "$dir/usr"
	cp "${BASH_SOURCE[0]}" "$dir/check-bars.sh"
	local as=()
	if ((EUID == 0)); then
		chown -R nobody "$dir"
		as=(setpriv --reuid=nobody --regid=nogroup --clear-groups)
	fi
	cd "$dir"
	"${as[@]}" env BARS_DIR="$dir" bash ./check-bars.sh
}

if [[ -z ${BARS_DIR-} ]]; then
	prepare
	exit
fi

dir=$BARS_DIR
started=() # the processes to end, the last one first
clean() {
	local i
	for ((i = ${#started[@]} - 1; i >= 0; i--)); do
		end "${started[i]}"
	done
}
trap clean EXIT

# start NAME COMMAND... starts a program in the background, with its output in NAME.out and NAME.err. $pid is its process.
start() {
	local name=$1
	shift
	"$@" <&0 >"$dir/$name.out" 2>"$dir/$name.err" & # without <&0, the standard input would be /dev/null
	pid=$!
	started+=("$pid")
}

# end PID ends a program and waits for it. i3blocks ignores other signals.
end() {
	kill -KILL "$1" 2>/dev/null || true
	wait "$1" 2>/dev/null || true
}

# end_bar NAME PID ends a bar, and waits until the program that it has started has noticed that.
end_bar() {
	end "$2"
	await "the end of omg watch after that of $1" has_no_watch
	echo "check-bars: $1 ok"
}

has_no_watch() { ! pgrep -f "^$dir/usr/bin/omg .*watch --wait"; }

# await WHAT COMMAND... repeats a command until it succeeds. The limit only ends a hang.
await() {
	local what=$1 limit=$((SECONDS + 180))
	shift
	until "$@" >/dev/null 2>&1; do
		((SECONDS < limit)) || fail "timed out while waiting for $what" "${log-}"
		sleep 0.1
	done
}

unset "${!OMG_@}" DISPLAY WAYLAND_DISPLAY DBUS_SESSION_BUS_ADDRESS TMUX
export HOME=$dir/home XDG_RUNTIME_DIR=$dir/run XDG_CONFIG_HOME=$dir/config XDG_DATA_HOME=$dir/data XDG_STATE_HOME=$dir/state XDG_CACHE_HOME=$dir/cache
export LC_ALL=C.UTF-8 OMG_AUR_ENABLED=false OMG_TRACKER_ENABLED=false OMG_CONFIG=$dir/omg.toml
(umask 077 && mkdir "$HOME" "$XDG_RUNTIME_DIR" "$XDG_CONFIG_HOME" && : >"$OMG_CONFIG")
bars=$dir/usr/share/omg/bars
PATH=$dir/usr/bin:$PATH

# Packages with updates: the first names are removed one after another, which makes the number of updates smaller.
"$dir/omg-fixture" --packages 500 --installed 120 --seed 1 --config "$dir/pacman.conf" "$dir/pacman"
databases=(--dbpath "$dir/pacman" --pacman-config "$dir/pacman.conf")
start omgd omgd --foreground "${databases[@]}"
log=$dir/omgd.err
has_updates() { [[ $(omg status --format '{{.generation}} {{.counts.updates}}') =~ ^[1-9][0-9]*\ [0-9]+$ ]]; }
await 'omgd' has_updates
mapfile -t outdated < <(omg outdated -q)
updates=${#outdated[@]}
((updates >= 6)) || fail "the generated system has only $updates updates"

# remove_one removes an installed package that has an update, and sets $updates to the new number of updates.
remove_one() {
	local name=${outdated[0]}
	outdated=("${outdated[@]:1}")
	updates=$((updates - 1))
	rm -r "$dir/pacman/local/$(omg installed "$name" --format '{{.name}}-{{.version}}')"
}

last_line() { [[ $(tail -n 1 "$1") == "$2" ]]; }

# i3blocks writes the blocks in the protocol of i3bar.
has_block() { grep -q "\"full_text\":\"$1\"" "$dir/i3blocks.out"; }
start i3blocks i3blocks -c "$bars/i3blocks.conf"
i3blocks=$pid log=$dir/i3blocks.err
await "i3blocks with $updates updates" has_block "$updates"
remove_one
await "i3blocks with $updates updates" has_block "$updates"
end_bar i3blocks "$i3blocks"

# tmux shows the last line of the program in its status line. A second tmux, in which the first one runs, captures the screen.
printf 'set -g status-right ""\nset -g status-right-length 80\nset -g status-interval 1\nsource-file %s\n' "$bars/tmux.conf" >"$dir/inner.conf"
inner=(tmux -S "$dir/inner" -f "$dir/inner.conf")
outer=(tmux -S "$dir/outer" -f /dev/null)
"${outer[@]}" new-session -d -x 80 -y 24 "$(printf '%q ' "${inner[@]}") new-session 'sleep infinity'"
has_status() { "${outer[@]}" capture-pane -p | tail -n 1 | grep -q "omg $1\$"; }
log=
await "tmux with $updates updates" has_status "$updates"
remove_one
await "tmux with $updates updates" has_status "$updates"
"${inner[@]}" kill-server
"${outer[@]}" kill-server 2>/dev/null || true
await 'the end of omg watch after that of tmux' has_no_watch
echo 'check-bars: tmux ok'

# polybar writes what it draws to its standard output.
cat >"$dir/polybar.ini" <<END
include-file = $bars/polybar.ini
[bar/test]
width = 400
height = 20
font-0 = DejaVu Sans Mono
modules-left = omg
END
start xvfb Xvfb -displayfd 3 -screen 0 800x600x24 -nolisten tcp 3>"$dir/display"
log=$dir/xvfb.err
await 'Xvfb' grep -q . "$dir/display"
display=:$(<"$dir/display")
export DISPLAY=$display
start polybar polybar --stdout -c "$dir/polybar.ini" test
polybar=$pid log=$dir/polybar.err
has_text() { grep -Eq "(^|[^0-9])$1([^0-9]|\$)" <(tail -n 1 "$dir/polybar.out"); }
await "polybar with $updates updates" has_text "$updates"
remove_one
await "polybar with $updates updates" has_text "$updates"
end_bar polybar "$polybar"

# waybar draws into a headless sway. Its colours show that it has understood the class: the module is red only with a class that stands for
# an advisory or a finding.
cat >"$dir/waybar.json" <<END
{"layer": "top", "height": 30, "include": ["$bars/waybar.jsonc"], "modules-left": ["custom/omg"]}
END
cat >"$dir/waybar.css" <<END
@import "$bars/waybar.css";
* { font-family: "DejaVu Sans Mono"; }
window#waybar { background-color: #000000; color: #000000; }
#custom-omg { min-width: 100px; }
#custom-omg.updates { background-color: #00ff00; }
END
cat >"$dir/sway.conf" <<END
output HEADLESS-1 resolution 400x200 position 0 0
END
WLR_BACKENDS=headless WLR_RENDERER=pixman WLR_LIBINPUT_NO_DEVICES=1 start sway sway -c "$dir/sway.conf"
log=$dir/sway.err
has_output() { swaymsg -s "$(compgen -G "$XDG_RUNTIME_DIR/sway-ipc.*.sock")" -t get_outputs | grep -q HEADLESS-1; }
await 'sway' has_output
unset DISPLAY
WAYLAND_DISPLAY=$(basename "$(compgen -G "$XDG_RUNTIME_DIR/wayland-[0-9]")")
export WAYLAND_DISPLAY
# has_color RED GREEN BLUE reports whether many pixels of the screen have a colour.
has_color() {
	local pixels
	pixels=$(grim -t ppm - | tail -c $((400 * 200 * 3)) | od -An -v -tu1 -w3 | awk -v r="$1" -v g="$2" -v b="$3" '$1 == r && $2 == g && $3 == b' | wc -l)
	((pixels > 500))
}
start waybar waybar -c "$dir/waybar.json" -s "$dir/waybar.css"
waybar=$pid log=$dir/waybar.err
await 'waybar with updates' has_color 0 255 0
end "$waybar"

# A stand-in for omgd sends statuses with advisories and findings. Each status has these counts: updates, advisories, critical, act.
mkfifo "$dir/statuses"
exec 9<>"$dir/statuses" # a pipe that is opened only for reading would wait for a writer
start statuses "$dir/omg-statuses" "$dir/standin.sock" <&9
push() {
	printf '{"generation":%d,"at":1,"counts":{"updates":%d,"aur_updates":0,"security":{"vulnerabilities":%d,"critical":%d},"aur_findings":{"act":%d,"look":0}}}\n' \
		$((++generation)) "$@" >&9
}
generation=0
cat >"$dir/omg-standin" <<'END'
#!/bin/sh
# omg, except that omg aur check prints the hostile name of a package.
if [ "$1" = aur ]; then
	echo '<b>evil</b>&amp;'
	exit 0
fi
exec "$REAL_OMG" --socket "$STANDIN" "$@"
END
chmod 755 "$dir/omg-standin"
export STANDIN=$dir/standin.sock REAL_OMG=$dir/usr/bin/omg OMG_PROGRAM=$dir/omg-standin

push 3 0 0 0
start waybar waybar -c "$dir/waybar.json" -s "$dir/waybar.css"
waybar=$pid log=$dir/waybar.err
await 'waybar with updates' has_color 0 255 0
push 3 1 1 0
await 'waybar with an advisory' has_color 176 0 32
push 3 0 0 0
await 'waybar with updates again' has_color 0 255 0
push 3 0 0 1
await 'waybar with a finding to act on' has_color 176 0 32
end_bar waybar "$waybar"

# Notifications go to dunst, and dbus-monitor records the arguments of each call.
cat >"$dir/dbus.conf" <<END
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path=$dir/bus</listen>
  <policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy>
</busconfig>
END
start dbus dbus-daemon --nofork --config-file="$dir/dbus.conf"
await 'D-Bus' test -S "$dir/bus"
export DBUS_SESSION_BUS_ADDRESS=unix:path=$dir/bus
unset WAYLAND_DISPLAY
export DISPLAY=$display
start dunst dunst -conf /dev/null
await 'dunst' dunstctl is-paused
start monitor dbus-monitor --session "interface='org.freedesktop.Notifications',member='Notify'"
await 'dbus-monitor' grep -q NameAcquired "$dir/monitor.out"
push 3 0 0 0
start notify sh "$bars/omg-notify"
notify=$pid log=$dir/notify.err
calls() { [[ $(grep -c 'member=Notify$' "$dir/monitor.out") == "$1" ]]; }
displayed() { dunstctl count displayed; }
# field CALL N prints a line of the arguments of a call: 2 is the id of the replaced notification, 4 the title, 5 and following the text.
arguments() { awk -v n="$1" '/member=Notify$/ { call++ } call == n' "$dir/monitor.out"; }
await 'the first notification' calls 1
arguments 1 | grep -q '3 updates from repositories' || fail 'the first notification does not have the number of updates' "$dir/monitor.out"
arguments 1 | grep -A 1 '"urgency"' | grep -q 'byte 1' || fail 'the first notification is not of normal urgency' "$dir/monitor.out"
arguments 1 | grep -q 'uint32 0$' || fail 'the first notification replaces another one' "$dir/monitor.out"
push 2 0 0 0 # a smaller number is no news
push 2 4 1 0
await 'the second notification' calls 2
arguments 2 | grep -q '4 security advisories, 1 critical and 0 high' || fail 'the second notification does not have the advisories' "$dir/monitor.out"
arguments 2 | grep -A 1 '"urgency"' | grep -q 'byte 1' || fail 'an advisory is urgent' "$dir/monitor.out"
push 2 4 1 1
await 'the third notification' calls 3
arguments 3 | grep -A 1 '"urgency"' | grep -q 'byte 2' || fail 'a finding to act on is not urgent' "$dir/monitor.out"
arguments 3 | grep -qF '&lt;b&gt;evil&lt;/b&gt;&amp;amp;' || fail 'the markup of a name is not escaped' "$dir/monitor.out"
if arguments 3 | grep -qF '<b>'; then fail 'a name is markup' "$dir/monitor.out"; fi
first=$(arguments 2 | grep -o 'uint32 [0-9]*' | head -n 1)
[[ $first != 'uint32 0' && $first == "$(arguments 3 | grep -o 'uint32 [0-9]*' | head -n 1)" ]] || fail 'a notification does not replace the one before it' "$dir/monitor.out"
[[ $(displayed) == 1 ]] || fail "$(displayed) notifications are shown"
# systemd ends all processes of the service, here the shell and the programs that it has started.
mapfile -t children < <(pgrep -P "$notify")
end "$notify"
kill "${children[@]}"
await 'the end of omg watch after that of omg-notify' has_no_watch
[[ ! -s $dir/notify.err ]] || fail 'omg-notify has printed an error' "$dir/notify.err"
echo 'check-bars: notify-send ok'
