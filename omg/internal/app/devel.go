package app

import (
	"bufio"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/omg/internal/output"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
)

// runDevel runs omg outdated --devel.
func (a *app) runDevel(c *cli.Context, o *outdatedOptions) error {
	switch {
	case !o.devel:
		return command.Usagef("--live needs --devel")
	case o.aurOnly || o.noAUR || o.markSecurity || o.size || c.IsSet("by"):
		return command.Usagef("--devel excludes --aur, --no-aur, --security, --size and --by")
	}
	out, err := a.newOutput(c, o.outputOptions)
	if err != nil {
		return err
	}
	out.usePager()
	all, err := a.newBackend().Devel(c.Context, &backend.DevelRequest{Names: c.Args().Slice(), Ask: o.live})
	if err != nil {
		return err
	}
	shown := all.Packages
	if o.live && !o.all {
		shown = slices.DeleteFunc(slices.Clone(all.Packages), func(p backend.DevelPackage) bool { return p.State != backend.DevelUpdate })
	}
	err = printList(out, all, shown, func(p *backend.DevelPackage) string { return out.safePackageName(p.Name) },
		func(w *bufio.Writer, p *backend.DevelPackage) { out.style.PrintDevelPackage(w, p, o.live) })
	if err == nil {
		err = out.finishWithBasis(&all.Basis)
	}
	if err != nil {
		return err
	}
	for _, f := range all.Records {
		if f.Problem != "" {
			a.printNote("the records of " + f.By + " could not be read: " + f.Problem)
		}
	}
	for _, name := range all.Missing {
		a.printNote("not an installed package that is built from a VCS: " + output.QuoteWords([]string{name}))
	}
	return out.finishDevel(o, all, len(shown))
}

// finishDevel prints a note about the packages that are unknown after the servers were asked, and returns the error for the exit code.
func (o *resultPrinter) finishDevel(opts *outdatedOptions, all *backend.DevelResult, shown int) error {
	if !opts.live {
		return o.emptyListError(&all.Basis, shown, "no installed package is built from a VCS")
	}
	var unknown []string
	updates, isSilent := 0, false
	for i := range all.Packages {
		p := &all.Packages[i]
		switch p.State {
		case backend.DevelUpdate:
			updates++
		case backend.DevelUnknown:
			unknown = append(unknown, p.Name)
			isSilent = isSilent || slices.ContainsFunc(p.Sources, func(s backend.DevelSource) bool { return s.Asked != nil && s.Latest == "" })
		}
	}
	if len(unknown) > 0 && !opts.all && !o.json {
		o.app.printNote("unknown: " + countNoun(len(unknown), "package", "packages") + " " + output.QuoteWords(unknown) + "; --all shows why")
	}
	switch {
	case updates > 0 || len(unknown) == 0:
		return o.emptyListError(&all.Basis, updates, "the sources of no package built from a VCS have changed")
	case isSilent:
		return exit.QuietError(exit.Network)
	}
	return exit.QuietError(exit.Failed)
}
