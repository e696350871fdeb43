package app

import (
	"bufio"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/omg/internal/show"
	"github.com/omg-arch/omg/shared/clock"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/wire"
)

// securityOptions holds the flags of omg security.
type securityOptions struct {
	outputOptions
	all, fixable, cve                bool
	severity, failOn, advisoriesFile string
	// minSeverityIndex and failIndex are the values of --severity and --fail-on as indexes in the slice severities, -1 if the flag is not
	// set.
	minSeverityIndex, failIndex int
}

func securityCommand(a *app) *cli.Command {
	o := &securityOptions{}
	return &cli.Command{
		Name:      "security",
		Aliases:   []string{"audit"},
		Usage:     "list the security advisories for installed packages",
		ArgsUsage: "[PKG...]",
		Description: `One line per package, the most severe first, with the version to update to and its
advisories. An advisory is "fixable" if a repository has a version with the fix,
"fixed-in-testing" if only a testing repository has such a version, and "affected" if
there is no fix yet. An advisory without a fix is "unconfirmed" if it was reported for
an older version than the installed one. Most of these advisories were never closed,
so they are listed only with --all.

The advisories come from Arch's security tracker, through omgd. With --source they
come from a file. With --dbpath the packages of another system are checked.

With --fail-on the exit code is 5 if a listed advisory has at least that severity,
4 if there is no data of the tracker, 3 if a database could not be read, and
otherwise 0.

` + exitCodesHelp(exit.Network, exit.AdvisoryFound),
		Flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "all", Aliases: []string{"a"}, Destination: &o.all, Usage: "also list unconfirmed advisories"},
			&cli.BoolFlag{Name: "fixable", Destination: &o.fixable, Usage: "list only advisories that an update fixes"},
			&cli.StringFlag{Name: "severity", Destination: &o.severity, Usage: "list only advisories of at least this `SEVERITY`: low, medium, high or critical"},
			&cli.BoolFlag{Name: "cve", Destination: &o.cve, Usage: "list the vulnerabilities of each package, with links"},
			&cli.StringFlag{Name: "fail-on", Destination: &o.failOn, Usage: "exit with 5 if a listed advisory has at least this `SEVERITY`"},
			&cli.StringFlag{Name: "source", Destination: &o.advisoriesFile, Usage: "use `FILE` (the tracker's all.json) instead of omgd's data"},
		}, o.listFlags("{{.name}} {{.severity}} {{.update}}")...),
		Action: func(c *cli.Context) error { return a.runSecurity(c, o) },
	}
}

// severities lists the tracker's severities in ascending order. An advisory without a severity is treated as low.
var severities = []string{"low", "medium", "high", "critical"}

// severityFlagIndex returns the index of a flag's value in the slice severities, -1 if the flag is not set.
func severityFlagIndex(c *cli.Context, name, value string) (int, error) {
	if !c.IsSet(name) {
		return -1, nil
	}
	at := slices.Index(severities, strings.ToLower(value))
	if at < 0 {
		return 0, command.Usagef("--%s is one of %s, not %q", name, strings.Join(severities, ", "), value)
	}
	return at, nil
}

func severityIndex(a *wire.Advisory) int {
	return max(0, slices.Index(severities, strings.ToLower(a.Severity)))
}

func (a *app) runSecurity(c *cli.Context, o *securityOptions) (err error) {
	if o.minSeverityIndex, err = severityFlagIndex(c, "severity", o.severity); err != nil {
		return err
	}
	if o.failIndex, err = severityFlagIndex(c, "fail-on", o.failOn); err != nil {
		return err
	}
	out, err := a.newOutput(c, o.outputOptions)
	if err != nil {
		return err
	}
	out.usePager()
	a.options.AdvisoriesFile = o.advisoriesFile
	all, err := a.newBackend().Security(c.Context, &wire.SecurityRequest{Packages: c.Args().Slice()})
	if err != nil {
		return err
	}
	all.Packages = o.filterPackages(all.Packages)
	err = printList(out, all, all.Packages, func(p *wire.VulnerablePackage) string { return out.safePackageName(p.Name) },
		func(w *bufio.Writer, p *wire.VulnerablePackage) {
			out.style.PrintVulnerable(w, p)
			if o.cve {
				out.style.PrintIssues(w, p)
			}
		})
	if err == nil {
		err = out.finishWithBasis(&all.Basis)
	}
	if err != nil {
		return err
	}
	a.noteAdvisories(all)
	if o.failIndex >= 0 && o.reachesFailOn(all.Packages) {
		return exit.QuietError(exit.AdvisoryFound)
	}
	if len(all.Missing) > 0 {
		// The names of all installed packages are known, even of packages whose descriptions could not be read. Therefore
		// the packages in Missing are not installed, even if the result is partial.
		return a.notInstalledError(all.Missing, &wire.Basis{})
	}
	found := len(all.Packages)
	if o.failIndex >= 0 && !all.Partial && !all.Stale {
		return nil
	}
	if o.failIndex >= 0 {
		// No known advisory has this severity, but one may be missing: with found = 0, emptyListError returns a failure.
		found = 0
	}
	return out.emptyListError(&all.Basis, found, o.noAdvisoriesText(c.Args().Slice()))
}

// noAdvisoriesText returns the note for an empty list.
func (o *securityOptions) noAdvisoriesText(names []string) string {
	if o.fixable || o.minSeverityIndex >= 0 {
		return "no such security advisories" + forNames(names)
	}
	return "no security advisories" + forNames(names)
}

// filterPackages returns the packages with at least one advisory that the flags select. All advisories that the flags do not select
// are removed. A package gets the severity and verdict of its first remaining advisory, which is the worst one.
func (o *securityOptions) filterPackages(packages []wire.VulnerablePackage) []wire.VulnerablePackage {
	wanted := func(a *wire.Advisory) bool {
		return (a.Counted || o.all) && severityIndex(a) >= o.minSeverityIndex && (!o.fixable || a.Verdict == "fixable")
	}
	kept := []wire.VulnerablePackage{}
	for _, p := range packages {
		p.Advisories = slices.DeleteFunc(slices.Clone(p.Advisories), func(a wire.Advisory) bool { return !wanted(&a) })
		if len(p.Advisories) == 0 {
			continue
		}
		p.Severity, p.Verdict = p.Advisories[0].Severity, p.Advisories[0].Verdict
		kept = append(kept, p)
	}
	return kept
}

// reachesFailOn reports whether a listed advisory reaches the severity of --fail-on.
func (o *securityOptions) reachesFailOn(packages []wire.VulnerablePackage) bool {
	return slices.ContainsFunc(packages, func(p wire.VulnerablePackage) bool {
		return slices.ContainsFunc(p.Advisories, func(a wire.Advisory) bool { return severityIndex(&a) >= o.failIndex })
	})
}

// noteAdvisories prints the ages of the advisories and the databases, and the number of advisories that could not be
// read.
func (a *app) noteAdvisories(all *wire.SecurityResult) {
	now := clock.Now()
	for i := range all.Sources {
		s := &all.Sources[i]
		switch {
		case s.State == wire.SourceOK || s.Kind == wire.KindAUR: // the tracker does not cover the AUR
		case s.Kind == wire.KindTracker, s.State == wire.SourceStale && !s.Outdated:
			a.printNote(show.DescribeSource(s, now))
		}
	}
	if all.Skipped > 0 {
		a.printNote(fmt.Sprintf("%d records of the security tracker could not be read", all.Skipped))
	}
}
