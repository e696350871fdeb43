package app

import (
	"bufio"
	"strconv"

	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/omg/internal/output"
	"github.com/omg-arch/omg/omg/internal/show"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/wire"
)

// partialFlag returns the flag --partial of commands whose lists are used to remove packages. Without this flag, --quiet
// prints nothing if the list could contain packages that do not belong in it.
func partialFlag(partial *bool) cli.Flag {
	return &cli.BoolFlag{Name: "partial", Destination: partial, Usage: "with --quiet, print the list even if an unreadable source could change it"}
}

// partialHelp explains partialFlag.
const partialHelp = `--quiet is meant for scripts. If a source could not be read, the list could contain
packages that do not belong in it. In this case, --quiet prints nothing and exits
with 3.

`

// installedOptions holds the flags of omg installed.
type installedOptions struct {
	outputOptions
	explicit, deps, orphans, foreign, regex, allowPartial bool
}

func installedCommand(a *app) *cli.Command {
	o := &installedOptions{}
	return &cli.Command{
		Name:      "installed",
		Usage:     "list installed packages, or those that contain every word",
		ArgsUsage: "[WORD...]",
		Description: `Without words, omg installed works like pacman -Q; with words, like pacman -Qs. Words
are literal, and upper and lower case are the same.

` + exitCodesHelp(),
		Flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "explicit", Destination: &o.explicit, Usage: "only explicitly installed packages"},
			&cli.BoolFlag{Name: "deps", Destination: &o.deps, Usage: "only packages installed as dependencies"},
			&cli.BoolFlag{Name: "orphans", Destination: &o.orphans, Usage: "only dependencies that no package requires, not even optionally"},
			&cli.BoolFlag{Name: "foreign", Destination: &o.foreign, Usage: "only packages that are in no repository"},
			&cli.BoolFlag{Name: "regex", Aliases: []string{"x"}, Destination: &o.regex, Usage: "words are POSIX extended regular expressions"},
			partialFlag(&o.allowPartial),
		}, o.listFlags(packageTemplateExample)...),
		Action: func(c *cli.Context) error {
			filter, err := o.filter()
			if err != nil {
				return err
			}
			human := show.Style.PrintSearchResult
			if !c.Args().Present() {
				human = printNameVersion
			}
			o.certainOnly = o.quiet && (o.orphans || o.foreign) && !o.allowPartial
			return a.listInstalled(c, o.outputOptions, &wire.InstalledRequest{Words: c.Args().Slice(), Regex: o.regex, Filter: filter}, human)
		},
	}
}

// filter returns the filter that the flags select.
func (o *installedOptions) filter() (filter string, err error) {
	for _, f := range []struct {
		set  bool
		name string
	}{{o.explicit, wire.FilterExplicit}, {o.deps, wire.FilterDeps}, {o.orphans, wire.FilterOrphans}, {o.foreign, wire.FilterForeign}} {
		if !f.set {
			continue
		}
		if filter != "" {
			return "", command.Usagef("--%s and --%s exclude each other", filter, f.name)
		}
		filter = f.name
	}
	return filter, nil
}

// explicitOptions holds the flags of omg explicit.
type explicitOptions struct {
	outputOptions
	countOnly bool
}

func explicitCommand(a *app) *cli.Command {
	o := &explicitOptions{}
	return &cli.Command{
		Name:        "explicit",
		Usage:       "list explicitly installed packages, like pacman -Qe",
		Description: exitCodesHelp(),
		Flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "count", Aliases: []string{"c"}, Destination: &o.countOnly, Usage: "print the number of packages"},
		}, o.listFlags(packageTemplateExample)...),
		Action: func(c *cli.Context) error { return a.runExplicit(c, o) },
	}
}

func (a *app) runExplicit(c *cli.Context, o *explicitOptions) error {
	if err := noArguments(c); err != nil {
		return err
	}
	if o.countOnly && (o.json || o.quiet || c.IsSet("format")) {
		return command.Usagef("--count cannot be combined with --quiet, --json or --format")
	}
	if !o.countOnly && !o.quiet {
		return a.listInstalled(c, o.outputOptions, &wire.InstalledRequest{Filter: wire.FilterExplicit}, printNameVersion)
	}
	out, err := a.newOutput(c, o.outputOptions)
	if err != nil {
		return err
	}
	all, err := a.newBackend().Explicit(c.Context)
	if err != nil {
		return err
	}
	if o.countOnly {
		out.printLine(strconv.Itoa(len(all.Names)))
		err := out.finishWithBasis(&all.Basis)
		if err == nil && len(all.Names) == 0 && (all.Partial || all.Stale) {
			err = exit.QuietError(exit.Failed) // the number is unknown, not 0
		}
		return err
	}
	for _, name := range all.Names {
		if out.safePackageName(name) != unprintedElementName {
			out.printLine(name)
		}
	}
	if err := out.finishWithBasis(&all.Basis); err != nil {
		return err
	}
	return out.emptyListError(&all.Basis, len(all.Names), "")
}

