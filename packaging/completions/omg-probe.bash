# bash completion for omg-probe. Generated from --help by make docs: change the help instead.

_omg_probe() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command='' word words='' more=''
	COMPREPLY=()
	case $prev in
	--directory|--top|--socket|--data-dir|--dbpath) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && compopt -o filenames && return ;;
	--format|--deadline|--key) return ;;
	esac
	case $command in
	'')
		words='node python go rust ruby java bun all ec tc oc uc command init -C --directory -f --format -s --status -a --all -w --why --deadline --commands --browse --key --no-env --top --cross-borders --remote --socket --data-dir --dbpath -h --help -V --version'
		;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
	[[ $cur == -* ]] && return
	case $more in
	paths) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && compopt -o filenames ;;
	esac
}
complete -F _omg_probe omg-probe
