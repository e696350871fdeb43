package app

import (
	"bufio"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/omg/internal/output"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/wire"
)

// commandOptions holds the flags of omg command.
type commandOptions struct {
	outputOptions
	exact bool
}

func commandCommand(a *app) *cli.Command {
	o := &commandOptions{}
	return &cli.Command{
		Name:      "command",
		Usage:     "show which packages of the repositories bring a command",
		ArgsUsage: "NAME...",
		Description: `Shows the packages that have a program of this name in a directory of PATH, in the order of
the repositories. If there is none, similar commands are suggested. With --quiet, only the
names of the packages are printed.

` + fileListsHelp + exitCodesHelp(),
		Flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "exact", Destination: &o.exact, Usage: "do not suggest similar commands"},
		}, o.listFlags("{{.command}} {{.repo}}/{{.name}}")...),
		Action: func(c *cli.Context) error { return a.runCommand(c, o) },
	}
}

func (a *app) runCommand(c *cli.Context, o *commandOptions) error {
	names := c.Args().Slice()
	switch {
	case len(names) == 0 || slices.Contains(names, ""):
		return command.Usagef("command needs the name of a command, e.g. omg command vim")
	case slices.ContainsFunc(names, func(name string) bool { return strings.Contains(name, "/") }):
		return command.Usagef("a command has no slash in its name: omg owns --repos searches paths")
	}
	out, err := a.newOutput(c, o.outputOptions)
	if err != nil {
		return err
	}
	found, err := a.newBackend().Command(c.Context, &wire.CommandRequest{Names: slices.Compact(names), Exact: o.exact})
	if err != nil {
		return err
	}
	lists := fileListsOf(&found.Basis)
	if lists.noneKnown {
		return lists.unknownError()
	}
	var last wire.CommandOwner
	name := func(owner *wire.CommandOwner) string { return out.safePackageName(owner.Name) }
	err = printList(out, found, found.Commands, name, func(w *bufio.Writer, owner *wire.CommandOwner) {
		if owner.Command != last.Command || owner.Repo != last.Repo || owner.Name != last.Name {
			out.style.PrintRepoFinds(w, &owner.RepositoryPackage)
		}
		last = *owner
		out.style.PrintFoundFile(w, owner.Path)
	})
	if err == nil {
		err = out.finishWithBasis(&found.Basis)
	}
	if err != nil {
		return err
	}
	var missing error
	for i := range found.Missing {
		m := &found.Missing[i]
		missing = notFoundError(&found.Basis, "no package in the repositories brings the command "+output.QuoteWords([]string{m.Name}), similarCommandsHint(m))
		if len(found.Missing) > 1 {
			command.PrintError(a.stderr, "omg", missing)
			missing = exit.QuietError(exit.Code(missing))
		}
	}
	return missing
}

// similarCommandsHint returns a hint with the commands that are similar to a missing one.
func similarCommandsHint(m *wire.MissingCommand) string {
	var list []string
	for i := range m.Similar {
		c := &m.Similar[i]
		text := fmt.Sprintf("%s (%s)", c.Command, c.Name)
		if !slices.Contains(list, text) {
			list = append(list, text)
		}
	}
	if len(list) == 0 {
		return ""
	}
	return "did you mean: " + strings.Join(list, ", ")
}
