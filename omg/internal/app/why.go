package app

import (
	"bufio"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
)

// whyOptions holds the flags of omg why.
type whyOptions struct {
	outputOptions
	reverse bool
}

func whyCommand(a *app) *cli.Command {
	o := &whyOptions{}
	return &cli.Command{
		Name:      "why",
		Usage:     "show what needs a package: why it is installed",
		ArgsUsage: "PKG",
		Description: `Prints one line per explicitly installed package that needs PKG: the shortest chain of
packages from there to PKG. If a package is needed in a certain version, or for something that it provides, the dependency follows
in parentheses. With --reverse, prints one line per package that PKG needs. With
--quiet, each line contains only the name of the explicitly installed package, or with
--reverse of the needed package.

` + exitCodesHelp(),
		Flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "reverse", Aliases: []string{"r"}, Destination: &o.reverse, Usage: "show what the package depends on"},
		}, o.listFlags("{{range .links}}{{.name}} {{end}}")...),
		Action: func(c *cli.Context) error { return a.runWhy(c, o) },
	}
}

func (a *app) runWhy(c *cli.Context, o *whyOptions) error {
	if c.NArg() != 1 {
		return command.Usagef("why needs the name of one package, e.g. omg why bash")
	}
	out, err := a.newOutput(c, o.outputOptions)
	if err != nil {
		return err
	}
	out.usePager()
	all, err := a.newBackend().Why(c.Context, c.Args().First(), o.reverse)
	if err != nil {
		return err
	}
	read := basisFromReading(all.Reading)
	if all.Name == "" {
		if err := out.finishWithBasis(read); err != nil {
			return err
		}
		return a.notInstalledError(c.Args().Slice(), read)
	}
	end := func(chain *backend.DependencyChain) string { return out.safePackageName(chain.Links[0].Name) }
	if o.reverse {
		end = func(chain *backend.DependencyChain) string {
			return out.safePackageName(chain.Links[len(chain.Links)-1].Name)
		}
	}
	err = printList(out, all, all.Chains, end, func(w *bufio.Writer, chain *backend.DependencyChain) {
		names, needs := make([]string, len(chain.Links)), make([]string, len(chain.Links))
		for i, l := range chain.Links {
			names[i], needs[i] = l.Name, l.DependOnNext
		}
		out.style.PrintChain(w, names, needs)
	})
	if err == nil {
		err = out.finishWithBasis(read)
	}
	switch {
	case err != nil || len(all.Chains) > 0:
		return err
	case read.Partial:
		return exit.QuietError(exit.Failed)
	}
	nothing := "no explicitly installed package needs %s"
	if o.reverse {
		nothing = "%s needs nothing"
	}
	return exit.WithCode(exit.NotFound, fmt.Errorf(nothing, all.Name))
}
