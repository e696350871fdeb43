# omg-probe: what this directory would run, in OMG_PROMPT, looked at before a prompt.
__omg_probe_command=(@COMMAND@)
__omg_probe_files=(@FILES@)

__omg_probe() {
	local ended=$? number='\#' key file part IFS=
	# The number of the command: an empty line does not change it. Older shells look each time.
	if ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] >= 404)); then number=${number@P}; else number=$RANDOM; fi
	key="$number $((SECONDS / 5)) $PWD"
	for file in "${__omg_probe_files[@]}"; do
		[[ -f $file && -r $file ]] || continue
		while LC_ALL=C read -r -d '' -n 4096 part || [[ -n $part ]]; do key+="/$part"; done 2>/dev/null <"$file"
	done
	if [[ $key != "${__omg_probe_key-}" ]]; then
		__omg_probe_key=$key
		OMG_PROMPT=$("${__omg_probe_command[@]}" 2>/dev/null </dev/null)
	fi
	return "$ended"
}

[[ ${PROMPT_COMMAND[*]-} == *__omg_probe* ]] || PROMPT_COMMAND="__omg_probe${PROMPT_COMMAND:+;$PROMPT_COMMAND}"
# A prompt that names the variable already is left as it is.
[[ ${PS1-} == *OMG_PROMPT* ]] || PS1='${OMG_PROMPT:+$OMG_PROMPT }'${PS1-}
