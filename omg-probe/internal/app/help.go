package app

const help = `omg-probe - active runtime versions, pending updates and the packages of missing commands, for shells and status bars

Usage:
  omg-probe [flags] [RUNTIME...]         the versions that are active in this directory; RUNTIME is node, python, go,
                                         rust, ruby, java or bun; without RUNTIME, the versions that the shell or the
                                         project declares
  omg-probe --status [RUNTIME...|all]    updates, AUR updates, vulnerabilities, orphans, AUR findings; all: versions too
  omg-probe ec|tc|oc|uc                  number of explicit (ec), all (tc), orphaned (oc) packages, or of updates (uc)
  omg-probe command NAME|-               the packages that bring a command or, if there are none, commands with similar
                                         names; - reads NAME from the input
  omg-probe init bash|zsh|fish [...]     shell code for a prompt that shows what the other arguments select
  omg-probe init bash|zsh|fish --commands
                                         shell code with which an interactive shell that does not find a command runs
                                         omg-probe command
  omg-probe init bash|zsh|fish --browse  shell code with which a key opens omg browse and inserts the names of the
                                         chosen packages at the cursor

omg-probe only reads files: it runs no program, uses no network and no socket, and writes nothing.
A version with * is declared but not installed. ? is an unknown number, or a version that is not shown because it
contains unsafe characters. 2? is a number that may change once an unreadable database can be read again. --why
explains the result.

Flags:
  -C, --directory DIR  use DIR instead of the working directory
  -f, --format FORMAT  plain, json, starship, waybar, polybar, i3blocks, tmux, or a template such as 'node {{.node}},
                       {{.updates}} updates': {{.NAME}} is a runtime's version or one of the numbers
  -s, --status         show the numbers of omgd's last refresh
  -a, --all            also show versions that only a version manager's global file or the system's packages set
  -w, --why            explain what selected each version, what else was found, and what was skipped; no deadline
  --deadline TIME      after TIME print what is known, or nothing, and exit (default 10ms, 15ms for command; 0: no
                       deadline)
  --commands           with init: print the code for missing commands
  --browse             with init: print the code for the package browser
  --key KEY            with --browse: alt- or ctrl- and a letter (default alt-i)
  --no-env             ignore VIRTUAL_ENV, PATH and similar variables, which in a bar are not those of a shell in DIR;
                       the formats of bars imply it
  --top DIR            search upwards to DIR (default: the home directory)
  --cross-borders      also search upwards across the borders of file systems
  --remote             also search upwards on FUSE, NFS and CIFS
  --socket PATH        omgd's socket; the status file is next to it
  --data-dir DIR       omg's data directory, which contains versions/RUNTIME/current and the indexes
  --dbpath DIR         pacman's database directory, for the system's versions if there is no status file
  -h, --help           show this help
  -V, --version        print the version

Exit codes: 0 answered, or nothing to show; 1 command: nothing is known; 2 wrong usage; 3 cannot answer
`
