package scriptlet

import (
	"path"
	"strings"
)

// examineNetwork adds the fact about a command that transfers data over a network.
func (w *walker) examineNetwork(c call, name string) {
	if hasInformative(c.args) {
		return
	}
	switch {
	case downloaders[name]:
		w.fact(KindDownloads, c.line, name)
		return
	case name == "rsync":
		for i := 1; i < len(c.args); i++ {
			if value := c.args[i].first(); strings.HasPrefix(value, "rsync://") || strings.Contains(value, "::") || isRemote(value) {
				w.fact(KindDownloads, c.line, name)
				return
			}
		}
	case name == "gpg" || name == "gpg2" || name == "pacman-key":
		for i := 1; i < len(c.args); i++ {
			option, _, _ := strings.Cut(c.args[i].first(), "=")
			switch {
			case option == "--recv-keys", option == "--recv-key", option == "--receive-keys", option == "--refresh-keys", option == "--fetch-keys",
				option == "--locate-keys", option == "--search-keys", name == "pacman-key" && option == "-r":
				w.fact(KindDownloads, c.line, name+" "+option)
				return
			}
		}
	}
	if s, ok := networkSubcommands[name]; ok {
		if found := findSubcommand(c.args, s); found != "" {
			w.fact(KindDownloads, c.line, name+" "+found)
		}
	}
	for i := 1; i < len(c.args); i++ {
		for _, value := range c.args[i].values {
			if strings.HasPrefix(value, "/dev/tcp/") || strings.HasPrefix(value, "/dev/udp/") {
				w.fact(KindDownloads, c.line, value)
			}
		}
	}
}

// isRemote reports whether an argument of rsync is a path of another machine: host:path.
func isRemote(value string) bool {
	host, _, found := strings.Cut(value, ":")
	return found && host != "" && !strings.ContainsAny(host, "/-=")
}

// findSubcommand returns the subcommand of a command if it is a wanted one; otherwise it returns an empty string.
func findSubcommand(args []arg, s subcommands) string {
	var found []*arg
	for i := 1; i < len(args) && len(found) < 2; i++ {
		switch option := args[i].first(); {
		case s.valued[option]:
			i++
		case strings.HasPrefix(option, "-") || strings.HasPrefix(option, "+"):
		default:
			found = append(found, &args[i])
		}
	}
	if len(found) == 0 {
		if s.wanted[""] && len(args) == 1 {
			return " "
		}
		return ""
	}
	for _, value := range found[0].values {
		if s.wanted[value] && value != "" {
			return value
		}
		if len(found) > 1 {
			for _, second := range found[1].values {
				if s.wanted[value+" "+second] {
					return value + " " + second
				}
			}
		}
	}
	return ""
}

// examinePackageManager adds the fact about a command that installs packages.
func (w *walker) examinePackageManager(c call, name string) {
	switch {
	case hasInformative(c.args):
		return
	case pacmans[name]:
		for i := 1; i < len(c.args); i++ {
			if option := c.args[i].first(); isPacmanInstall(option, c.args[i+1:]) {
				w.fact(KindPackageManager, c.line, name+" "+option)
				return
			}
		}
		return
	case runners[name]:
		w.fact(KindPackageManager, c.line, name)
		return
	}
	if s, ok := installSubcommands[name]; ok {
		if found := findSubcommand(c.args, s); found != "" {
			w.fact(KindPackageManager, c.line, strings.TrimSpace(name+" "+found))
		}
		return
	}
	for i := range c.args {
		if option, _, _ := strings.Cut(c.args[i].first(), "="); option == "--install-extension" {
			w.fact(KindPackageManager, c.line, name+" "+option)
			return
		}
	}
}

// isPacmanInstall reports whether an option of pacman is that of an operation that installs, upgrades or removes packages. The
// operations that only list packages of a repository have more letters.
func isPacmanInstall(option string, rest []arg) bool {
	switch option {
	case "--sync", "--upgrade", "--remove":
		return true
	}
	if len(option) < 2 || option[0] != '-' || option[1] == '-' || !strings.ContainsAny(option, "SUR") {
		return false
	}
	letters := option
	for i := range rest {
		if value := rest[i].first(); strings.HasPrefix(value, "-") && !strings.HasPrefix(value, "--") {
			letters += value
		}
	}
	return !strings.ContainsAny(letters, "QTDFV") && (!strings.Contains(letters, "S") || !strings.ContainsAny(letters, "silgp"))
}

