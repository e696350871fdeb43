package choice

import (
	"regexp"
	"slices"
	"strings"

	"github.com/omg-arch/omg/omg/internal/output"
	"github.com/omg-arch/omg/omg/omg-browse/internal/browser"
	"github.com/omg-arch/omg/shared/termtext"
	"github.com/omg-arch/omg/shared/wire"
)

// Command is a command line for some of the chosen packages, with a remark for the user.
type Command struct{ Line, Remark string }

const (
	upgradeRemark = "Upgrades all packages. pacman -Sy NAME would upgrade only some, and these could need newer versions of others."
	installRemark = "Installs the packages, or installs them again."
	buildRemark   = "Builds the packages of the AUR and installs them. omg aur check shows what is known about them."
	removeRemark  = "Removes the packages, their configuration files, and the dependencies that no other package needs."
)

// Commands returns the commands for the chosen packages, the one that upgrades the system first. Updates and packages with advisories are
// upgraded, orphans are removed, and all other packages are installed. The parameter helper is the program that builds packages of the
// AUR. The slice leftOut holds the names that no command can contain.
func Commands(choices []browser.Choice, helper string) (commands []Command, leftOut []string) {
	var upgrade bool
	var install, build, remove []string
	for i := range choices {
		c := &choices[i]
		word, ok := target(c)
		switch {
		case c.View == browser.ViewOrphans:
			// The name alone: pacman finds installed packages under no other.
			if word, ok = c.Name, wire.IsSafeName(c.Name) && isPrintable(c.Name); ok {
				remove = append(remove, quote(word))
			}
		case !ok:
		case c.AUR:
			build = append(build, quote(word))
		case c.View == browser.ViewUpdates || c.View == browser.ViewSecurity:
			upgrade = true
		default:
			install = append(install, quote(word))
		}
		if !ok {
			leftOut = append(leftOut, c.Name)
		}
	}
	add := func(condition bool, remark string, words ...string) {
		if condition {
			commands = append(commands, Command{strings.Join(words, " "), remark})
		}
	}
	add(upgrade, upgradeRemark, "sudo pacman -Syu")
	add(install != nil, installRemark, slices.Concat([]string{"sudo pacman -S"}, install)...)
	add(build != nil, buildRemark, slices.Concat([]string{helper, "-S"}, build)...)
	add(remove != nil, removeRemark, slices.Concat([]string{"sudo pacman -Rns"}, remove)...)
	return commands, leftOut
}

// target returns the name of a package with its source, as pacman and helpers accept it, or reports false if it has none.
func target(c *browser.Choice) (string, bool) {
	repo := c.Repo
	if c.AUR {
		repo = wire.SourceAUR
	}
	if _, ok := output.SafeName(repo, c.Name); !ok || !isPrintable(repo+c.Name) || strings.HasPrefix(repo, "-") {
		return "", false
	}
	if repo == "" {
		return c.Name, true
	}
	return repo + "/" + c.Name, true
}

// isPrintable reports whether a text looks on a terminal as it is.
func isPrintable(s string) bool { return termtext.Clean(s) == s }

var plainWord = regexp.MustCompile(`^[A-Za-z0-9@._+/-]+$`)

// quote quotes a text as one word of a shell, if this is necessary.
func quote(word string) string {
	if plainWord.MatchString(word) && !strings.HasPrefix(word, "-") {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// CommandText returns the lines that show the commands.
func CommandText(commands []Command, leftOut []string) (lines []string) {
	for _, c := range commands {
		lines = append(lines, "  "+c.Line, "", c.Remark, "")
	}
	if leftOut != nil {
		lines = append(lines, output.LeftOutNote("package", leftOut), "")
	}
	return append(lines, "omg does not run it. Ctrl-Y copies the command, Esc goes back.")
}

// JoinCommands returns the commands as one line for a shell.
func JoinCommands(commands []Command) string {
	lines := make([]string, len(commands))
	for i, c := range commands {
		lines[i] = c.Line
	}
	return strings.Join(lines, " && ")
}
