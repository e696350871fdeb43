# fish completion for omg-probe. Made by make docs from --help: change that instead.

function __omg_probe_at -a place
    set -l said ''
    test "$said" = "$place"
end
complete -c omg-probe -f
complete -c omg-probe -n '__omg_probe_at ""' -s C -d 'look at DIR instead of the working directory'
complete -c omg-probe -n '__omg_probe_at ""' -l directory -r -F -d 'look at DIR instead of the working directory'
complete -c omg-probe -n '__omg_probe_at ""' -s f -d 'plain, json, starship, waybar, polybar, i3blocks, tmux, or a template such as \'node {{.node}}, {{.updates}} updates\': {{.NAME}} is a runtime\'s version or one of the numbers'
complete -c omg-probe -n '__omg_probe_at ""' -l format -x -d 'plain, json, starship, waybar, polybar, i3blocks, tmux, or a template such as \'node {{.node}}, {{.updates}} updates\': {{.NAME}} is a runtime\'s version or one of the numbers'
complete -c omg-probe -n '__omg_probe_at ""' -s s -d 'the numbers of omgd\'s last refresh'
complete -c omg-probe -n '__omg_probe_at ""' -l status -d 'the numbers of omgd\'s last refresh'
complete -c omg-probe -n '__omg_probe_at ""' -s a -d 'also runtimes that only a manager\'s global file or the system has'
complete -c omg-probe -n '__omg_probe_at ""' -l all -d 'also runtimes that only a manager\'s global file or the system has'
complete -c omg-probe -n '__omg_probe_at ""' -s w -d 'say what decided, what else was found, and what was skipped; waits as long as it takes'
complete -c omg-probe -n '__omg_probe_at ""' -l why -d 'say what decided, what else was found, and what was skipped; waits as long as it takes'
complete -c omg-probe -n '__omg_probe_at ""' -l deadline -x -d 'print what is known after TIME, or nothing, and exit with 0; 0 for no end'
complete -c omg-probe -n '__omg_probe_at ""' -l no-env -d 'do not believe VIRTUAL_ENV, PATH and the like: they are those of a bar, not of a shell in DIR; so it is with the formats of bars'
complete -c omg-probe -n '__omg_probe_at ""' -l top -r -F -d 'search upwards to DIR'
complete -c omg-probe -n '__omg_probe_at ""' -l cross-borders -d 'search upwards beyond a file system\'s border too'
complete -c omg-probe -n '__omg_probe_at ""' -l remote -d 'search upwards on FUSE, NFS and CIFS too'
complete -c omg-probe -n '__omg_probe_at ""' -l socket -r -F -d 'omgd\'s socket, beside which its status file lies'
complete -c omg-probe -n '__omg_probe_at ""' -l data-dir -r -F -d 'omg\'s data directory, which has versions/RUNTIME/current'
complete -c omg-probe -n '__omg_probe_at ""' -l dbpath -r -F -d 'pacman\'s database directory, asked for the system\'s versions where there is no status file'
complete -c omg-probe -n '__omg_probe_at ""' -s h -d 'this text'
complete -c omg-probe -n '__omg_probe_at ""' -l help -d 'this text'
complete -c omg-probe -n '__omg_probe_at ""' -s V -d 'this program\'s version'
complete -c omg-probe -n '__omg_probe_at ""' -l version -d 'this program\'s version'
complete -c omg-probe -n '__omg_probe_at ""' -a 'node python go rust ruby java bun all ec tc oc uc init'