// examineDecoder adds the fact about a command that decodes text.
func (w *walker) examineDecoder(c call, name string) {
	switch name {
	case "base64", "base32", "basenc", "uudecode", "openssl", "xxd":
		if name == "uudecode" {
			w.fact(KindEvaluates, c.line, name)
			return
		}
		for i := 1; i < len(c.args); i++ {
			option := c.args[i].first()
			isShort := strings.HasPrefix(option, "-") && !strings.HasPrefix(option, "--")
			switch {
			case name == "xxd" && isShort && strings.Contains(option, "r"),
				strings.HasPrefix(name, "base") && (option == "--decode" || isShort && strings.ContainsAny(option, "dD")),
				name == "openssl" && option == "-d" && c.args[1].isOneOf("enc", "base64", "aes-256-cbc"):
				w.fact(KindEvaluates, c.line, name+" "+option)
				return
			}
		}
	case "printf", "echo":
		for i := 1; i < len(c.args); i++ {
			if hasEncodedText(c.args[i].first()) {
				w.fact(KindEvaluates, c.line, name+" "+`\x…`)
				return
			}
		}
	}
}

// minEncoded is the number of escaped characters from which a text counts as encoded. Escapes for colours have fewer, and other
// characters between them.
const minEncoded = 8

// hasEncodedText reports whether a text has a run of escaped characters, such as \x63\x75\x72\x6c.
func hasEncodedText(text string) bool {
	run := 0
	for i := 0; i < len(text); {
		n := 0
		if text[i] == '\\' && i+1 < len(text) {
			switch {
			case text[i+1] == 'x':
				if digits := countDigits(text[i+2:], 2, "0123456789abcdefABCDEF"); digits > 0 {
					n = 2 + digits
				}
			default:
				if digits := countDigits(text[i+1:], 3, "01234567"); digits > 1 {
					n = 1 + digits
				}
			}
		}
		if n == 0 {
			run = 0
			i++
			continue
		}
		if run++; run >= minEncoded {
			return true
		}
		i += n
	}
	return false
}

// examineService adds the fact about a command that enables or starts a service, or that schedules a command.
func (w *walker) examineService(c call, name string) {
	if hasInformative(c.args) {
		return
	}
	if wanted, ok := serviceSubcommands[name]; ok {
		s := subcommands{valued: words("-M", "-H", "-p", "-t", "-P", "--machine", "--host"), wanted: wanted}
		if found := findSubcommand(c.args, s); found != "" {
			w.fact(KindEnablesService, c.line, name+" "+found)
		}
		return
	}
	isInitScript := strings.HasPrefix(c.args[0].first(), "/etc/rc.d/") || strings.HasPrefix(c.args[0].first(), "/etc/init.d/")
	switch {
	case serviceActions[name] || isInitScript:
		for i := 1; i < len(c.args); i++ {
			if startActions[c.args[i].first()] {
				w.fact(KindEnablesService, c.line, c.args[0].first()+" "+c.args[i].first())
				return
			}
		}
	case name == "crontab":
		if len(c.args) > 1 && !c.args[len(c.args)-1].isOneOf("-l", "-r") {
			w.fact(KindEnablesService, c.line, name)
		}
	case name == "at" || name == "batch":
		w.fact(KindEnablesService, c.line, name)
	}
}

// examineWriter adds the facts about the files that a command writes.
func (w *walker) examineWriter(c call, name string) {
	var targets []arg
	plain := plainArgs(c.args[1:])
	switch name {
	case "tee", "touch", "truncate", "patch":
		targets = plain
	case "cp", "mv", "install", "ln", "rsync":
		targets = copyTargets(c.args[1:], plain)
	case "sed", "perl":
		for i := range c.args {
			if option := c.args[i].first(); strings.HasPrefix(option, "-i") || option == "--in-place" || name == "perl" && strings.HasPrefix(option, "-pi") {
				targets = plain
			}
		}
	case "dd":
		for i := range c.args {
			if file, ok := strings.CutPrefix(c.args[i].first(), "of="); ok {
				targets = append(targets, newArg(file))
			}
		}
	case "tar", "bsdtar", "unzip", "7z":
		for i := 1; i+1 < len(c.args); i++ {
			if c.args[i].isOneOf("-C", "-d", "--directory") {
				targets = append(targets, c.args[i+1])
			}
		}
	}
	for _, target := range targets {
		w.examineWrite(target, c.line)
	}
}

