package app

import (
	"bufio"
	"errors"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/omg/internal/show"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/wire"
)

// infoOptions holds the flags of omg info.
type infoOptions struct {
	outputOptions
	offline, installed bool
}

func infoCommand(a *app) *cli.Command {
	o := &infoOptions{}
	return &cli.Command{
		Name:      "info",
		Usage:     "show the details of packages, like pacman -Si",
		ArgsUsage: "[REPO/]PKG...",
		Description: `Each repository that has a package gets a block. A package that is in no repository is
shown from the local database.

With --installed, all packages are shown from the local database, like pacman -Qi. PKG
may then also be a name that an installed package provides. Without PKG, all installed
packages are shown.

` + exitCodesHelp(exit.Network),
		Flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "offline", Destination: &o.offline, Usage: "do not query the AUR's server for unknown names"},
			&cli.BoolFlag{Name: "installed", Aliases: []string{"i"}, Destination: &o.installed, Usage: "show installed packages, from the local database"},
		}, o.listFlags(packageTemplateExample)...),
		Action: func(c *cli.Context) error { return a.runInfo(c, o) },
	}
}

func (a *app) runInfo(c *cli.Context, o *infoOptions) error {
	req := &wire.InfoRequest{Names: c.Args().Slice(), Offline: o.offline}
	if len(req.Names) == 0 && !o.installed {
		return command.Usagef("info needs the name of a package, e.g. omg info bash")
	}
	out, err := a.newOutput(c, o.outputOptions)
	if err != nil {
		return err
	}
	out.usePager()
	if o.installed {
		return a.runInstalledInfo(c, out, req.Names)
	}
	packages := []wire.Package{}
	fromAUR := false
	b := a.newBackend()
	all, unknown := b.Info(c.Context, req, func(p *wire.Package) error {
		fromAUR = fromAUR || p.AUR != nil
		return out.printPackage(p, &packages, out.style.PrintInfo)
	}, out.flushBeforeWait)
	switch {
	case wire.CodeOf(unknown) == wire.CodeNetwork: // the package is in no repository, but may be installed
		all = &wire.InfoResult{}
		for _, name := range req.Names {
			all.Missing = append(all.Missing, wire.MissingName{Name: name})
		}
	case unknown != nil:
		return unknown
	}
	all.Packages = packages
	for i := range all.Missing {
		all.Missing[i].Close = wire.SuggestedNames(all.Missing[i].Suggestions)
	}
	local, known := a.lookUpInstalled(c, b, all)
	if out.json {
		err = out.printDocument(&backend.InfoDocument{InfoResult: all, Local: local})
	} else {
		err = out.printInstalled(local)
	}
	if err != nil {
		return err
	}
	if err := out.finishWithBasis(&all.Basis); err != nil {
		return err
	}
	if unknown != nil && len(all.Missing) > 0 {
		return unknown
	}
	var aur wire.SourceState
	if fromAUR || slices.ContainsFunc(all.Missing, mayBeInAUR(all.Sources)) {
		aur = a.noteAUR(all.Sources)
	}
	code := exit.NotFound
	switch {
	case all.Partial, !known, aur == wire.SourceFailed:
		code = exit.Failed // the package may be in a source that could not be read
	case aur == wire.SourceMissing:
		code = exit.Network
	}
	return a.reportMissing(all.Missing, code)
}

// mayBeInAUR returns a function that reports whether a missing name could be in the AUR. The prefix aur/ means the AUR,
// unless a repository is called aur.
func mayBeInAUR(sources []wire.Source) func(wire.MissingName) bool {
	taken := slices.ContainsFunc(sources, func(s wire.Source) bool { return s.IsRepository() && s.Name == wire.SourceAUR })
	return func(m wire.MissingName) bool {
		repo, _, ok := strings.Cut(m.Name, "/")
		return !ok || repo == wire.SourceAUR && !taken
	}
}

// lookUpInstalled looks up the missing names of a result among the installed packages, by exact name only. It removes the
// names that it finds from the list of missing names. The bool known is false if the local database cannot be read. If
// the local database was read only in part and a package is found, lookUpInstalled marks the result as partial.
func (a *app) lookUpInstalled(c *cli.Context, b backend.Backend, result *wire.InfoResult) (packages []wire.InstalledPackage, known bool) {
	var names []string
	for _, m := range result.Missing {
		if !strings.Contains(m.Name, "/") {
			names = append(names, m.Name)
		}
	}
	if len(names) == 0 {
		return nil, true
	}
	found, err := b.Installed(c.Context, &wire.InstalledRequest{Names: names, Details: true})
	if err != nil {
		a.printNote("the AUR was not queried: " + err.Error())
		return nil, errors.Is(err, backend.ErrNoLocal)
	}
	here := make(map[string]bool, len(found.Packages))
	packages = slices.DeleteFunc(found.Packages, func(p wire.InstalledPackage) bool {
		asked := slices.ContainsFunc(result.Missing, func(m wire.MissingName) bool { return m.Name == p.Name })
		again := here[p.Name]
		here[p.Name] = asked
		return !asked || again
	})
	result.Missing = slices.DeleteFunc(result.Missing, func(m wire.MissingName) bool { return here[m.Name] })
	if len(packages) > 0 && found.Partial && !result.Partial {
		result.Partial, result.Why = true, found.Why
	}
	return packages, true
}

// runInstalledInfo prints installed packages as pacman -Qi does.
func (a *app) runInstalledInfo(c *cli.Context, out *resultPrinter, names []string) error {
	all, err := a.newBackend().Installed(c.Context, &wire.InstalledRequest{Names: names, Details: true})
	if err != nil {
		return err
	}
	if out.json {
		err = out.printInstalledDocument(all)
	} else {
		err = out.printInstalled(all.Packages)
	}
	if err == nil {
		err = out.finishWithBasis(&all.Basis)
	}
	if err != nil {
		return err
	}
	return a.notInstalledError(all.Missing, &all.Basis)
}

// printInstalled prints packages with all details.
func (o *resultPrinter) printInstalled(packages []wire.InstalledPackage) error {
	for i := range packages {
		p := &packages[i]
		if err := o.printElement(p, o.safePackageName(p.Name), func(w *bufio.Writer) { o.style.PrintInstalled(w, p) }); err != nil {
			return err
		}
	}
	return nil
}

// noteAUR prints a note if the data of the AUR is not current. It returns the state of the AUR, or "" if the AUR is not
// among the sources.
func (a *app) noteAUR(sources []wire.Source) wire.SourceState {
	s := wire.FindSourceByKind(sources, wire.KindAUR)
	if s == nil {
		return ""
	}
	if s.State != wire.SourceOK {
		a.printNote(show.AURNote(s, "not searched"))
	}
	return s.State
}
