# bash completion for omg-index. Generated from --help by make docs: change the help instead.

_omg_index() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command='' word words='' more=''
	COMPREPLY=()
	case $prev in
	--dbpath|--pacman-config|--db|--aur|--popularity|-o|--output|--data-dir|--to|--export|--import|-s|--secret-key|-p|--public-key|--out|--cache-dir|--offline-key) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && compopt -o filenames && return ;;
	--repo|--source|--server|--expires|--note|--proxy|--timeout|--user-agent|-P) return ;;
	esac
	for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
		case "$command $word" in
		' build'|' info'|' verify'|' dump'|' journal'|' keygen'|' publish'|' keys'|' pull') command+=" $word" ;;
		esac
	done
	case $command in
	'')
		words='build info verify dump journal keygen publish keys pull --help -h --version -v'
		;;
	' build')
		words='--dbpath --pacman-config --repo --db --aur --files --popularity -o --output --data-dir --help -h'
		;;
	' info')
		words='--json --help -h'
		more=paths
		;;
	' verify')
		words='--help -h'
		more=paths
		;;
	' dump')
		words='--help -h'
		more=paths
		;;
	' journal')
		words='--to --export --import --help -h'
		;;
	' keygen')
		words='-s --secret-key -p --public-key -W --without-password --help -h'
		;;
	' publish')
		words='-s --secret-key --out --dbpath --pacman-config --source --server --journal-names --expires --note --fetch --cache-dir --proxy --timeout --user-agent --help -h'
		;;
	' keys')
		words='-s --secret-key --out --expires --help -h'
		;;
	' pull')
		words='-p --offline-key -P --proxy --timeout --user-agent --data-dir --help -h'
		;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
	[[ $cur == -* ]] && return
	case $more in
	paths) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && compopt -o filenames ;;
	esac
}
complete -F _omg_index omg-index
