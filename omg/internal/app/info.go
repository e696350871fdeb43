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

` + exitCodes(exit.Network),
		Flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "offline", Usage: "do not ask the AUR for names that are not known here"},
			&cli.BoolFlag{Name: "installed", Aliases: []string{"i"}, Usage: "show the packages as they are installed"},
		}, outputFlags(packageTemplate)...),
		Action: info,
	}
}

func info(c *cli.Context) error {
	req := wire.InfoRequest{Names: c.Args().Slice(), Offline: c.Bool("offline")}
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
	fromAUR := false
	a := asker(c)
	a.Paused = out.pause
	all, err := a.Info(c.Context, &req, func(p *wire.Package) error {
		fromAUR = fromAUR || p.Repo == wire.SourceAUR
		if out.json {
			packages = append(packages, *p)
			return nil
		}
		return out.pkg(p, out.style.Info)
	})
	unknown := exit.Code(err) == exit.Network
	switch {
	case unknown: // to the repositories and the AUR, but it may be installed
		for _, name := range req.Names {
			all.Missing = append(all.Missing, wire.Missing{Name: name})
		}
	case err != nil:
		return err
	}
	failed := err
	all.Packages = packages
	local := addInstalled(c, a, &all)
	if out.json {
		err = out.document(struct {
			*wire.InfoResult
			Local []wire.InstalledPackage `json:"local,omitempty"`
		}{&all, local})
	} else {
		err = out.installed(local)
	}
	if err != nil {
		return err
	}
	if err := out.end(); err != nil {
		return err
	}
	if unknown && len(all.Missing) > 0 {
		return failed
	}
	if (fromAUR || len(all.Missing) > 0) && noteAUR(c, all.Sources) == wire.SourceMissing && len(all.Missing) > 0 {
		_ = missing(c, all.Missing)
		return exit.Quiet(exit.Network)
	}
	return missing(c, all.Missing)
}

// noteAUR says what is wrong with what is known of the AUR, and returns its state;
// empty if an answer does not rest on it.
func noteAUR(c *cli.Context, sources []wire.Source) wire.SourceState {
	for _, s := range sources {
		if s.Name != wire.SourceAUR {
			continue
		}
		if s.State != wire.SourceOK {
			command.Note(c.App.ErrWriter, c.App.Name, fmt.Sprintf("aur: %s: %s", s.State, s.Why))
		}
		return s.State
	}
	return ""
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