// plainArgs returns the arguments that are not options.
func plainArgs(args []arg) (plain []arg) {
	for _, a := range args {
		if !strings.HasPrefix(a.first(), "-") {
			plain = append(plain, a)
		}
	}
	return plain
}

// copyTargets returns the files that cp, mv, install, ln or rsync write: the last argument, or the files in the directory that an option
// names.
func copyTargets(args, plain []arg) []arg {
	isDir := false
	for i := range args {
		option := args[i].first()
		switch {
		case (option == "-t" || option == "--target-directory") && i+1 < len(args):
			return args[i+1 : i+2]
		case strings.HasPrefix(option, "--target-directory="):
			return []arg{newArg(strings.TrimPrefix(option, "--target-directory="))}
		case option == "-d" || option == "--directory":
			isDir = true
		}
	}
	if isDir || len(plain) < 2 {
		return nil
	}
	target := plain[len(plain)-1]
	// A directory gets a file with the name of the last source.
	if source := path.Base(plain[len(plain)-2].first()); strings.HasSuffix(target.first(), "/") {
		return []arg{newArg(target.first() + source)}
	}
	return []arg{target}
}

// places lists the files and directories from which commands are run or permissions are read. A directory ends in a slash.
var places = []string{
	"/etc/profile", "/etc/profile.d/", "/etc/bash.bashrc", "/etc/bash.bash_logout", "/etc/bash_completion.d/", "/etc/zsh/", "/etc/environment", "/etc/environment.d/",
	"/etc/crontab", "/etc/cron.d/", "/etc/cron.hourly/", "/etc/cron.daily/", "/etc/cron.weekly/", "/etc/cron.monthly/", "/etc/anacrontab", "/var/spool/cron/",
	"/var/spool/at/", "/etc/systemd/", "/usr/lib/systemd/", "/run/systemd/", "/lib/systemd/", "/etc/init.d/", "/etc/rc.d/", "/etc/rc.local", "/etc/inittab",
	"/etc/xdg/autostart/", "/etc/X11/xinit/", "/etc/sudoers", "/etc/sudoers.d/", "/etc/doas.conf", "/etc/polkit-1/", "/usr/share/polkit-1/", "/etc/ssh/", "/etc/pam.d/",
	"/etc/security/", "/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow", "/etc/ld.so.preload", "/etc/ld.so.conf", "/etc/ld.so.conf.d/",
	"/etc/pacman.conf", "/etc/pacman.d/", "/etc/makepkg.conf", "/usr/share/libalpm/", "/etc/hosts", "/etc/resolv.conf", "/etc/nsswitch.conf",
	"/etc/udev/rules.d/", "/usr/lib/udev/rules.d/", "/etc/modules-load.d/", "/etc/modprobe.d/", "/etc/ca-certificates/", "/etc/ssl/certs/",
	"/usr/bin/", "/usr/sbin/", "/bin/", "/sbin/", "/usr/local/bin/", "/usr/local/sbin/", "/home/", "/root/",
}

// homeFiles lists names in home directories, by which a path with an unknown beginning is recognized.
var homeFiles = []string{
	"/.ssh/", "/.bashrc", "/.bash_profile", "/.profile", "/.zshrc", "/.zprofile", "/.xinitrc", "/.xprofile", "/.config/", "/.local/",
	"/.cargo/", "/.npmrc", "/.gitconfig",
}

// examineWrite adds the fact that a file is written, if it is in a place that matters and the package does not own it.
func (w *walker) examineWrite(target arg, at int) {
	for _, value := range target.values {
		if isSensitivePath(value) && !w.isOwned(value) {
			w.fact(KindWritesOutside, at, value)
			return
		}
	}
}

// isOwned reports whether the package owns a path.
func (w *walker) isOwned(file string) bool {
	return w.IsOwned != nil && !hasUnknown(file) && w.IsOwned(path.Clean(file))
}

// isSensitivePath reports whether a path is in a home directory or in one of the places.
func isSensitivePath(file string) bool {
	if rest := strings.TrimLeft(file, unknown+argument); rest != file {
		for _, name := range homeFiles {
			if strings.HasPrefix(rest, name) {
				return true
			}
		}
		return false
	}
	if file == homeDir || strings.HasPrefix(file, homeDir+"/") {
		return true
	}
	if !strings.HasPrefix(file, "/") {
		return false
	}
	clean := path.Clean(file)
	for _, place := range places {
		if isDir := strings.HasSuffix(place, "/"); clean == strings.TrimSuffix(place, "/") || isDir && strings.HasPrefix(clean, place) {
			return true
		}
	}
	return false
}
