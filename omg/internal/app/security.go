package app

import (
	"bufio"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/omg/internal/show"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/wire"
)

func securityCommand() *cli.Command {
	return &cli.Command{
		Name:      "security",
		Aliases:   []string{"audit"},
		Usage:     "list the installed packages that Arch's security advisories concern",
		ArgsUsage: "[PKG...]",
		Description: `A line for each package, the worst first, with the version to update to and its
advisories. An advisory is "fixable" when a repository has a version without it,
"fixed-in-testing", or "affected" when there is none yet. One that names no fix
and was found in an older version than is installed is "unconfirmed": mostly
nobody closed it, so that it is listed only with --all.

Omgd asks the tracker. With --source, a file of its records is used instead, and
with --dbpath another system's packages are judged.

With --fail-on the exit code is 5 when an advisory that is listed is as bad, 4
when nothing is known of the tracker, and else 0.

` + exitCodes(exit.Network, exit.Finding),
		Flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "all", Aliases: []string{"a"}, Usage: "list unconfirmed advisories too"},
			&cli.BoolFlag{Name: "fixable", Usage: "list only what an update mends"},
			&cli.StringFlag{Name: "severity", Usage: "list only advisories of this `SEVERITY` or a higher one: low, medium, high, critical"},
			&cli.BoolFlag{Name: "cve", Usage: "list the vulnerabilities of each package, with links"},
			&cli.StringFlag{Name: "fail-on", Usage: "exit with 5 when one that is listed has this `SEVERITY` or a higher one"},
			&cli.StringFlag{Name: "source", Usage: "judge by `FILE`, the tracker's all.json"},
		}, outputFlags("{{.name}} {{.severity}} {{.update}}")...),
		Action: security,
	}
}

// severities are the tracker's, from the slightest; what it has not judged counts
// as low where a limit is set.
var severities = []string{"low", "medium", "high", "critical"}

// severityFlag is the place of a flag's severity, -1 if it is not given.
func severityFlag(c *cli.Context, name string) (int, error) {
	if !c.IsSet(name) {
		return -1, nil
	}
	at := slices.Index(severities, strings.ToLower(c.String(name)))
	if at < 0 {
		return 0, command.Usagef("--%s is one of %s, not %q", name, strings.Join(severities, ", "), c.String(name))
	}
	return at, nil
}

func severe(a *wire.Advisory) int {
	return max(0, slices.Index(severities, strings.ToLower(a.Severity)))
}

func security(c *cli.Context) error {
	least, err := severityFlag(c, "severity")
	if err != nil {
		return err
	}
	failOn, err := severityFlag(c, "fail-on")
	if err != nil {
		return err
	}
	out, err := newOutput(c)
	if err != nil {
		return err
	}
	a := asker(c)
	a.Advisories = c.String("source")
	all, err := a.Security(c.Context, &wire.SecurityRequest{Packages: c.Args().Slice()})
	if err != nil {
		return err
	}
	all.Packages = chosen(all.Packages, func(a *wire.Advisory) bool {
		return (a.Counted || c.Bool("all")) && severe(a) >= least && (!c.Bool("fixable") || a.Verdict == "fixable")
	})
	found := failOn >= 0 && slices.ContainsFunc(all.Packages, func(p wire.VulnerablePackage) bool {
		return slices.ContainsFunc(p.Advisories, func(a wire.Advisory) bool { return severe(&a) >= failOn })
	})
	if out.json {
		err = out.document(&all)
	} else {
		err = out.vulnerable(all.Packages, c.Bool("cve"))
	}
	if err != nil {
		return err
	}
	certain := noteSecurity(c, &all)
	err = out.some(len(all.Packages))
	switch {
	case exit.Code(err) == exit.Failed:
		return err
	case found:
		return exit.Quiet(exit.Finding)
	case len(all.Missing) > 0:
		return notInstalled(c, all.Missing)
	case !certain:
		return exit.Quiet(exit.Failed)
	case failOn >= 0:
		return nil
	}
	return err
}

// chosen keeps the advisories that are wanted, and the packages that have some.
// A package is as bad as the worst that is left, which stands first.
func chosen(packages []wire.VulnerablePackage, want func(*wire.Advisory) bool) []wire.VulnerablePackage {
	kept := []wire.VulnerablePackage{}
	for _, p := range packages {
		p.Advisories = slices.DeleteFunc(slices.Clone(p.Advisories), func(a wire.Advisory) bool { return !want(&a) })
		if len(p.Advisories) == 0 {
			continue
		}
		p.Severity, p.Verdict = p.Advisories[0].Severity, p.Advisories[0].Verdict
		kept = append(kept, p)
	}
	return kept
}

func (o *output) vulnerable(packages []wire.VulnerablePackage, issues bool) error {
	for i := range packages {
		p := &packages[i]
		err := o.element(p, p.Name, func(w *bufio.Writer) {
			o.style.Vulnerable(w, p)
			if issues {
				o.style.Issues(w, p)
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// noteSecurity says on standard error what makes the answer uncertain. One that
// rests on old advisories or repositories is as certain as those; what could not
// be read of what is installed, or of where a fix could be, makes it less.
func noteSecurity(c *cli.Context, all *wire.SecurityResult) (certain bool) {
	certain = !all.Stale
	now := time.Now()
	if all.Stale {
		noteStale(c, all.At, now)
	}
	for _, s := range all.Sources {
		if s.State == wire.SourceOK || s.Name == wire.SourceAUR {
			continue // the tracker does not speak of the AUR
		}
		command.Note(c.App.ErrWriter, c.App.Name, show.Source(&s, now))
		lacks := s.State == wire.SourceMissing || s.State == wire.SourceFailed
		certain = certain && !(lacks && c.Bool("fixable"))
	}
	if all.Skipped > 0 {
		command.Note(c.App.ErrWriter, c.App.Name, fmt.Sprintf("%d of the tracker's records could not be read", all.Skipped))
	}
	return certain
}
