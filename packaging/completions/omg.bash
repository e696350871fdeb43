# bash completion for omg. Generated from --help by make docs: change the help instead.

_omg_packages() { omg search -q -n --offline --limit 0 -- "$1" 2>/dev/null | LC_ALL=C grep -x '[A-Za-z0-9][A-Za-z0-9@._+:-]*'; }
_omg_installed() { omg installed -q 2>/dev/null | LC_ALL=C grep -x '[A-Za-z0-9][A-Za-z0-9@._+:-]*'; }
_omg_known() { omg installed -q 2>/dev/null | LC_ALL=C grep -x '[A-Za-z0-9][A-Za-z0-9@._+:-]*'; omg search -q -n --no-aur --limit 0 -- "$1" 2>/dev/null | LC_ALL=C grep -x '[A-Za-z0-9][A-Za-z0-9@._+:-]*'; }
_omg_groups() { omg groups -q 2>/dev/null | LC_ALL=C grep -x '[A-Za-z0-9][A-Za-z0-9@._+:-]*'; }
_omg_repositories() { omg status --format '{{range .sources}}{{if eq .kind "repository"}}{{println .name}}{{end}}{{end}}' 2>/dev/null | LC_ALL=C grep -x '[A-Za-z0-9][A-Za-z0-9@._+:-]*'; }
_omg_settings() { omg config -q 2>/dev/null | LC_ALL=C grep -x '[A-Za-z0-9][A-Za-z0-9@._+:-]*'; }
_omg() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command='' word words='' more=''
	COMPREPLY=()
	case $prev in
	--socket|--index|--dbpath|--pacman-config|--data-dir|--log|--output|--source|--build-dir) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && compopt -o filenames && return ;;
	--limit|--repo|--sort|--format|--color|--view|--helper|--depth|-d|--by|--since|--severity|--fail-on|--from|--to|--exec|--lines) return ;;
	esac
	for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
		case "$command$word" in
		-F*l*) command=-packages ;;
		-Q*o*|-Q*p*|-F*|-U*) command=-paths ;;
		-Q*s*|-S*s*) command=-text ;;
		-Q*g*|-S*g*) command=-groups ;;
		-S*l*) command=-repositories ;;
		-S*) command=-packages ;;
		-Q*|-R*|-D*|-T*) command=-installed ;;
		esac
		case "$command $word" in
		' search'|' browse'|' info'|' list'|' groups'|' command'|' installed'|' explicit'|' orphans'|' foreign'|' why'|' tree'|' size'|' history'|' check'|' inventory'|' files'|' owns'|' outdated'|' security'|' aur'|' aur check'|' aur diff'|' aur log'|' aur ack'|' news'|' status'|' watch'|' runtime'|' runtime list'|' runtime which'|' runtime use'|' which'|' use'|' setup'|' doctor'|' daemon'|' daemon start'|' daemon stop'|' daemon restart'|' daemon status'|' daemon log-level'|' daemon logs'|' refresh'|' config'|' health'|' metrics'|' cache'|' cache clear') command+=" $word" ;;
		esac
	done
	case $command in
	'')
		words='search browse info list groups command installed explicit orphans foreign why tree size history check inventory files owns outdated security aur news status watch runtime which use setup doctor daemon refresh config health metrics cache --socket -s --index --dbpath --pacman-config --data-dir --no-daemon --no-pager --strict --help -h --version -v -Q -Qi -Ql -Qo -Qs -Qe -Qdt -Qm -Qu -Qk -Ss -Si -Sl -Sg -F -Fl -Dk -T'
		;;
	' search')
		words='--regex -x --name -n --limit --repo --aur --no-aur --live --offline --sort --explain --json --format --color --quiet -q --help -h'
		;;
	' browse')
		words='--print0 --format --repo-only --plain --view --helper --help -h'
		;;
	' info')
		words='--offline --installed -i --json --format --color --quiet -q --help -h'
		more=packages
		;;
	' list')
		words='--json --format --color --quiet -q --help -h'
		more=repositories
		;;
	' groups')
		words='--installed -i --json --format --color --quiet -q --help -h'
		more=groups
		;;
	' command')
		words='--exact --json --format --color --quiet -q --help -h'
		;;
	' installed')
		words='--explicit --deps --orphans --foreign --regex -x --partial --json --format --color --quiet -q --help -h'
		;;
	' explicit')
		words='--count -c --json --format --color --quiet -q --help -h'
		;;
	' orphans')
		words='--required --partial --json --format --color --quiet -q --help -h'
		;;
	' foreign')
		words='--partial --json --format --color --quiet -q --help -h'
		;;
	' why')
		words='--reverse -r --json --format --color --quiet -q --help -h'
		more=installed
		;;
	' tree')
		words='--reverse -r --depth -d --optional -o --sync -s --unique -u --ascii --dot --mermaid --json --format --color --quiet -q --help -h'
		more=installed
		;;
	' size')
		words='--groups -g --explicit -e --by --limit --json --format --color --quiet -q --help -h'
		more=installed
		;;
	' history')
		words='--since --limit -n --log --json --format --color --quiet -q --help -h'
		more=installed
		;;
	' check')
		words='--contents -c --rebuild --json --format --color --quiet -q --help -h'
		more=installed
		;;
	' inventory')
		words='--output -o --json --format --color --help -h'
		;;
	' files')
		words='--repos --json --format --color --quiet -q --help -h'
		more=known
		;;
	' owns')
		words='--repos --regex -x --json --format --color --quiet -q --help -h'
		more=paths
		;;
	' outdated')
		words='--all -a --aur --no-aur --security --devel --live --size --by --json --format --color --quiet -q --help -h'
		;;
	' security')
		words='--all -a --fixable --severity --cve --fail-on --source --json --format --color --quiet -q --help -h'
		more=installed
		;;
	' aur')
		words='check diff log ack --help -h'
		;;
	' aur check')
		words='--fail-on --honour-ack --offline --build-dir --json --format --color --quiet -q --help -h'
		;;
	' aur diff')
		words='--build-dir --from --to --json --format --color --help -h'
		;;
	' aur log')
		words='--all -a --since --json --format --color --quiet -q --help -h'
		;;
	' aur ack')
		words='--list -l --remove -r --json --format --color --quiet -q --help -h'
		;;
	' news')
		words='--all -a --read -r --json --format --color --quiet -q --help -h'
		;;
	' status')
		words='--json --format --color --history --limit --help -h'
		;;
	' watch')
		words='--json --format --color --exec --count -n --wait --help -h'
		;;
	' runtime')
		words='list which use --help -h'
		;;
	' runtime list')
		words='node python go rust ruby java bun --json --format --color --quiet -q --help -h'
		;;
	' runtime which')
		words='node python go rust ruby java bun --json --format --color --quiet -q --help -h'
		;;
	' runtime use')
		words='node python go rust ruby java bun --json --format --color --help -h'
		;;
	' which')
		words='node python go rust ruby java bun --json --format --color --quiet -q --help -h'
		;;
	' use')
		words='node python go rust ruby java bun --json --format --color --help -h'
		;;
	' setup')
		words='--yes -y --dry-run -n --remove --help -h'
		;;
	' doctor')
		words='--json --format --color --quiet -q --help -h'
		;;
	' daemon')
		words='start stop restart status log-level logs --help -h'
		;;
	' daemon start')
		words='--help -h'
		;;
	' daemon stop')
		words='--help -h'
		;;
	' daemon restart')
		words='--help -h'
		;;
	' daemon status')
		words='--json --format --color --help -h'
		;;
	' daemon log-level')
		words='--json --format --color --help -h'
		;;
	' daemon logs')
		words='--lines -n --follow -f --help -h'
		;;
	' refresh')
		words='--json --format --color --sources --help -h'
		;;
	' config')
		words='--json --format --color --quiet -q --system --help -h'
		more=settings
		;;
	' health')
		words='--json --format --color --quiet -q --help -h'
		;;
	' metrics')
		words='--help -h'
		;;
	' cache')
		words='clear --help -h'
		;;
	' cache clear')
		words='--json --format --color --help -h'
		;;
	'-packages')
		words=''
		more=packages
		;;
	'-paths')
		words=''
		more=paths
		;;
	'-text')
		words=''
		;;
	'-groups')
		words=''
		more=groups
		;;
	'-repositories')
		words=''
		more=repositories
		;;
	'-installed')
		words=''
		more=installed
		;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
	[[ $cur == -* ]] && return
	case $more in
	paths) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && compopt -o filenames ;;
	packages|installed|known|groups|repositories|settings)
		while IFS= read -r word; do
			[[ $word == "$cur"* ]] && COMPREPLY+=("$word")
		done < <(_omg_"$more" "$cur")
		;;
	esac
}
complete -F _omg omg
