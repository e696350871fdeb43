package app

const help = `omg-probe - the versions that this directory would run, for prompts and bars

Usage:
  omg-probe [flags] [RUNTIME...]         the active versions; RUNTIME is node, python, go, rust, ruby, java, bun;
                                         without one those that the shell or the project declares
  omg-probe --status [RUNTIME...|all]    what waits: updates, AUR updates, vulnerabilities, orphans; all: versions, too
  omg-probe ec|tc|oc|uc                  one number: explicit, all, orphans, updates
  omg-probe init bash|zsh|fish [...]     shell code for a prompt that shows what the other words ask for

It reads files and does nothing else: no program is run, no network or socket is used, nothing is written.
A version with * is declared and not installed; ? is a number that is not known, or a version that is not shown because
it could be a command; 2? is a number that a database which could not be read could change. Only --why says more.

Flags:
  -C, --directory DIR  look at DIR instead of the working directory
  -f, --format FORMAT  plain, json, starship, waybar, polybar, i3blocks, tmux, or a template such as 'node {{.node}},
                       {{.updates}} updates': {{.NAME}} is a runtime's version or one of the numbers
  -s, --status         the numbers of omgd's last refresh
  -a, --all            also runtimes that only a manager's global file or the system has
  -w, --why            say what decided, what else was found, and what was skipped; waits as long as it takes
  --deadline TIME      print what is known after TIME, or nothing, and exit with 0; 0 for no end (default 10ms)
  --no-env             do not believe VIRTUAL_ENV, PATH and the like: they are those of a bar, not of a shell in DIR;
                       so it is with the formats of bars
  --top DIR            search upwards to DIR (default: the home directory)
  --cross-borders      search upwards beyond a file system's border too
  --remote             search upwards on FUSE, NFS and CIFS too
  --socket PATH        omgd's socket, beside which its status file lies
  --data-dir DIR       omg's data directory, which has versions/RUNTIME/current
  --dbpath DIR         pacman's database directory, asked for the system's versions where there is no status file
  -h, --help           this text
  -V, --version        this program's version

Exit codes: 0, also where there is nothing to show; 2 usage; 3 it cannot answer
`
