# omg-probe: what this directory would run, in OMG_PROMPT, looked at before a prompt.
__omg_probe_command=(@COMMAND@)
__omg_probe_files=(@FILES@)
__omg_probe_ended=(0)
__omg_probe_number='\#'
unset -v __omg_probe_failed __omg_probe_key

# $1 is what the last command ended with, the others are what each part of its pipeline did.
function __omg_probe_hook {
	local part number=0 pipeline=${!#}
	if [[ -o pipefail ]]; then for part in "${@:2}"; do ((part == 0)) || pipeline=$part; done; fi
	# Of a pipeline after ! only $? can be had again.
	if ((pipeline == $1)); then __omg_probe_ended=("$@"); else __omg_probe_ended=("$1"); fi
	# The number of the command: an empty line does not change it. Older shells look each time.
	if ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] >= 404)); then number=${__omg_probe_number@P}; fi
	# After an error or an interrupt in here, bash begins with PROMPT_COMMAND again: not twice for one command.
	[[ ${__omg_probe_failed-} != "$number" ]] || return 0
	__omg_probe_failed=$number
	((number > 0)) || number=$RANDOM
	local seconds=${SECONDS-} key file IFS=
	[[ -n $seconds && $seconds != *[!0-9]* ]] || seconds=0
	key="$number $((10#$seconds / 5)) ${PWD-}"
	for file in "${__omg_probe_files[@]}"; do
		[[ -f $file && -r $file ]] || continue
		while LC_ALL=C read -r -d '' -n 4096 part || [[ -n $part ]]; do key+="/$part"; done 2>/dev/null <"$file"
	done
	if [[ $key != "${__omg_probe_key-}" ]]; then
		__omg_probe_key=$key
		OMG_PROMPT=$("${__omg_probe_command[@]}" 2>/dev/null </dev/null)
	fi
	__omg_probe_failed=
}

function __omg_probe_end { return "$1"; }

# Where aliases are off. What follows sees $?, but not under errexit, which would end the shell.
function __omg_probe {
	__omg_probe_hook "$?" || :
	[[ $- == *e* ]] || return "${__omg_probe_ended[0]}"
}

# What follows sees $? and PIPESTATUS as they were, which a function could not set.
alias __omg_probe_restore='case ${#__omg_probe_ended[@]} in
3) __omg_probe_end "${__omg_probe_ended[1]}" | __omg_probe_end "${__omg_probe_ended[2]}" ;;
4) __omg_probe_end "${__omg_probe_ended[1]}" | __omg_probe_end "${__omg_probe_ended[2]}" | __omg_probe_end "${__omg_probe_ended[3]}" ;;
5) __omg_probe_end "${__omg_probe_ended[1]}" | __omg_probe_end "${__omg_probe_ended[2]}" | __omg_probe_end "${__omg_probe_ended[3]}" | __omg_probe_end "${__omg_probe_ended[4]}" ;;
6) __omg_probe_end "${__omg_probe_ended[1]}" | __omg_probe_end "${__omg_probe_ended[2]}" | __omg_probe_end "${__omg_probe_ended[3]}" | __omg_probe_end "${__omg_probe_ended[4]}" | __omg_probe_end "${__omg_probe_ended[5]}" ;;
*) __omg_probe_end "${__omg_probe_ended[0]}" ;;
esac'
# errexit passes over a command that && follows.
alias __omg_probe='{ __omg_probe_hook "$?" "${PIPESTATUS[@]}" || :
if [[ ${__omg_probe_ended[0]} == 0 ]]; then __omg_probe_restore; else __omg_probe_restore && :; fi; }'

[[ ${PROMPT_COMMAND[*]-} == *__omg_probe* ]] || PROMPT_COMMAND="__omg_probe${PROMPT_COMMAND:+;$PROMPT_COMMAND}"
# A prompt that names the variable already is left as it is.
[[ ${PS1-} == *OMG_PROMPT* ]] || PS1='${OMG_PROMPT:+$OMG_PROMPT }'${PS1-}
