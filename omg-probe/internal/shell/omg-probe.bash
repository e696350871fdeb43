# Before a prompt, this code stores omg-probe's output in OMG_PROMPT.
__omg_probe_command=(@COMMAND@)
__omg_probe_files=(@FILES@)
__omg_probe_ended=(0)
__omg_probe_number='\#'
unset -v __omg_probe_failed __omg_probe_key

# $1 is the exit status of the last command. The other arguments are the exit statuses of the parts of its pipeline.
function __omg_probe_hook {
	local part number=0 pipeline=${!#}
	if [[ -o pipefail ]]; then for part in "${@:2}"; do ((part == 0)) || pipeline=$part; done; fi
	# After a pipeline with !, only $? can be restored.
	if ((pipeline == $1)); then __omg_probe_ended=("$@"); else __omg_probe_ended=("$1"); fi
	# An empty line does not change the number of the command. Before bash 4.4, omg-probe runs at each prompt.
	if ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] >= 404)); then number=${__omg_probe_number@P}; fi
	# After an error or an interrupt in this function, bash runs PROMPT_COMMAND again. Do nothing the second time.
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

# This function is used if aliases are off. The code after it in PROMPT_COMMAND sees $?, except under errexit, where
# returning an error would end the shell.
function __omg_probe {
	__omg_probe_hook "$?" || :
	[[ $- == *e* ]] || return "${__omg_probe_ended[0]}"
}

# With this alias, the code after it in PROMPT_COMMAND sees the old $? and PIPESTATUS. A function could not set them.
alias __omg_probe_restore='case ${#__omg_probe_ended[@]} in
3) __omg_probe_end "${__omg_probe_ended[1]}" | __omg_probe_end "${__omg_probe_ended[2]}" ;;
4) __omg_probe_end "${__omg_probe_ended[1]}" | __omg_probe_end "${__omg_probe_ended[2]}" | __omg_probe_end "${__omg_probe_ended[3]}" ;;
5) __omg_probe_end "${__omg_probe_ended[1]}" | __omg_probe_end "${__omg_probe_ended[2]}" | __omg_probe_end "${__omg_probe_ended[3]}" | __omg_probe_end "${__omg_probe_ended[4]}" ;;
6) __omg_probe_end "${__omg_probe_ended[1]}" | __omg_probe_end "${__omg_probe_ended[2]}" | __omg_probe_end "${__omg_probe_ended[3]}" | __omg_probe_end "${__omg_probe_ended[4]}" | __omg_probe_end "${__omg_probe_ended[5]}" ;;
*) __omg_probe_end "${__omg_probe_ended[0]}" ;;
esac'
# errexit ignores the failure of a command before &&.
alias __omg_probe='{ __omg_probe_hook "$?" "${PIPESTATUS[@]}" || :
if [[ ${__omg_probe_ended[0]} == 0 ]]; then __omg_probe_restore; else __omg_probe_restore && :; fi; }'

[[ ${PROMPT_COMMAND[*]-} == *__omg_probe* ]] || PROMPT_COMMAND="__omg_probe${PROMPT_COMMAND:+;$PROMPT_COMMAND}"
# A prompt that already contains the variable is not changed.
[[ ${PS1-} == *OMG_PROMPT* ]] || PS1='${OMG_PROMPT:+$OMG_PROMPT }'${PS1-}
