package app

import (
	"bufio"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/wire"
)

// runtimeNames lists the runtimes. The package runtimes, which has this list too, would delay the start of omg.
var runtimeNames = []string{"node", "python", "go", "rust", "ruby", "java", "bun"}

func runtimeCommand(a *app) *cli.Command {
	return &cli.Command{
		Name:        "runtime",
		Usage:       "list, show and select versions of node, python, go, ...",
		Description: "omg which and omg use are short forms of omg runtime which and omg runtime use.\n\n" + exitCodesHelp(),
		Subcommands: []*cli.Command{runtimeListCommand(a), whichCommand(a), useCommand(a)},
		Action:      showSubcommandsAction,
	}
}

func whichCommand(a *app) *cli.Command {
	o := &outputOptions{}
	return &cli.Command{
		Name:      "which",
		Usage:     "show which versions are active in this directory",
		ArgsUsage: "[RUNTIME...]",
		Description: `RUNTIME is node, python, go, rust, ruby, java or bun. A version can be set in several places, which are searched in this order: the
environment, the version files in this directory and its parents, PATH, the global
files of version managers, the default set by "omg use", and the system's packages.
The first version found is used, and the output shows its place. No program is run.
If a declared version is not installed, the version is marked and the exit code is 1.
An active version that differs from the declared version is marked as well.

` + exitCodesHelp(),
		Flags:  o.listFlags("{{.runtime}} {{.version}}"),
		Action: func(c *cli.Context) error { return a.runWhich(c, o) },
	}
}

func (a *app) runWhich(c *cli.Context, o *outputOptions) error {
	out, err := a.newOutput(c, *o)
	if err != nil {
		return err
	}
	all, err := a.newBackend().ActiveVersions(c.Context, c.Args().Slice())
	if err != nil {
		return err
	}
	err = printList(out, all, all.Runtimes, func(r *wire.Runtime) string { return r.Version }, out.style.PrintRuntime)
	if err != nil {
		return err
	}
	for _, note := range all.Notes {
		a.printNote(note)
	}
	if err := out.finish(); err != nil {
		return err
	}
	for _, r := range all.Runtimes {
		if r.Missing {
			return exit.QuietError(exit.NotFound)
		}
	}
	return out.emptyListError(&wire.Basis{}, len(all.Runtimes), "no runtimes")
}

func runtimeListCommand(a *app) *cli.Command {
	o := &outputOptions{}
	return &cli.Command{
		Name:        "list",
		Usage:       "list the installed versions and their version managers",
		ArgsUsage:   "[RUNTIME...]",
		Description: "The version that is active in this directory is marked with an asterisk.\n\n" + exitCodesHelp(),
		Flags:       o.listFlags("{{.runtime}} {{.version}} {{.manager}}"),
		Action: func(c *cli.Context) error {
			out, err := a.newOutput(c, *o)
			if err != nil {
				return err
			}
			all, err := a.newBackend().InstalledVersions(c.Context, c.Args().Slice())
			if err != nil {
				return err
			}
			err = printList(out, all, all.Versions, func(v *backend.RuntimeVersion) string { return v.Version }, out.style.PrintRuntimeVersion)
			if err == nil {
				err = out.finish()
			}
			if err != nil {
				return err
			}
			return out.emptyListError(&wire.Basis{}, len(all.Versions), "no installed versions")
		},
	}
}

func useCommand(a *app) *cli.Command {
	o := &outputOptions{}
	return &cli.Command{
		Name:      "use",
		Usage:     "set the default version of a runtime",
		ArgsUsage: "RUNTIME VERSION",
		Description: `The link versions/RUNTIME/current in the data directory is set to a version that omg
or a version manager has installed; the VERSION "system" removes the link. VERSION is
written as in a version file: 20, lts/*, 3.12. Nothing is downloaded, and no shell is
changed.

` + exitCodesHelp(),
		Flags: o.flags("{{.runtime}} {{.version}}"),
		Action: func(c *cli.Context) error {
			if c.NArg() != 2 {
				return command.Usagef("use needs a runtime and a version, e.g. omg use node 22")
			}
			out, err := a.newOutput(c, *o)
			if err != nil {
				return err
			}
			r, err := a.newBackend().UseRuntime(c.Context, c.Args().Get(0), c.Args().Get(1))
			if err != nil {
				return err
			}
			err = out.printOne(r, func(w *bufio.Writer) {
				chosen := r.RuntimeVersion
				chosen.Active = true
				out.style.PrintRuntimeVersion(w, &chosen)
				if r.ActiveNow.Version != r.Version {
					source := r.ActiveNow.WantedSource
					if r.ActiveNow.Differs || source == "" {
						source = "PATH"
					}
					a.printNote(fmt.Sprintf("in this directory %s selects %s %s", source, r.ActiveNow.Runtime, r.ActiveNow.Version))
				}
			})
			if err != nil {
				return err
			}
			return out.finish()
		},
	}
}
