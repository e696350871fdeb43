# fish completion for omg-index. Generated from --help by make docs: change the help instead.

function __omg_index_at -a place
    set -l command ''
    for word in (commandline -opc)[2..-1]
        switch "$command $word"
            case ' build' ' info' ' verify' ' dump' ' journal' ' keygen' ' publish'
                set command "$command $word"
        end
    end
    test "$command" = "$place"
end
complete -c omg-index -f
complete -c omg-index -n '__omg_index_at ""' -a build -d 'build an index from pacman\'s databases, the AUR\'s dump, or both'
complete -c omg-index -n '__omg_index_at ""' -a info -d 'show what an index was built from'
complete -c omg-index -n '__omg_index_at ""' -a verify -d 'check every byte of an index'
complete -c omg-index -n '__omg_index_at ""' -a dump -d 'print every package of an index, one JSON object per line'
complete -c omg-index -n '__omg_index_at ""' -a journal -d 'print what happened in the AUR between two of its dumps'
complete -c omg-index -n '__omg_index_at ""' -a keygen -d 'create a key that signs published directories'
complete -c omg-index -n '__omg_index_at ""' -a publish -d 'write a signed directory from which other machines get their indexes'
complete -c omg-index -n '__omg_index_at ""' -l help -d 'show help'
complete -c omg-index -n '__omg_index_at ""' -s h -d 'show help'
complete -c omg-index -n '__omg_index_at ""' -l version -d 'print the version'
complete -c omg-index -n '__omg_index_at ""' -s v -d 'print the version'
complete -c omg-index -n '__omg_index_at " build"' -l dbpath -r -F -d 'pacman\'s database DIR'
complete -c omg-index -n '__omg_index_at " build"' -l pacman-config -r -F -d 'read the repositories from FILE'
complete -c omg-index -n '__omg_index_at " build"' -l repo -x -d 'only the repository NAME'
complete -c omg-index -n '__omg_index_at " build"' -l db -r -F -d 'read the database FILE instead of those in DIR/sync; the file name is the name of the repository'
complete -c omg-index -n '__omg_index_at " build"' -l aur -r -F -d 'read the AUR\'s dump FILE, or its git archive'
complete -c omg-index -n '__omg_index_at " build"' -l files -d 'index the files of the packages, from databases with file lists'
complete -c omg-index -n '__omg_index_at " build"' -l popularity -r -F -d 'sort results also by the shares in FILE, a reply of pkgstats'
complete -c omg-index -n '__omg_index_at " build"' -s o -r -F -d 'write one FILE with all sources'
complete -c omg-index -n '__omg_index_at " build"' -l output -r -F -d 'write one FILE with all sources'
complete -c omg-index -n '__omg_index_at " build"' -l data-dir -r -F -d 'omg\'s data DIR'
complete -c omg-index -n '__omg_index_at " build"' -l help -d 'show help'
complete -c omg-index -n '__omg_index_at " build"' -s h -d 'show help'
complete -c omg-index -n '__omg_index_at " info"' -l json -d 'print JSON'
complete -c omg-index -n '__omg_index_at " info"' -l help -d 'show help'
complete -c omg-index -n '__omg_index_at " info"' -s h -d 'show help'
complete -c omg-index -n '__omg_index_at " info"' -F
complete -c omg-index -n '__omg_index_at " verify"' -l help -d 'show help'
complete -c omg-index -n '__omg_index_at " verify"' -s h -d 'show help'
complete -c omg-index -n '__omg_index_at " verify"' -F
complete -c omg-index -n '__omg_index_at " dump"' -l help -d 'show help'
complete -c omg-index -n '__omg_index_at " dump"' -s h -d 'show help'
complete -c omg-index -n '__omg_index_at " dump"' -F
complete -c omg-index -n '__omg_index_at " journal"' -l to -r -F -d 'add the events to the journal FILE'
complete -c omg-index -n '__omg_index_at " journal"' -l export -r -F -d 'print the journal FILE'
complete -c omg-index -n '__omg_index_at " journal"' -l import -r -F -d 'read lines of JSON from FILE, or from standard input if it is -'
complete -c omg-index -n '__omg_index_at " journal"' -l help -d 'show help'
complete -c omg-index -n '__omg_index_at " journal"' -s h -d 'show help'
complete -c omg-index -n '__omg_index_at " keygen"' -s s -r -F -d 'the FILE of the secret key'
complete -c omg-index -n '__omg_index_at " keygen"' -l secret-key -r -F -d 'the FILE of the secret key'
complete -c omg-index -n '__omg_index_at " keygen"' -s p -r -F -d 'the FILE of the public key'
complete -c omg-index -n '__omg_index_at " keygen"' -l public-key -r -F -d 'the FILE of the public key'
complete -c omg-index -n '__omg_index_at " keygen"' -s W -d 'do not encrypt the secret key'
complete -c omg-index -n '__omg_index_at " keygen"' -l without-password -d 'do not encrypt the secret key'
complete -c omg-index -n '__omg_index_at " keygen"' -l help -d 'show help'
complete -c omg-index -n '__omg_index_at " keygen"' -s h -d 'show help'
complete -c omg-index -n '__omg_index_at " publish"' -s s -r -F -d 'the FILE of the secret key'
complete -c omg-index -n '__omg_index_at " publish"' -l secret-key -r -F -d 'the FILE of the secret key'
complete -c omg-index -n '__omg_index_at " publish"' -l out -r -F -d 'the published DIR, which is created if it does not exist'
complete -c omg-index -n '__omg_index_at " publish"' -l dbpath -r -F -d 'pacman\'s database DIR'
complete -c omg-index -n '__omg_index_at " publish"' -l pacman-config -r -F -d 'read the repositories from FILE'
complete -c omg-index -n '__omg_index_at " publish"' -l source -x -d 'publish SOURCE'
complete -c omg-index -n '__omg_index_at " publish"' -l expires -x -d 'the manifest expires after TIME'
complete -c omg-index -n '__omg_index_at " publish"' -l note -x -d 'a line of TEXT in the manifest, for those who read it'
complete -c omg-index -n '__omg_index_at " publish"' -l help -d 'show help'
complete -c omg-index -n '__omg_index_at " publish"' -s h -d 'show help'
