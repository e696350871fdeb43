package app

import (
	"bufio"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/wire"
)

func filesCommand(a *app) *cli.Command {
	o := &outputOptions{}
	return &cli.Command{
		Name:        "files",
		Usage:       "list the files of installed packages, like pacman -Ql",
		ArgsUsage:   "PKG...",
		Description: "With --quiet, only the paths are printed.\n\n" + exitCodesHelp(),
		Flags:       o.listFlags("{{.name}} {{.path}}"),
		Action:      func(c *cli.Context) error { return a.runFiles(c, o) },
	}
}

func (a *app) runFiles(c *cli.Context, o *outputOptions) error {
	names := c.Args().Slice()
	if len(names) == 0 {
		return command.Usagef("files needs the name of a package, e.g. omg files bash")
	}
	out, err := a.newOutput(c, *o)
	if err != nil {
		return err
	}
	out.usePager()
	all, err := a.newBackend().Files(c.Context, names)
	if err != nil {
		return err
	}
	if out.json {
		err = out.printDocument(all)
	} else {
		err = out.printFilesResult(all)
	}
	read := basisFromReading(all.Reading)
	if err == nil {
		err = out.finishWithBasis(read)
	}
	if err != nil {
		return err
	}
	err = a.notInstalledError(all.Missing, read)
	for _, p := range all.Packages {
		if p.UnknownReason != "" {
			a.reportError(p.UnknownReason)
			err = exit.QuietError(exit.Failed)
		}
	}
	return err
}

// basisFromReading returns the basis of a result that was computed from the local database, which was read just now.
func basisFromReading(r backend.Reading) *wire.Basis {
	return &wire.Basis{Partial: r.Partial, Why: r.WhyPartial}
}

func (o *resultPrinter) printFilesResult(all *backend.FilesResult) error {
	type file struct {
		Name string `json:"name"`
		Path string `json:"path"`
	}
	for _, p := range all.Packages {
		for _, path := range p.Files {
			err := o.printElement(&file{p.Name, path}, path, func(w *bufio.Writer) { o.style.PrintPackageFile(w, p.Name, path) })
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func ownsCommand(a *app) *cli.Command {
	o := &outputOptions{}
	return &cli.Command{
		Name:        "owns",
		Usage:       "show which installed packages own files, like pacman -Qo",
		ArgsUsage:   "PATH...",
		Description: "A name without a slash that is not a file in this directory is searched in PATH.\n\n" + exitCodesHelp(),
		Flags:       o.listFlags("{{.path}} {{.name}} {{.version}}"),
		Action:      func(c *cli.Context) error { return a.runOwns(c, o) },
	}
}

func (a *app) runOwns(c *cli.Context, o *outputOptions) error {
	paths := c.Args().Slice()
	if len(paths) == 0 || slices.Contains(paths, "") {
		return command.Usagef("owns needs the path of a file, e.g. omg owns /usr/bin/vim")
	}
	out, err := a.newOutput(c, *o)
	if err != nil {
		return err
	}
	all, err := a.newBackend().Owns(c.Context, paths)
	if err != nil {
		return err
	}
	if out.json {
		err = out.printDocument(all)
	} else {
		err = out.printOwners(all)
	}
	if err == nil {
		err = out.finish()
	}
	if err != nil {
		return err
	}
	var unowned []string
	for _, p := range all.Paths {
		if len(p.Owners) == 0 {
			unowned = append(unowned, p.Path)
		}
	}
	switch {
	case len(unowned) == 0:
		return nil
	case all.UnreadCount > 0: // a package with an unreadable file list may own the file
		return fmt.Errorf("cannot find the owner of %s: the file lists of %d packages cannot be read", strings.Join(unowned, ", "), all.UnreadCount)
	}
	for _, path := range unowned {
		a.reportError("no package owns " + path)
	}
	return exit.QuietError(exit.NotFound)
}

func (o *resultPrinter) printOwners(all *backend.Owners) error {
	type owned struct {
		Path string `json:"path"`
		backend.Owner
	}
	for _, p := range all.Paths {
		for _, owner := range p.Owners {
			err := o.printElement(&owned{p.Path, owner}, o.safePackageName(owner.Name), func(w *bufio.Writer) {
				o.style.PrintOwner(w, p.Path, owner.Name, owner.Version)
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

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
