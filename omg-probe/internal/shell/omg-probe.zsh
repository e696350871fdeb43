# Before a prompt, this code stores omg-probe's output in OMG_PROMPT and psvar[9].
typeset -ga __omg_probe_command __omg_probe_files precmd_functions preexec_functions psvar
__omg_probe_command=(@COMMAND@)
__omg_probe_files=(@FILES@)
typeset -g __omg_probe_key= OMG_PROMPT=

__omg_probe() {
	emulate -L zsh
	setopt no_err_exit no_err_return
	local file key="$((SECONDS / 5)) $PWD"
	key=${key/.* / }
	for file in $__omg_probe_files; do
		[[ -f $file && -r $file ]] && key+=/$(<$file)
	done
	if [[ $key != "$__omg_probe_key" ]]; then
		__omg_probe_key=$key
		OMG_PROMPT=$($__omg_probe_command 2>/dev/null </dev/null)
		psvar[9]=$OMG_PROMPT
	fi
	return 0
}

# A command may have changed what omg-probe prints.
__omg_probe_ran() { __omg_probe_key= }

# A function, because it can set zsh's default options without changing the user's options.
__omg_probe_install() {
	emulate -L zsh
	precmd_functions=(${precmd_functions:#__omg_probe} __omg_probe)
	preexec_functions=(${preexec_functions:#__omg_probe_ran} __omg_probe_ran)
	# zsh does not expand the content of psvar, even with prompt_subst. A prompt that already contains it is not changed.
	[[ $PROMPT$RPROMPT == *(%9v|OMG_PROMPT)* ]] || PROMPT="%(9V.%9v .)$PROMPT"
}
__omg_probe_install
unfunction __omg_probe_install
