package flags

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/fieldtemplate"
)

// Browse holds the flags of omg browse.
type Browse struct {
	Print0, RepoOnly, Plain bool
	Format, View, Helper    string
	// Template is the value of --format; nil without this flag. Check sets it.
	Template *fieldtemplate.Template
}

var (
	// BrowseViews are the values of --view, in the order of the views.
	BrowseViews = []string{"search", "installed", "updates", "security", "aur", "orphans", "files"}
	helpers     = []string{"yay", "paru"}
)

// The help of omg browse.
const (
	BrowseUsage     = "browse packages in the terminal, and print the names of the chosen ones"
	BrowseArguments = "[WORD...]"
)

// BrowseDescription returns the paragraphs of the help.
func BrowseDescription() string {
	return `Shows the packages that contain every word, as omg search does, while you type. Alt-1 to
Alt-7 show other views: installed packages, updates, advisories, packages of the AUR,
orphans, and packages by their files. F1 lists all keys.

Tab marks packages, in all views. Enter prints the names of the marked packages, or of the
selected one, and ends. The screen is the terminal, also if the output is a file or a
pipe, so the names can be a part of a command line:

  sudo pacman -S $(omg browse --repo-only)

Nothing is installed or removed. Alt-X shows the command that would do it. A name that
could be taken for something else on a command line, such as -Rdd, is printed as REPO/-Rdd
or, if this does not help or with --format, left out with a note.

` + command.ExitCodesHelp(exit.OK, exit.NotFound, exit.Usage, exit.Failed, exit.Aborted)
}

// Flags returns the flags, which set b.
func (b *Browse) Flags() []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "print0", Destination: &b.Print0, Usage: "end each name with a NUL character instead of a newline"},
		&cli.StringFlag{Name: "format", Destination: &b.Format, Usage: "print with a Go `TEMPLATE` over the JSON fields of omg info: '{{.name}} {{.version}}'"},
		&cli.BoolFlag{Name: "repo-only", Destination: &b.RepoOnly, Usage: "only packages of the repositories can be chosen"},
		&cli.BoolFlag{Name: "plain", Destination: &b.Plain, Usage: "lines of text and commands instead of a screen, for screen readers and scripts"},
		&cli.StringFlag{Name: "view", Destination: &b.View, Usage: "begin with the view `NAME`: " + orList(BrowseViews), Value: BrowseViews[0]},
		&cli.StringFlag{Name: "helper", Destination: &b.Helper, Usage: "Alt-X shows commands of the AUR helper `NAME`: " + orList(helpers), DefaultText: "browse.helper in config.toml, or yay"},
	}
}

// Check checks the values of the flags.
func (b *Browse) Check(c *cli.Context) (err error) {
	switch {
	case !slices.Contains(BrowseViews, b.View):
		return command.Usagef("--view must be %s, not %q", orList(BrowseViews), b.View)
	case c.IsSet("helper") && !slices.Contains(helpers, b.Helper):
		return command.Usagef("--helper must be %s, not %q", orList(helpers), b.Helper)
	case c.IsSet("format"):
		b.Template, err = fieldtemplate.Parse(b.Format)
	}
	return err
}

// orList joins words: a, b or c.
func orList(words []string) string {
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}
