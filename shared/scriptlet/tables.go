package scriptlet

// words makes a set of words.
func words(list ...string) map[string]bool {
	set := make(map[string]bool, len(list))
	for _, word := range list {
		set[word] = true
	}
	return set
}

// prefix describes a command that runs the command in its arguments.
type prefix struct {
	// valued lists the options that have a value as the next argument.
	valued map[string]bool
	// positional is the number of arguments before the command.
	positional int
	// text is the option whose value is a text for the shell; empty if there is none.
	text string
}

// prefixes lists the commands that run another command.
var prefixes = map[string]prefix{
	"arch-chroot":      {valued: words("-u"), positional: 1},
	"builtin":          {},
	"busybox":          {},
	"chroot":           {positional: 1},
	"chrt":             {positional: 1},
	"command":          {},
	"dbus-launch":      {},
	"dbus-run-session": {},
	"doas":             {valued: words("-u", "-C")},
	"eatmydata":        {},
	"env":              {valued: words("-u", "--unset", "-C", "--chdir"), text: "-S"},
	"exec":             {valued: words("-a")},
	"fakeroot":         {},
	"firejail":         {},
	"flock":            {valued: words("-w", "--timeout", "-E"), positional: 1, text: "-c"},
	"gosu":             {positional: 1},
	"ionice":           {valued: words("-c", "-n", "--class", "--classdata")},
	"linux32":          {},
	"linux64":          {},
	"nice":             {valued: words("-n", "--adjustment")},
	"nohup":            {},
	"parallel":         {valued: words("-j", "--jobs")},
	"pkexec":           {valued: words("--user")},
	"prlimit":          {},
	"proxychains":      {valued: words("-f")},
	"proxychains4":     {valued: words("-f")},
	"runuser":          {valued: words("-u", "--user", "-g", "-G", "-s", "--shell", "-w"), text: "-c"},
	"script":           {valued: words("-I", "-O", "-B", "-T"), text: "-c"},
	"setarch":          {positional: 1},
	"setpriv":          {valued: words("--reuid", "--regid", "--groups")},
	"setsid":           {},
	"sg":               {positional: 1, text: "-c"},
	"stdbuf":           {valued: words("-i", "-o", "-e")},
	"strace":           {valued: words("-o", "-e", "-s", "-u")},
	"su":               {valued: words("-s", "--shell", "-g", "-G", "-w"), text: "-c"},
	"su-exec":          {positional: 1},
	"sudo":             {valued: words("-u", "--user", "-g", "--group", "-C", "-D", "-h", "-p", "-r", "-t", "-T", "-U", "-R")},
	"systemd-cat":      {valued: words("-t", "-p")},
	"systemd-inhibit":  {},
	"systemd-run":      {valued: words("-p", "-u", "-M", "--unit", "--property")},
	"taskset":          {positional: 1},
	"time":             {valued: words("-f", "-o")},
	"timeout":          {valued: words("-k", "-s", "--signal", "--kill-after"), positional: 1},
	"torify":           {},
	"torsocks":         {},
	"toybox":           {},
	"tsocks":           {},
	"unbuffer":         {},
	"unshare":          {},
	"watch":            {valued: words("-n", "--interval")},
	"xargs":            {valued: words("-I", "-n", "-P", "-L", "-d", "-a", "-E", "-s", "--arg-file", "--delimiter", "--max-args")},
	"xvfb-run":         {valued: words("-n", "-s", "-e", "-f", "-p", "-w", "--server-args")},
}

// shells lists the programs that run a text in the language of the shell.
var shells = words("sh", "bash", "dash", "zsh", "ksh", "mksh", "ash", "rbash", "fish", "su")

// interpreters lists programs that run a text in another language, with the options that have this text as their value.
var interpreters = map[string]map[string]bool{
	"python": words("-c"), "perl": words("-e", "-E"), "ruby": words("-e"), "node": words("-e", "--eval", "-p", "--print"),
	"nodejs": words("-e", "--eval", "-p"), "php": words("-r"), "lua": words("-e"), "bun": words("-e", "--eval"), "deno": words("eval"),
	"Rscript": words("-e"), "julia": words("-e"), "tclsh": {}, "pwsh": words("-c", "-Command"),
}

