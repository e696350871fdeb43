# bash completion for omgd. Generated from --help by make docs: change the help instead.

_omgd() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command='' word words='' more=''
	COMPREPLY=()
	case $prev in
	--socket|-s|--dbpath|--pacman-config|--index|--data-dir) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && compopt -o filenames && return ;;
	--log-level) return ;;
	esac
	case $command in
	'')
		words='--foreground -f --system --socket -s --log-level --dbpath --pacman-config --index --data-dir --help -h --version -v'
		;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
	[[ $cur == -* ]] && return
	case $more in
	paths) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && compopt -o filenames ;;
	esac
}
complete -F _omgd omgd
