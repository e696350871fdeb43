package app

import (
	"bufio"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/omg/internal/ask"
	"github.com/omg-arch/omg/omg/internal/show"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/wire"
)

func whichCommand() *cli.Command {
	return &cli.Command{
		Name:      "which",
		Usage:     "say which version of node, python, go, rust, ruby, java and bun would run here",
		ArgsUsage: "[RUNTIME...]",
		Description: `Looks at the environment, the version files of this directory and of those above
it, the managers' global files, omg's own choice and the system's packages, in
this order, and names the one that decided. Nothing is run. What is declared and
not installed is marked, and the exit code is then 1.

` + exitCodes(),
		Flags:  outputFlags("{{.runtime}} {{.version}}"),
		Action: which,
	}
}

func which(c *cli.Context) error {
	out, err := newOutput(c)
	if err != nil {
		return err
	}
	var all ask.WhichResult
	if err := asker(c).Read(c.Context, ask.OpWhich, &ask.WhichRequest{Names: c.Args().Slice()}, &all); err != nil {
		return err
	}
	if out.json {
		err = out.document(&all)
	} else {
		err = out.runtimes(all.Runtimes)
	}
	if err != nil {
		return err
	}
	for _, note := range all.Notes {
		command.Note(c.App.ErrWriter, c.App.Name, note)
	}
	if err := out.some(len(all.Runtimes)); err != nil {
		return err
	}
	for _, r := range all.Runtimes {
		if r.Missing {
			return exit.Quiet(exit.NotFound)
		}
	}
	return nil
}

func (o *output) runtimes(all []wire.Runtime) error {
	for i := range all {
		r := &all[i]
		if err := o.element(r, r.Version, func(w *bufio.Writer) { o.style.Runtime(w, r) }); err != nil {
			return err
		}
	}
	return nil
}

func listCommand() *cli.Command {
	return &cli.Command{
		Name:        "list",
		Usage:       "list the installed versions of runtimes, with the manager of each",
		ArgsUsage:   "[RUNTIME...]",
		Description: "What would run here is marked with an asterisk.\n\n" + exitCodes(),
		Flags:       outputFlags("{{.runtime}} {{.version}} {{.manager}}"),
		Action: func(c *cli.Context) error {
			out, err := newOutput(c)
			if err != nil {
				return err
			}
			var all ask.ListResult
			if err := asker(c).Read(c.Context, ask.OpList, &ask.ListRequest{Names: c.Args().Slice()}, &all); err != nil {
				return err
			}
			if out.json {
				err = out.document(&all)
			} else {
				err = out.versions(all.Versions)
			}
			if err != nil {
				return err
			}
			return out.some(len(all.Versions))
		},
	}
}

func (o *output) versions(all []ask.RuntimeVersion) error {
	for i := range all {
		v := &all[i]
		err := o.element(v, v.Version, func(w *bufio.Writer) {
			o.style.RuntimeVersion(w, show.RuntimeVersion{
				Runtime: v.Runtime, Version: v.Version, Alias: v.Alias, Manager: v.Manager, Path: v.Path, Active: v.Active,
			})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func useCommand() *cli.Command {
	return &cli.Command{
		Name:      "use",
		Usage:     "make an installed version the one that runs where nothing else decides",
		ArgsUsage: "RUNTIME VERSION",
		Description: `Points versions/RUNTIME/current in the data directory at a version of omg's own
or of another manager; "system" takes it away. VERSION may be written as in a
version file: 20, lts/*, 3.12. Nothing is downloaded, and no shell is touched.

` + exitCodes(),
		Flags: documentFlags("{{.runtime}} {{.version}}"),
		Action: func(c *cli.Context) error {
			if c.NArg() != 2 {
				return command.Usagef("use takes a runtime and a version")
			}
			out, err := newOutput(c)
			if err != nil {
				return err
			}
			var r ask.UseResult
			req := ask.UseRequest{Runtime: c.Args().Get(0), Version: c.Args().Get(1)}
			if err := asker(c).Read(c.Context, ask.OpUse, &req, &r); err != nil {
				return err
			}
			switch {
			case out.json:
				err = out.document(&r)
			case out.tmpl != nil:
				err = out.format(&r)
			default:
				out.style.RuntimeVersion(out.w, show.RuntimeVersion{
					Runtime: r.Runtime, Version: r.Version, Alias: r.Alias, Manager: r.Manager, Path: r.Path, Active: true,
				})
				if r.Now.Version != r.Version {
					command.Note(c.App.ErrWriter, c.App.Name, fmt.Sprintf("here %s decides: %s %s", r.Now.Source, r.Now.Runtime, r.Now.Version))
				}
			}
			if err != nil {
				return err
			}
			return out.end()
		},
	}
}