// downloaders lists programs whose purpose is to transfer data over a network.
var downloaders = words("curl", "wget", "wget2", "wcurl", "curlie", "aria2c", "axel", "lftp", "ftp", "tftp", "ncftp", "ncftpget", "fetch", "http", "https", "xh",
	"lynx", "links", "elinks", "w3m", "nc", "ncat", "netcat", "socat", "telnet", "scp", "sftp", "ssh", "yt-dlp", "youtube-dl", "steamcmd",
	"gsutil", "rclone", "s3cmd", "transmission-cli", "zsync", "snarf", "puf", "freshclam", "geoipupdate", "websocat", "gdown", "megadl", "hf",
	"huggingface-cli")

// informative lists options with which a program only prints something about itself.
var informative = words("--version", "-V", "--help", "-h", "--manual")

// subcommands lists, for programs with subcommands, those that matter.
type subcommands struct {
	// valued lists the options before the subcommand that have a value as the next argument.
	valued map[string]bool
	// wanted lists the subcommands; an entry of two words is a subcommand with its own subcommand.
	wanted map[string]bool
}

// networkSubcommands lists programs that download something with some of their subcommands.
var networkSubcommands = map[string]subcommands{
	"git": {valued: words("-C", "-c", "--git-dir", "--work-tree", "--namespace"), wanted: words("clone", "fetch", "pull", "ls-remote", "submodule update",
		"remote update", "lfs pull", "lfs fetch")},
	"hg":        {valued: words("-R", "--cwd", "--config"), wanted: words("clone", "pull")},
	"svn":       {wanted: words("checkout", "co", "export", "update", "up")},
	"bzr":       {wanted: words("branch", "checkout", "pull")},
	"fossil":    {wanted: words("clone", "pull", "sync")},
	"docker":    {valued: words("-H", "--context", "--config"), wanted: words("pull", "run", "build", "compose up", "compose pull", "image pull")},
	"podman":    {wanted: words("pull", "run", "build")},
	"ollama":    {wanted: words("pull", "run")},
	"aws":       {wanted: words("s3")},
	"openssl":   {wanted: words("s_client")},
	"ipfs":      {wanted: words("get", "cat")},
	"gh":        {wanted: words("release download", "repo clone", "extension install")},
	"distrobox": {wanted: words("create")},
}

