# fish completion for omg-probe. Generated from --help by make docs: change the help instead.

function __omg_probe_at -a place
    set -l command ''
    test "$command" = "$place"
end
complete -c omg-probe -f
complete -c omg-probe -n '__omg_probe_at ""' -s C -d 'use DIR instead of the working directory'
complete -c omg-probe -n '__omg_probe_at ""' -l directory -r -F -d 'use DIR instead of the working directory'
complete -c omg-probe -n '__omg_probe_at ""' -s f -d 'plain, json, starship, waybar, polybar, i3blocks, tmux, or a template such as \'node {{.node}}, {{.updates}} updates\': {{.NAME}} is a runtime\'s version or one of the numbers'
complete -c omg-probe -n '__omg_probe_at ""' -l format -x -d 'plain, json, starship, waybar, polybar, i3blocks, tmux, or a template such as \'node {{.node}}, {{.updates}} updates\': {{.NAME}} is a runtime\'s version or one of the numbers'
complete -c omg-probe -n '__omg_probe_at ""' -s s -d 'show the numbers of omgd\'s last refresh'
complete -c omg-probe -n '__omg_probe_at ""' -l status -d 'show the numbers of omgd\'s last refresh'
complete -c omg-probe -n '__omg_probe_at ""' -s a -d 'also show versions that only a version manager\'s global file or the system\'s packages set'
complete -c omg-probe -n '__omg_probe_at ""' -l all -d 'also show versions that only a version manager\'s global file or the system\'s packages set'
complete -c omg-probe -n '__omg_probe_at ""' -s w -d 'explain what selected each version, what else was found, and what was skipped; no deadline'
complete -c omg-probe -n '__omg_probe_at ""' -l why -d 'explain what selected each version, what else was found, and what was skipped; no deadline'
complete -c omg-probe -n '__omg_probe_at ""' -l deadline -x -d 'after TIME print what is known, or nothing, and exit'
complete -c omg-probe -n '__omg_probe_at ""' -l commands -d 'with init: print the code for missing commands'
complete -c omg-probe -n '__omg_probe_at ""' -l browse -d 'with init: print the code for the package browser'
complete -c omg-probe -n '__omg_probe_at ""' -l key -x -d 'with --browse: alt- or ctrl- and a letter'
complete -c omg-probe -n '__omg_probe_at ""' -l no-env -d 'ignore VIRTUAL_ENV, PATH and similar variables, which in a bar are not those of a shell in DIR; the formats of bars imply it'
complete -c omg-probe -n '__omg_probe_at ""' -l top -r -F -d 'search upwards to DIR'
complete -c omg-probe -n '__omg_probe_at ""' -l cross-borders -d 'also search upwards across the borders of file systems'
complete -c omg-probe -n '__omg_probe_at ""' -l remote -d 'also search upwards on FUSE, NFS and CIFS'
complete -c omg-probe -n '__omg_probe_at ""' -l socket -r -F -d 'omgd\'s socket; the status file is next to it'
complete -c omg-probe -n '__omg_probe_at ""' -l data-dir -r -F -d 'omg\'s data directory, which contains versions/RUNTIME/current and the indexes'
complete -c omg-probe -n '__omg_probe_at ""' -l dbpath -r -F -d 'pacman\'s database directory, for the system\'s versions if there is no status file'
complete -c omg-probe -n '__omg_probe_at ""' -s h -d 'show this help'
complete -c omg-probe -n '__omg_probe_at ""' -l help -d 'show this help'
complete -c omg-probe -n '__omg_probe_at ""' -s V -d 'print the version'
complete -c omg-probe -n '__omg_probe_at ""' -l version -d 'print the version'
complete -c omg-probe -n '__omg_probe_at ""' -a 'node python go rust ruby java bun all ec tc oc uc command init'
