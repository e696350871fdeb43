package app

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/omg/internal/show"
	"github.com/omg-arch/omg/shared/clock"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/wire"
)

// aurCheckOptions holds the flags of aur check.
type aurCheckOptions struct {
	outputOptions
	failOn    string
	honourAck bool
	offline   bool
	buildDir  string
}

func aurCheckCommand(a *app) *cli.Command {
	o := &aurCheckOptions{}
	return &cli.Command{
		Name:      "check",
		Usage:     "list packages of the AUR to look at before the next build",
		ArgsUsage: "[PKG...]",
		Description: `Without PKG, the installed packages that are in no repository are checked. PKG is a
package, or a package base, which stands for its packages. Packages with findings are
listed, those with the most important ones first. A finding is a fact with its dates,
not a verdict. It follows from the journal, which "omg aur log" lists, and from the last
dump of the AUR. The two times of an event are the times of two dumps: the event
happened between these dumps.

For each PKG, omgd also asks the AUR what has changed since the last dump, because
attacks last hours, and level by level about the dependencies in the AUR. Dependencies
with findings are listed too. The AUR is asked only about names that the last dump
contains: other names could be private. If the AUR could not be asked, for example
without omgd or without a network, a note says so, and the exit code is 4. With --offline
it is not asked.

A finding of the level "look" is a reason to look at the package before the next build:
a package without a maintainer was adopted, or a co-maintainer was added, and it was
updated at most 14 days later; it was deleted and created again, moved to another
package base, or seen for the first time after you installed it; it needs a package that
was new in the AUR; or it was updated, although the dumps before and after it show no
maintainer. For a PKG and its dependencies there are two more: it was submitted at most
14 days ago, or needs a package that neither a repository nor the last dump has. Findings
of the level "note" are facts that are common: orphaned, flagged out of date, deleted,
adopted, another maintainer, updated after a year, and for a PKG, updated since the last
dump, or requests about it are open.

The install scriptlets of the installed packages are examined too, and never run. If one
uses the network, runs a package manager, runs text that it does not show, or cannot be
examined, the level is "look". If it enables a service, or writes a file that is not the
package's where commands are run from, the level is "note". The lines are shown, and
when the package was built and installed, by whom, and how pacman validated it.

The build files of the packages, which yay or paru has downloaded, are copied into your
state directory: see "omg aur diff --help". If the last 90 days' copies show sources from
another host, sources that have no checksum any more, or other install scripts, there is
a finding of the level "look".

The level "act" means that a list of incidents has the name of the installed package, and
that it was built on a day on which a harmful build could be had. All installed packages
are compared with the lists, also those of a repository. A list is installed with omg,
and the setting aur.incidents.lists adds others. If the build date of a package is
unknown, the level is "look".

With --fail-on the exit code is 5 if a finding has at least that level. If a package
could not be checked because the AUR does not have it, if the data of the AUR or the
journal is missing, incomplete, old or not of the same dump, or if a list of incidents
cannot be read or has expired, a note says so, and the exit code is 4, also if there are
findings below the level of --fail-on. With --fail-on and no such finding, the exit code
is otherwise 0, or 1 if a PKG is neither installed nor in the AUR. If the journal began
less than 90 days ago, only a note says so: omg cannot know what happened before.

The options --data-dir and --index of omg name the directory with the journal and the
index of the AUR: omg --data-dir DIR aur check.

` + exitCodesHelp(exit.Network, exit.AdvisoryFound),
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "fail-on", Destination: &o.failOn, Usage: "exit with 5 if a finding has at least this `LEVEL`: note, look or act"},
			&cli.BoolFlag{Name: "honour-ack", Destination: &o.honourAck, Usage: "with --fail-on, do not count findings that you have acknowledged with omg aur ack"},
			&cli.BoolFlag{Name: "offline", Destination: &o.offline, Usage: "do not ask the AUR's server about PKG"},
			&cli.StringFlag{Name: "build-dir", Destination: &o.buildDir, Usage: buildDirUsage},
		}, o.listFlags("{{.name}} {{.level}}")...),
		Action: func(c *cli.Context) error { return a.runAURCheck(c, o) },
	}
}

// findingLevels lists the levels of findings in ascending order.
var findingLevels = []string{backend.FindingLevelNote, backend.FindingLevelLook, backend.FindingLevelAct}