// orphansOptions holds the flags of omg orphans and omg foreign.
type orphansOptions struct {
	outputOptions
	includeOptional, allowPartial bool
}

func orphansCommand(a *app) *cli.Command {
	o := &orphansOptions{}
	return &cli.Command{
		Name:        "orphans",
		Usage:       "list dependencies that nothing needs, like pacman -Qdt",
		Description: partialHelp + exitCodesHelp(),
		Flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "required", Destination: &o.includeOptional, Usage: "also list dependencies that are only optionally required, like pacman -Qdtt"},
			partialFlag(&o.allowPartial),
		}, o.listFlags(packageTemplateExample)...),
		Action: func(c *cli.Context) error {
			filter := wire.FilterOrphans
			if o.includeOptional {
				filter = wire.FilterOrphansOrOptional
			}
			return a.listRemovable(c, o, filter)
		},
	}
}

func foreignCommand(a *app) *cli.Command {
	o := &orphansOptions{}
	return &cli.Command{
		Name:        "foreign",
		Usage:       "list packages that are in no repository, like pacman -Qm",
		Description: partialHelp + exitCodesHelp(),
		Flags:       append([]cli.Flag{partialFlag(&o.allowPartial)}, o.listFlags(packageTemplateExample)...),
		Action:      func(c *cli.Context) error { return a.listRemovable(c, o, wire.FilterForeign) },
	}
}

// listRemovable prints a list that is used to remove packages.
func (a *app) listRemovable(c *cli.Context, o *orphansOptions, filter string) error {
	if err := noArguments(c); err != nil {
		return err
	}
	o.certainOnly = o.quiet && !o.allowPartial
	return a.listInstalled(c, o.outputOptions, &wire.InstalledRequest{Filter: filter}, printNameVersion)
}

// printNameVersion prints a package as pacman -Q does.
func printNameVersion(s show.Style, w *bufio.Writer, p *wire.Package) {
	s.PrintNameVersion(w, p.Name, p.Version)
}

// listInstalled lists installed packages.
func (a *app) listInstalled(c *cli.Context, o outputOptions, req *wire.InstalledRequest, human func(show.Style, *bufio.Writer, *wire.Package)) error {
	out, err := a.newOutput(c, o)
	if err != nil {
		return err
	}
	req.Details = out.json || out.tmpl != nil // JSON contains every field, and a template may use every field
	all, err := a.newBackend().Installed(c.Context, req)
	if err != nil {
		return err
	}
	if out.json {
		err = out.printInstalledDocument(all)
	} else {
		err = printList(out, nil, all.Packages, func(p *wire.InstalledPackage) string { return out.safePackageName(p.Name) },
			func(w *bufio.Writer, p *wire.InstalledPackage) { human(out.style, w, &p.Package) })
	}
	if err == nil {
		err = out.finishWithBasis(&all.Basis)
	}
	if err != nil {
		return err
	}
	return out.emptyListError(&all.Basis, len(all.Packages), noInstalledText(req))
}

// noInstalledText returns the note for an empty list.
func noInstalledText(req *wire.InstalledRequest) string {
	none := map[string]string{
		"":                           "no packages are installed",
		wire.FilterExplicit:          "no explicitly installed packages",
		wire.FilterDeps:              "no packages installed as dependencies",
		wire.FilterOrphans:           "no orphans",
		wire.FilterOrphansOrOptional: "no orphans",
		wire.FilterForeign:           "no foreign packages",
	}[req.Filter]
	if len(req.Words) > 0 {
		return "no installed package matches " + output.QuoteWords(req.Words)
	}
	return none
}

func (o *resultPrinter) printInstalledDocument(all *wire.InstalledResult) error {
	if all.Packages == nil {
		all.Packages = []wire.InstalledPackage{}
	}
	return o.printDocument(all)
}