// installSubcommands lists package managers with the subcommands with which they install something.
var installSubcommands = map[string]subcommands{
	"npm": {valued: words("--prefix", "-C", "--registry", "--cache", "--loglevel"), wanted: words("install", "i", "in", "ins", "isntall", "add", "ci", "clean-install",
		"install-test", "it", "update", "up", "upgrade", "exec", "x", "init", "create", "link", "audit fix")},
	"pnpm":   {valued: words("--prefix", "-C", "--dir", "--filter"), wanted: words("install", "i", "add", "update", "up", "dlx", "create", "import", "fetch")},
	"yarn":   {valued: words("--cwd", "--prefix", "--cache-folder"), wanted: words("install", "add", "dlx", "create", "upgrade", "up", "global add", "")},
	"bun":    {valued: words("--cwd"), wanted: words("install", "i", "add", "a", "update", "x", "create", "c")},
	"deno":   {wanted: words("install", "add", "cache", "run")},
	"pip":    {valued: words("--proxy", "--python", "--cache-dir", "--log"), wanted: words("install", "download", "wheel")},
	"pipx":   {wanted: words("install", "run", "upgrade", "upgrade-all", "inject", "reinstall", "reinstall-all")},
	"uv":     {wanted: words("pip install", "pip sync", "tool install", "tool run", "tool upgrade", "add", "sync", "run", "python install")},
	"poetry": {wanted: words("install", "add", "update")}, "pdm": {wanted: words("install", "add", "sync", "update")},
	"pipenv": {wanted: words("install", "sync", "update")}, "conda": {wanted: words("install", "create", "update", "env create")},
	"mamba": {wanted: words("install", "create", "update")}, "micromamba": {wanted: words("install", "create", "update")},
	"gem": {wanted: words("install", "i", "update", "fetch")}, "bundle": {wanted: words("install", "update", "add", "")},
	"bundler":  {wanted: words("install", "update", "add")},
	"cargo":    {valued: words("-C", "-Z", "--config", "--color"), wanted: words("install", "binstall", "add", "update", "fetch", "vendor")},
	"go":       {valued: words("-C"), wanted: words("install", "get", "mod download", "mod tidy", "mod vendor")},
	"rustup":   {wanted: words("install", "update", "default", "toolchain install", "toolchain add", "component add", "target add")},
	"luarocks": {wanted: words("install", "build", "make", "download")}, "composer": {wanted: words("install", "require", "update", "create-project", "global require")},
	"dotnet": {wanted: words("restore", "add package", "tool install", "tool update", "tool restore")}, "nuget": {wanted: words("install", "restore", "update")},
	"mix": {wanted: words("deps.get", "archive.install", "escript.install", "local.hex", "local.rebar")}, "opam": {wanted: words("install", "init", "update", "upgrade")},
	"cabal": {wanted: words("install", "update", "get")}, "stack": {wanted: words("install", "setup", "update")}, "nimble": {wanted: words("install", "refresh")},
	"brew": {wanted: words("install", "update", "upgrade", "tap")}, "flatpak": {wanted: words("install", "update", "remote-add")},
	"snap": {wanted: words("install", "refresh")}, "apt": {wanted: words("install", "update", "upgrade")}, "apt-get": {wanted: words("install", "update", "upgrade")},
	"dnf": {wanted: words("install", "update", "upgrade")}, "yum": {wanted: words("install", "update")}, "zypper": {wanted: words("install", "in", "update")},
	"apk": {wanted: words("add", "update", "upgrade")}, "pamac": {wanted: words("install", "build", "update", "upgrade", "reinstall")},
	"nix": {wanted: words("profile install", "profile add", "run", "build", "shell")}, "guix": {wanted: words("install", "pull", "upgrade")},
	"apm": {wanted: words("install", "update", "upgrade")}, "ppm": {wanted: words("install", "update")}, "tlmgr": {wanted: words("install", "update")},
	"asdf": {wanted: words("install", "plugin add", "plugin-add")}, "mise": {wanted: words("install", "use")}, "sdk": {wanted: words("install")},
	"nvm": {wanted: words("install")}, "fnm": {wanted: words("install")}, "volta": {wanted: words("install")}, "corepack": {wanted: words("enable", "prepare", "install", "use")},
	"pyenv": {wanted: words("install")}, "rbenv": {wanted: words("install")}, "helm": {wanted: words("install", "repo add", "plugin install")},
	"raco": {wanted: words("pkg install", "pkg update")}, "vagrant": {wanted: words("plugin install", "box add", "up")},
	"ansible-galaxy": {wanted: words("install", "collection install", "role install")}, "fwupdmgr": {wanted: words("update", "install", "refresh")},
	"gext": {wanted: words("install")}, "spack": {wanted: words("install")}, "conan": {wanted: words("install")}, "vcpkg": {wanted: words("install")},
	"krew": {wanted: words("install")},
}

// runners lists programs that always download and run, or install, a package.
var runners = words("npx", "pnpx", "bunx", "uvx", "easy_install", "cpan", "cpanm", "cpanp", "cpm", "makepkg", "nix-env", "winetricks", "protontricks", "pear", "pecl", "basher")

// pacmans lists programs with the options of pacman.
var pacmans = words("pacman", "yay", "paru", "pikaur", "trizen", "yaourt", "aura", "aurman", "pakku", "pacaur", "powerpill", "dkp-pacman", "rua")

// serviceSubcommands lists the programs that control services, with the subcommands that enable or start one.
var serviceSubcommands = map[string]map[string]bool{
	"systemctl": words("enable", "reenable", "start", "restart", "reload-or-restart", "link", "unmask", "preset", "preset-all", "isolate", "add-wants", "add-requires",
		"set-default", "revert"),
	"rc-update": words("add"), "supervisorctl": words("start", "restart", "update"), "initctl": words("start", "restart"), "dinitctl": words("start", "restart", "enable"),
	"sv": words("up", "start", "restart", "once"), "loginctl": words("enable-linger"), "pm2": words("start", "startup", "restart"), "s6-rc": words("change", "start"),
	"ufw": words("enable", "allow"),
}

// serviceActions lists the programs whose last argument says what happens to a service.
var serviceActions = words("service", "rc-service", "rc.d", "chkconfig", "update-rc.d", "invoke-rc.d")

// startActions lists the actions for serviceActions that start or enable a service.
var startActions = words("start", "restart", "on", "enable", "defaults", "add")
