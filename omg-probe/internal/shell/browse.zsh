# In an interactive zsh, a key opens the package browser. The names of the chosen packages are inserted at the cursor.
if [[ -o interactive ]]; then
	typeset -ga __omg_browse_command
	__omg_browse_command=(@COMMAND@)

	__omg_browse() {
		emulate -L zsh
		local only='' name names=''
		# pacman has no packages of the AUR.
		[[ ! $LBUFFER =~ '(^|[[:space:];&|(])pacman[[:space:]]' ]] || only=--repo-only
		for name in "${(f)$($__omg_browse_command $only)}"; do
			[[ -z $name ]] || names+="${(q)name} "
		done
		zle reset-prompt
		[[ -n $names ]] || return 0
		[[ -z $LBUFFER || $LBUFFER == *[[:space:]] ]] || names=" $names"
		LBUFFER+=$names
	}
	zle -N __omg_browse

	() {
		emulate -L zsh
		local keymap
		for keymap in @KEYMAPS@; do
			bindkey -M $keymap '@KEY@' __omg_browse
		done
	}
fi
