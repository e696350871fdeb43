package app

import (
	"bufio"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/omg/internal/ask"
	"github.com/omg-arch/omg/omg/internal/show"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/wire"
)

func installedCommand() *cli.Command {
	return &cli.Command{
		Name:      "installed",
		Usage:     "list installed packages, or those that have every word",
		ArgsUsage: "[WORD...]",
		Description: `Without words it lists as pacman -Q does, with words as pacman -Qs. A word is
literal and ignores case.

` + exitCodes(),
		Flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "explicit", Usage: "only packages installed on purpose"},
			&cli.BoolFlag{Name: "deps", Usage: "only packages installed as dependencies"},
			&cli.BoolFlag{Name: "orphans", Usage: "only dependencies that nothing requires, even optionally"},
			&cli.BoolFlag{Name: "foreign", Usage: "only packages that no repository has"},
			&cli.BoolFlag{Name: "regex", Aliases: []string{"x"}, Usage: "words are POSIX extended regular expressions"},
		}, outputFlags(packageTemplate)...),
		Action: func(c *cli.Context) error {
			req := wire.InstalledRequest{Words: c.Args().Slice(), Regex: c.Bool("regex")}
			for _, filter := range []string{wire.FilterExplicit, wire.FilterDeps, wire.FilterOrphans, wire.FilterForeign} {
				if !c.Bool(filter) {
					continue
				}
				if req.Filter != "" {
					return command.Usagef("--%s and --%s exclude each other", req.Filter, filter)
				}
				req.Filter = filter
			}
			human := show.Style.Search
			if len(req.Words) == 0 {
				human = line
			}
			return list(c, &req, human)
		},
	}
}

func explicitCommand() *cli.Command {
	return &cli.Command{
		Name:        "explicit",
		Usage:       "list the packages installed on purpose, as pacman -Qe does",
		Description: exitCodes(),
		Flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "count", Aliases: []string{"c"}, Usage: "print how many they are"},
		}, outputFlags(packageTemplate)...),
		Action: explicit,
	}
}

func explicit(c *cli.Context) error {
	if err := noArguments(c); err != nil {
		return err
	}
	counted := c.Bool("count")
	if counted && (c.Bool("json") || c.Bool("quiet") || c.IsSet("format")) {
		return command.Usagef("--count excludes --quiet, --json and --format")
	}
	if !counted && !c.Bool("quiet") {
		return list(c, &wire.InstalledRequest{Filter: wire.FilterExplicit}, line)
	}
	out, err := newOutput(c)
	if err != nil {
		return err
	}
	var all wire.ExplicitResult
	if err := asker(c).Get(c.Context, wire.OpExplicit, nil, &all); err != nil {
		return err
	}
	if counted {
		out.name(strconv.Itoa(len(all.Names)))
		if all.Stale {
			noteStale(c, all.At, time.Now())
		}
		return out.end()
	}
	for _, name := range all.Names {
		out.name(name)
	}
	return out.someInstalled(c, len(all.Names), all.Stale, all.At)
}

func orphansCommand() *cli.Command {
	return &cli.Command{
		Name:        "orphans",
		Usage:       "list the dependencies that nothing requires, even optionally, as pacman -Qdt does",
		Description: exitCodes(),
		Flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "required", Usage: "also those that something requires optionally, as pacman -Qdtt does"},
		}, outputFlags(packageTemplate)...),
		Action: func(c *cli.Context) error {
			req := wire.InstalledRequest{Filter: wire.FilterOrphans}
			if c.Bool("required") {
				req.Filter = wire.FilterRequired
			}
			return listAll(c, &req)
		},
	}
}

func foreignCommand() *cli.Command {
	return &cli.Command{
		Name:        "foreign",
		Usage:       "list the installed packages that no repository has, as pacman -Qm does",
		Description: exitCodes(),
		Flags:       outputFlags(packageTemplate),
		Action:      func(c *cli.Context) error { return listAll(c, &wire.InstalledRequest{Filter: wire.FilterForeign}) },
	}
}

// listAll is for a command that takes no arguments.
func listAll(c *cli.Context, req *wire.InstalledRequest) error {
	if err := noArguments(c); err != nil {
		return err
	}
	return list(c, req, line)
}

