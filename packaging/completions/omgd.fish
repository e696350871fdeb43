# fish completion for omgd. Generated from --help by make docs: change the help instead.

function __omgd_at -a place
    set -l command ''
    test "$command" = "$place"
end
complete -c omgd -f
complete -c omgd -n '__omgd_at ""' -l foreground -d 'stay in the foreground'
complete -c omgd -n '__omgd_at ""' -s f -d 'stay in the foreground'
complete -c omgd -n '__omgd_at ""' -l system -d 'serve all users, with data in /var/lib/omg'
complete -c omgd -n '__omgd_at ""' -l socket -r -F -d 'listen on PATH'
complete -c omgd -n '__omgd_at ""' -s s -r -F -d 'listen on PATH'
complete -c omgd -n '__omgd_at ""' -l log-level -x -d 'log messages of at least LEVEL: error, warn, info, debug or trace'
complete -c omgd -n '__omgd_at ""' -l dbpath -r -F -d 'pacman\'s database DIR'
complete -c omgd -n '__omgd_at ""' -l pacman-config -r -F -d 'read the repositories from FILE'
complete -c omgd -n '__omgd_at ""' -l index -r -F -d 'answer from the index FILE, which was built elsewhere'
complete -c omgd -n '__omgd_at ""' -l data-dir -r -F -d 'omg\'s data DIR'
complete -c omgd -n '__omgd_at ""' -l help -d 'show help'
complete -c omgd -n '__omgd_at ""' -s h -d 'show help'
complete -c omgd -n '__omgd_at ""' -l version -d 'print the version'
complete -c omgd -n '__omgd_at ""' -s v -d 'print the version'
