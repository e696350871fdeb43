package app

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/wire"
)

// otherCommand is what to type for a word that is a command of another package manager. In a command line of omg or pacman, the
// word PKG is replaced by the arguments of the user.
type otherCommand struct {
	// ours is the command line of omg, pacmans that of pacman; empty if there is none.
	ours, pacmans string
	words         []string
}

// otherCommands lists commands of apt, dnf, zypper, brew and similar programs, except for those that omg has too.
var otherCommands = []otherCommand{
	{pacmans: "sudo pacman -S PKG", words: []string{"install", "add", "in", "get", "reinstall"}},
	{pacmans: "sudo pacman -Rs PKG", words: []string{"remove", "uninstall", "rm", "delete", "del", "erase", "purge"}},
	{ours: "omg outdated", pacmans: "sudo pacman -Syu", words: []string{
		"upgrade", "update", "up", "dup", "sync", "dist-upgrade", "full-upgrade", "system-upgrade", "distro-sync",
	}},
	{ours: "omg outdated", words: []string{"updates", "upgrades", "upgradable", "upgradeable", "check-update", "check-updates", "checkupdates", "check-upgrade", "list-updates", "lu"}},
	{ours: "omg search PKG", words: []string{"se", "find", "query"}},
	{ours: "omg info PKG", words: []string{"show", "if", "view", "details"}},
	{ours: "omg installed", words: []string{"ls", "list-installed", "packages"}},
	{ours: "omg explicit", words: []string{"leaves", "showmanual", "list-manual"}},
	{ours: "omg orphans", words: []string{"autoremove", "unneeded", "deborphan"}},
	{ours: "omg why PKG", words: []string{"rdepends", "required-by", "whatrequires", "why-depends"}},
	{ours: "omg tree PKG", words: []string{"depends", "deps", "dependencies", "pactree"}},
	{ours: "omg size", words: []string{"du", "sizes", "disk-usage", "expac"}},
	{ours: "omg history", words: []string{"log", "transactions", "paclog"}},
	{ours: "omg check", words: []string{"verify", "fsck", "debsums", "checkrebuild", "pacdiff"}},
	{ours: "omg files PKG", words: []string{"contents", "content", "listfiles", "repoquery-files"}},
	{ours: "omg owns PATH", words: []string{"belongs", "owner", "owned"}},
	{ours: "omg owns --repos PATH", words: []string{"provides", "whatprovides", "what-provides", "wp", "pkgfile", "apt-file", "file-search"}},
	{ours: "omg command PKG", words: []string{"cnf", "command-not-found", "commands", "which-package"}},
	{ours: "omg aur check", words: []string{"trust"}},
	{ours: "omg security", words: []string{"cve", "cves", "advisories", "arch-audit", "vulnerabilities"}},
	{ours: "omg doctor", words: []string{"diagnose"}},
	{ours: "omg daemon start", words: []string{"start", "enable"}},
	{ours: "omg daemon stop", words: []string{"stop"}},
	{ours: "omg --version", words: []string{"version"}},
	{pacmans: "sudo pacman -Sc", words: []string{"clean", "autoclean"}},
	{pacmans: "sudo pacman -D --asexplicit PKG", words: []string{"mark"}},
	{pacmans: "sudo pacman -Sw PKG", words: []string{"download"}},
}

// foreignHelpTopic returns the topic of a command line such as omg help install if omg has no such command.
// Only flags may be before it.
func foreignHelpTopic(flags []cli.Flag, args []string) (topic string, ok bool) {
	n := len(args)
	if n < 2 || args[n-2] != "help" && args[n-2] != "h" || strings.HasPrefix(args[n-1], "-") || !hasOnlyFlags(flags, args[:n-2]) {
		return "", false
	}
	topic = args[n-1]
	isOwn := topic == "help" || topic == "h" || slices.ContainsFunc(allCommands, func(c namedCommand) bool { return topic == c.name || topic == c.alias })
	return topic, topic != "" && !isOwn
}

// unknownCommandError returns the error for a command line whose first argument is not a command. Its hint says what to type.
func unknownCommandError(args []string) error {
	name := args[0]
	for _, f := range otherCommands {
		if slices.Contains(f.words, name) {
			return &exit.Error{Code: exit.Usage, Err: fmt.Errorf("unknown command %q", name), Hint: f.hint(args[1:])}
		}
	}
	if names := commandNames(); !wire.IsSafeName(name) || len(command.SimilarNames(name, names)) > 0 {
		return command.UnknownCommand(name, names)
	}
	hint := insertPackages("omg search PKG finds packages, omg help lists the commands", args)
	if len(args) == 1 {
		hint = fmt.Sprintf("omg search %s finds packages, omg info %s shows one, omg help lists the commands", name, name)
	}
	return &exit.Error{Code: exit.Usage, Err: fmt.Errorf("unknown command %q", name), Hint: hint}
}

// hint returns the text of the hint at a foreign command.
func (f *otherCommand) hint(args []string) string {
	ours, pacmans := insertPackages(f.ours, args), insertPackages(f.pacmans, args)
	switch {
	case pacmans == "":
		return ours
	case ours == "":
		return "omg changes nothing on the system: " + pacmans
	}
	return fmt.Sprintf("%s shows what there is, %s changes the system", ours, pacmans)
}

// insertPackages inserts the names of packages into a command line. A user may copy the line into a shell, so it keeps the word PKG unless
// each argument is a harmless name.
func insertPackages(line string, args []string) string {
	isUnsafe := func(arg string) bool { return !wire.IsSafeName(arg) }
	if len(args) == 0 || len(args) > 8 || slices.ContainsFunc(args, isUnsafe) {
		return line
	}
	return strings.Replace(line, "PKG", strings.Join(args, " "), 1)
}
