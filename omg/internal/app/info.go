package app

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/wire"
)

func infoCommand() *cli.Command {
	return &cli.Command{
		Name:      "info",
		Usage:     "show packages, one block for each repository that has it",
		ArgsUsage: "[REPO/]PKG...",
		Description: `A package that no repository has is shown as it is installed. With --installed
all are, as pacman -Qi shows them; a name may then be one that a package
provides, and without a name every installed package is shown.

` + exitCodes(),
		Flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "installed", Aliases: []string{"i"}, Usage: "show the packages as they are installed"},
		}, outputFlags(packageTemplate)...),
		Action: info,
	}
}

func info(c *cli.Context) error {
	req := wire.InfoRequest{Names: c.Args().Slice()}
	if len(req.Names) == 0 && !c.Bool("installed") {
		return command.Usagef("info takes the name of a package")
	}
	out, err := newOutput(c)
	if err != nil {
		return err
	}
	if c.Bool("installed") {
		return installedInfo(c, out, req.Names)
	}
	packages := []wire.Package{}
	a := asker(c)
	all, err := a.Info(c.Context, &req, func(p *wire.Package) error {
		if out.json {
			packages = append(packages, *p)
			return nil
		}
		return out.pkg(p, out.style.Info)
	})
	if err != nil {
		return err
	}
	all.Packages = packages
	local := addInstalled(c, a, &all)
	if out.json {
		err = out.document(struct {
			Schema int `json:"schema"`
			*wire.InfoResult
			Local []wire.InstalledPackage `json:"local,omitempty"`
		}{schema, &all, local})
	} else {
		err = out.installed(local)
	}
	if err != nil {
		return err
	}
	if err := out.end(); err != nil {
		return err
	}
	return missing(c, all.Missing)
}

// missing names what nobody has, a line each.
func missing(c *cli.Context, names []wire.Missing) error {
	for _, m := range names {
		line := fmt.Sprintf("error: package %s was not found", quoted([]string{m.Name}))
		if len(m.Close) > 0 {
			line += "; close names: " + strings.Join(m.Close, " ")
		}
		command.Note(c.App.ErrWriter, c.App.Name, line)
	}
	if len(names) > 0 {
		return exit.Quiet(exit.NotFound)
	}
	return nil
}
