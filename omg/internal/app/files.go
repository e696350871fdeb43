package app

import (
	"bufio"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/omg/internal/ask"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
)

func filesCommand() *cli.Command {
	return &cli.Command{
		Name:        "files",
		Usage:       "list the files of installed packages, as pacman -Ql does",
		ArgsUsage:   "PKG...",
		Description: "With --quiet it prints paths only.\n\n" + exitCodes(),
		Flags:       outputFlags("{{.name}} {{.path}}"),
		Action:      files,
	}
}

func files(c *cli.Context) error {
	req := ask.FilesRequest{Names: c.Args().Slice()}
	if len(req.Names) == 0 {
		return command.Usagef("files takes the name of a package")
	}
	out, err := newOutput(c)
	if err != nil {
		return err
	}
	var all ask.FilesResult
	if err := asker(c).Read(c.Context, ask.OpFiles, &req, &all); err != nil {
		return err
	}
	if out.json {
		err = out.document(&all)
	} else {
		err = out.files(&all)
	}
	if err != nil {
		return err
	}
	if err := out.end(); err != nil {
		return err
	}
	err = notInstalled(c, all.Missing)
	for _, p := range all.Packages {
		if p.Why != "" {
			command.Note(c.App.ErrWriter, c.App.Name, "error: "+p.Why)
			err = exit.Quiet(exit.Failed)
		}
	}
	return err
}

func (o *output) files(all *ask.FilesResult) error {
	for _, p := range all.Packages {
		for _, path := range p.Files {
			file := struct {
				Name string `json:"name"`
				Path string `json:"path"`
			}{p.Name, path}
			if err := o.element(&file, path, func(w *bufio.Writer) { o.style.File(w, p.Name, path) }); err != nil {
				return err
			}
		}
	}
	return nil
}

func ownsCommand() *cli.Command {
	return &cli.Command{
		Name:        "owns",
		Usage:       "name the installed packages that own files, as pacman -Qo does",
		ArgsUsage:   "PATH...",
		Description: "A name without a slash that is no file here is looked for in PATH.\n\n" + exitCodes(),
		Flags:       outputFlags("{{.path}} {{.name}} {{.version}}"),
		Action:      owns,
	}
}

func owns(c *cli.Context) error {
	req := ask.OwnsRequest{Paths: c.Args().Slice()}
	if len(req.Paths) == 0 || slices.Contains(req.Paths, "") {
		return command.Usagef("owns takes the path of a file")
	}
	out, err := newOutput(c)
	if err != nil {
		return err
	}
	var all ask.OwnsResult
	if err := asker(c).Read(c.Context, ask.OpOwns, &req, &all); err != nil {
		return err
	}
	if out.json {
		err = out.document(&all)
	} else {
		err = out.owners(&all)
	}
	if err != nil {
		return err
	}
	if err := out.end(); err != nil {
		return err
	}
	var ownerless []string
	for _, p := range all.Paths {
		if len(p.Owners) == 0 {
			ownerless = append(ownerless, p.Path)
		}
	}
	switch {
	case len(ownerless) == 0:
		return nil
	case all.Unread > 0: // so that one of them may own it
		return fmt.Errorf("not known who owns %s: the file lists of %d packages cannot be read", strings.Join(ownerless, ", "), all.Unread)
	}
	for _, path := range ownerless {
		command.Note(c.App.ErrWriter, c.App.Name, "error: no package owns "+path)
	}
	return exit.Quiet(exit.NotFound)
}

func (o *output) owners(all *ask.OwnsResult) error {
	for _, p := range all.Paths {
		for _, owner := range p.Owners {
			found := struct {
				Path string `json:"path"`
				ask.Owner
			}{p.Path, owner}
			if err := o.element(&found, owner.Name, func(w *bufio.Writer) {
				o.style.Owner(w, p.Path, owner.Name, owner.Version)
			}); err != nil {
				return err
			}
		}
	}
	return nil
}

func whyCommand() *cli.Command {
	return &cli.Command{
		Name:      "why",
		Usage:     "show why a package is installed: the shortest chains from packages installed on purpose",
		ArgsUsage: "PKG",
		Description: `A line for each package that was installed on purpose and needs PKG. Where a
package is needed in some version, or for what it provides, that stands behind
it in parentheses. With --reverse, a line for each package that PKG needs.
With --quiet only the far end of each chain.

` + exitCodes(),
		Flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "reverse", Aliases: []string{"r"}, Usage: "show what the package brings along"},
		}, outputFlags("{{range .links}}{{.name}} {{end}}")...),
		Action: why,
	}
}

func why(c *cli.Context) error {
	if c.NArg() != 1 {
		return command.Usagef("why takes the name of one package")
	}
	req := ask.WhyRequest{Name: c.Args().First(), Reverse: c.Bool("reverse")}
	out, err := newOutput(c)
	if err != nil {
		return err
	}
	var all ask.WhyResult
	if err := asker(c).Read(c.Context, ask.OpWhy, &req, &all); err != nil {
		return err
	}
	if all.Name == "" {
		return notInstalled(c, []string{req.Name})
	}
	if out.json {
		err = out.document(&all)
	} else {
		err = out.chains(&all, req.Reverse)
	}
	if err != nil {
		return err
	}
	if err := out.end(); err != nil || len(all.Chains) > 0 {
		return err
	}
	nothing := "nothing that was installed on purpose needs %s"
	if req.Reverse {
		nothing = "%s needs nothing"
	}
	return exit.With(exit.NotFound, fmt.Errorf(nothing, all.Name))
}

func (o *output) chains(all *ask.WhyResult, reverse bool) error {
	for _, chain := range all.Chains {
		end := chain.Links[0].Name
		if reverse {
			end = chain.Links[len(chain.Links)-1].Name
		}
		if err := o.element(&chain, end, func(w *bufio.Writer) {
			names, needs := make([]string, len(chain.Links)), make([]string, len(chain.Links))
			for i, l := range chain.Links {
				names[i], needs[i] = l.Name, l.Depend
			}
			o.style.Chain(w, names, needs)
		}); err != nil {
			return err
		}
	}
	return nil
}