func (a *app) runAURCheck(c *cli.Context, o *aurCheckOptions) error {
	if c.IsSet("fail-on") && !slices.Contains(findingLevels, o.failOn) {
		return command.Usagef("--fail-on is one of %s, not %q", strings.Join(findingLevels, ", "), o.failOn)
	}
	if o.honourAck && !c.IsSet("fail-on") {
		return command.Usagef("--honour-ack needs --fail-on")
	}
	names, err := aurNames(c.Args().Slice())
	if err != nil {
		return err
	}
	if err := checkBuildDir(c, o.buildDir, names); err != nil {
		return err
	}
	out, err := a.newOutput(c, o.outputOptions)
	if err != nil {
		return err
	}
	all, err := a.newBackend().AURCheck(c.Context, &backend.AURCheckRequest{Names: names, Offline: o.offline, BuildDir: o.buildDir})
	if err != nil {
		return err
	}
	a.markAcks(all.Packages)
	problems := findCheckProblems(all, clock.Now())
	all.Certain = len(problems) == 0 && !all.Partial && !all.Stale
	if out.certainOnly && len(problems) > 0 {
		return &exit.Error{Code: exit.Failed, Err: fmt.Errorf("the result is partial: %s", problems[0]), Hint: a.uncertainHint()}
	}
	if len(all.Packages) == 0 && all.Certain && (len(names) == 0 || all.CheckedCount > 0) && out.isForPeople() {
		out.printLine(noFindingsText(all.CheckedCount))
	}
	err = printList(out, all, all.Packages, func(p *backend.CheckedPackage) string { return out.safePackageName(p.Name) }, out.style.PrintChecked)
	if err == nil {
		err = out.finishWithBasis(&all.Basis)
	}
	if err != nil {
		return err
	}
	for _, problem := range problems {
		a.printNote(problem)
	}
	a.noteBeginning(all)
	a.noteLive(all.Live, clock.Now())
	for _, problem := range all.BuildProblems {
		a.printNote(problem)
	}
	for i := range all.IncidentLists {
		for _, warning := range all.IncidentLists[i].Warnings {
			a.printNote(warning)
		}
	}
	switch {
	case c.IsSet("fail-on") && reachesLevel(all.Packages, o.failOn, o.honourAck):
		return exit.QuietError(exit.AdvisoryFound)
	case !all.Certain:
		return exit.QuietError(exit.Network)
	case len(all.Missing) > 0:
		return exit.WithCode(exit.NotFound, errors.New("neither installed nor in the last dump of the AUR: "+quoteEach(all.Missing)))
	case c.IsSet("fail-on"):
		return nil
	}
	return out.emptyListError(&wire.Basis{}, len(all.Packages), "") // a line has said so
}

// noFindingsText returns the line for a terminal if there are no findings about the given number of packages.
func noFindingsText(checked int) string {
	switch checked {
	case 0:
		return "no installed package is from the AUR"
	case 1:
		return "1 package checked, no findings"
	}
	return strconv.Itoa(checked) + " packages checked, no findings"
}

// reachesLevel reports whether a finding has at least the given level. If honourAck is true, findings that the user has acknowledged
// do not count.
func reachesLevel(packages []backend.CheckedPackage, level string, honourAck bool) bool {
	return slices.ContainsFunc(packages, func(p backend.CheckedPackage) bool {
		return slices.ContainsFunc(p.Findings, func(f backend.AURFinding) bool {
			isCounted := !honourAck || f.Acknowledged == nil
			return isCounted && slices.Index(findingLevels, f.Level) >= slices.Index(findingLevels, level)
		})
	})
}

// findCheckProblems returns why the findings may be incomplete, except for what the basis says.
func findCheckProblems(all *backend.AURCheckResult, now time.Time) (problems []string) {
	for i := range all.IncidentLists {
		if problem := all.IncidentLists[i].ProblemText(); problem != "" {
			problems = append(problems, problem)
		}
	}
	if all.ScriptletProblem != "" {
		problems = append(problems, "scriptlets were not examined: "+all.ScriptletProblem)
	}
	if all.Unavailable != "" {
		return append(problems, "only lists of incidents and scriptlets were checked: "+all.Unavailable)
	}
	problems = append(problems, journalProblems(&all.JournalReading)...)
	switch {
	case all.Observed == nil:
		problems = append(problems, errNoObservation.Error())
	case all.Observed[1].Sub(now) > wire.MaxClockDifference:
		problems = append(problems, "the journal's last observation of the AUR is in the future: "+all.Observed[1].Local().Format(time.RFC3339))
	case all.DumpDiffers && !all.LastRefused:
		problems = append(problems, "the last dump of the AUR is not the one that the journal observed last: what happened in between is unknown")
	}
	if hasRecentGap(all) {
		problems = append(problems, "the journal has a gap that ends "+all.CompleteSince.Local().Format(time.DateOnly)+": the events in the gap are unknown")
	}
	if len(all.Shortened) > 0 {
		problems = append(problems, "too many events, the oldest are left out: "+quoteEach(all.Shortened))
	}
	if aur := wire.FindSourceByKind(all.Sources, wire.KindAUR); aur == nil {
		problems = append(problems, "no data of the AUR")
	} else if aur.State != wire.SourceOK {
		problems = append(problems, show.DescribeSource(aur, now))
	}
	problems = append(problems, liveProblems(all.Live)...)
	if len(all.NotInAUR) > 0 {
		problems = append(problems, "only the scriptlets were checked of packages that are not in the AUR: "+quoteEach(all.NotInAUR))
	}
	return problems
}

// hasRecentGap reports whether the journal has a gap that ended so recently that findings could follow from events in the gap.
func hasRecentGap(all *backend.AURCheckResult) bool {
	return all.Observed != nil && !all.CompleteSince.Equal(all.Observed[0]) && all.CompleteSince.After(all.EventsSince)
}

// noteBeginning prints a note if the journal began so recently that findings could follow from earlier events.
func (a *app) noteBeginning(all *backend.AURCheckResult) {
	if all.Observed != nil && all.CompleteSince.Equal(all.Observed[0]) && all.CompleteSince.After(all.EventsSince) {
		a.printNote("the journal begins " + all.CompleteSince.Local().Format(time.DateOnly) + ": earlier events are unknown")
	}
}

// quoteEach puts each word in quotation marks, escapes characters that are not visible, and joins the words.
func quoteEach(words []string) string {
	quoted := make([]string, len(words))
	for i, word := range words {
		quoted[i] = strconv.Quote(word)
	}
	return strings.Join(quoted, ", ")
}