func noArguments(c *cli.Context) error {
	if c.Args().Present() {
		return command.Usagef("%s takes no argument: %s", c.Command.Name, quoted(c.Args().Slice()))
	}
	return nil
}

// line prints a package as pacman -Q does.
func line(s show.Style, w *bufio.Writer, p *wire.Package) { s.Line(w, p.Name, p.Version) }

// list prints installed packages. An empty list is the answer, and the exit code
// says so, as pacman's does.
func list(c *cli.Context, req *wire.InstalledRequest, human func(show.Style, *bufio.Writer, *wire.Package)) error {
	out, err := newOutput(c)
	if err != nil {
		return err
	}
	req.Details = out.json || out.tmpl != nil // which may show any field
	all, err := asker(c).Installed(c.Context, req)
	if err != nil {
		return err
	}
	if out.json {
		if err := out.installedDocument(&all); err != nil {
			return err
		}
		return out.someInstalled(c, len(all.Packages), all.Stale, all.At)
	}
	for i := range all.Packages {
		p := &all.Packages[i]
		if err := out.element(p, p.Name, func(w *bufio.Writer) { human(out.style, w, &p.Package) }); err != nil {
			return err
		}
	}
	return out.someInstalled(c, len(all.Packages), all.Stale, all.At)
}

// someInstalled ends a list of n installed packages, as they were at a time if that
// is not certain: then an empty list is no answer.
func (o *output) someInstalled(c *cli.Context, n int, stale bool, at int64) error {
	if stale {
		noteStale(c, at, time.Now())
	}
	err := o.some(n)
	if stale && exit.Code(err) == exit.NotFound {
		return exit.Quiet(exit.Failed)
	}
	return err
}

func (o *output) installedDocument(all *wire.InstalledResult) error {
	if all.Packages == nil {
		all.Packages = []wire.InstalledPackage{}
	}
	return o.document(all)
}

// installedInfo prints installed packages as pacman -Qi does.
func installedInfo(c *cli.Context, out *output, names []string) error {
	all, err := asker(c).Installed(c.Context, &wire.InstalledRequest{Names: names, Details: true})
	if err != nil {
		return err
	}
	if out.json {
		if err := out.installedDocument(&all); err != nil {
			return err
		}
	} else if err := out.installed(all.Packages); err != nil {
		return err
	}
	if err := out.end(); err != nil {
		return err
	}
	if all.Stale {
		noteStale(c, all.At, time.Now())
	}
	return notInstalled(c, all.Missing)
}

// installed prints packages with all that is known of them.
func (o *output) installed(packages []wire.InstalledPackage) error {
	for i := range packages {
		p := &packages[i]
		if err := o.element(p, p.Name, func(w *bufio.Writer) { o.style.Installed(w, p) }); err != nil {
			return err
		}
	}
	return nil
}

func notInstalled(c *cli.Context, names []string) error {
	all := make([]wire.Missing, len(names))
	for i, name := range names {
		all[i].Name = name
	}
	return missing(c, all)
}

// addInstalled looks for what no repository has among the installed packages:
// those of that very name, which it takes out of what is missing.
func addInstalled(c *cli.Context, a *ask.Asker, all *wire.InfoResult) []wire.InstalledPackage {
	var names []string
	for _, m := range all.Missing {
		if !strings.Contains(m.Name, "/") {
			names = append(names, m.Name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	found, err := a.Installed(c.Context, &wire.InstalledRequest{Names: names, Details: true})
	if err != nil {
		command.Note(c.App.ErrWriter, c.App.Name, "only the repositories were asked: "+err.Error())
		return nil
	}
	here := make(map[string]bool, len(found.Packages))
	packages := slices.DeleteFunc(found.Packages, func(p wire.InstalledPackage) bool {
		asked := slices.ContainsFunc(all.Missing, func(m wire.Missing) bool { return m.Name == p.Name })
		again := here[p.Name]
		here[p.Name] = asked
		return !asked || again
	})
	all.Missing = slices.DeleteFunc(all.Missing, func(m wire.Missing) bool { return here[m.Name] })
	return packages
}
