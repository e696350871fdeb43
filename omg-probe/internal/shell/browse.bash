# In an interactive bash, a key opens the package browser. The names of the chosen packages are inserted at the cursor.
if [[ $- == *i* ]]; then
	__omg_browse_command=(@COMMAND@)

	function __omg_browse {
		local before=${READLINE_LINE:0:READLINE_POINT} only='' name names=''
		# pacman has no packages of the AUR.
		[[ ! $before =~ (^|[[:space:]\;\&\|\(])pacman[[:space:]] ]] || only=--repo-only
		while IFS= read -r name; do
			[[ -z $name ]] || builtin printf -v names '%s%q ' "$names" "$name"
		done <<<"$("${__omg_browse_command[@]}" ${only:+"$only"})"
		[[ -n $names ]] || return 0
		[[ -z $before || $before == *[[:space:]] ]] || names=" $names"
		READLINE_LINE=$before$names${READLINE_LINE:READLINE_POINT}
		READLINE_POINT=$((READLINE_POINT + ${#names}))
	}

	for __omg_browse_keymap in @KEYMAPS@; do
		bind -m "$__omg_browse_keymap" -x '"@KEY@": __omg_browse'
	done
	unset -v __omg_browse_keymap
fi
