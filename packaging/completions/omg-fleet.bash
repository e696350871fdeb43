# bash completion for omg-fleet. Generated from --help by make docs: change the help instead.

_omg_fleet_known() { omg installed -q 2>/dev/null | LC_ALL=C grep -x '[A-Za-z0-9][A-Za-z0-9@._+:-]*'; omg search -q -n --no-aur --limit 0 -- "$1" 2>/dev/null | LC_ALL=C grep -x '[A-Za-z0-9][A-Za-z0-9@._+:-]*'; }
_omg_fleet() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command='' word words='' more=''
	COMPREPLY=()
	case $prev in
	--from|--roster|--creds|--ca|--token-file|--metrics-token-file|--tls-cert|--tls-key|--socket|--dir|--server-dir|--state-dir|--output|-o|--jwt) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && compopt -o filenames && return ;;
	--server|--deadline|--stale|--format|--severity|--listen|--host-name|--proxy-user-header|--limit|--host|--interval|--max-age) return ;;
	esac
	for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
		case "$command $word" in
		' hosts'|' status'|' outdated'|' security'|' has'|' search'|' aur'|' watch'|' web'|' lookup'|' lookup search'|' lookup info'|' lookup command'|' agent'|' node'|' dev'|' init'|' setup'|' host'|' host add'|' host revoke'|' host list'|' key'|' doctor') command+=" $word" ;;
		esac
	done
	case $command in
	'')
		words='hosts status outdated security has search aur watch web lookup agent node dev init setup host key doctor --from --roster --server --creds --ca --stored --deadline --stale --require-all --help -h --version -v'
		;;
	' hosts')
		words='--json --format --quiet -q --help -h'
		;;
	' status')
		words='--json --format --quiet -q --help -h'
		;;
	' outdated')
		words='--json --format --quiet -q --help -h'
		more=known
		;;
	' security')
		words='--severity --all -a --json --format --quiet -q --help -h'
		;;
	' has')
		words='--json --format --quiet -q --help -h'
		more=known
		;;
	' search')
		words='--regex -x --name -n --json --format --quiet -q --help -h'
		;;
	' aur')
		words='--json --format --quiet -q --help -h'
		;;
	' watch')
		words='--json --format --quiet -q --help -h'
		;;
	' web')
		words='--listen --host-name --token-file --metrics-token-file --proxy-user-header --tls-cert --tls-key --help -h'
		;;
	' lookup')
		words='search info command --help -h'
		;;
	' lookup search')
		words='--regex -x --name -n --limit --host --json --format --quiet -q --help -h'
		;;
	' lookup info')
		words='--host --json --format --quiet -q --help -h'
		;;
	' lookup command')
		words='--host --json --format --quiet -q --help -h'
		;;
	' agent')
		words='--host --socket --interval --help -h'
		;;
	' node')
		words='--host --socket --help -h'
		;;
	' dev')
		words='--listen --dir --help -h'
		;;
	' init')
		words='--dir --self-signed --leaf --server-dir --state-dir --help -h'
		;;
	' setup')
		words='--dir --renew-admin --max-age --help -h'
		;;
	' host')
		words='add revoke list --help -h'
		;;
	' host add')
		words='--dir --node --output -o --help -h'
		;;
	' host revoke')
		words='--dir --leaf --help -h'
		;;
	' host list')
		words='--dir --json --help -h'
		;;
	' key')
		words='--jwt --help -h'
		more=paths
		;;
	' doctor')
		words='--dir --json --help -h'
		;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
	[[ $cur == -* ]] && return
	case $more in
	paths) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && compopt -o filenames ;;
	known)
		while IFS= read -r word; do
			[[ $word == "$cur"* ]] && COMPREPLY+=("$word")
		done < <(_omg_fleet_"$more" "$cur")
		;;
	esac
}
complete -F _omg_fleet omg-fleet
