# omg-probe: what this directory would run, in OMG_PROMPT and psvar[9], looked at before a prompt.
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

# What ran may have changed what is shown.
__omg_probe_ran() { __omg_probe_key= }

# In a function, whose options are zsh's own, whatever the user's are.
__omg_probe_install() {
	emulate -L zsh
	precmd_functions=(${precmd_functions:#__omg_probe} __omg_probe)
	preexec_functions=(${preexec_functions:#__omg_probe_ran} __omg_probe_ran)
	# psvar is shown as it is, whatever prompt_subst says. A prompt that has it already is left as it is.
	[[ $PROMPT$RPROMPT == *(%9v|OMG_PROMPT)* ]] || PROMPT="%(9V.%9v .)$PROMPT"
}
__omg_probe_install
unfunction __omg_probe_install
