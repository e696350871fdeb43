package app

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/omg/internal/show"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/wire"
)

// aurCheckOptions holds the flags of aur check.
type aurCheckOptions struct {
	outputOptions
	failOn string
}

func aurCheckCommand(a *app) *cli.Command {
	o := &aurCheckOptions{}
	return &cli.Command{
		Name:      "check",
		Usage:     "list packages of the AUR to look at before the next build",
		ArgsUsage: "[PKG...]",
		Description: `Without PKG, the installed packages that are in no repository are checked. Packages
with findings are listed, those with the most important ones first. A finding is a fact
with its dates, not a verdict. It follows from the journal, which "omg aur log" lists,
and from the last dump of the AUR. The two times of an event are the times of two dumps:
the event happened between these dumps.

A finding of the level "look" is a reason to look at the package before the next build:
a package without a maintainer was adopted, or a co-maintainer was added, and it was
updated at most 14 days later; it was deleted and created again; or it was updated,
although the dumps before and after it show no maintainer. Findings of the level "note"
are facts that are common: orphaned, flagged out of date, deleted, adopted, another
maintainer, updated after a year. No finding has the level "act" yet.

With --fail-on the exit code is 5 if a finding has at least that level. If the data of
the AUR or the journal is missing, incomplete or old, a note says so, and the exit code
is 4, also if there are findings below the level of --fail-on. With --fail-on and no
such finding, the exit code is otherwise 0.

` + exitCodesHelp(exit.Network, exit.AdvisoryFound),
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "fail-on", Destination: &o.failOn, Usage: "exit with 5 if a finding has at least this `LEVEL`: note, look or act"},
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
	names, err := aurNames(c.Args().Slice())
	if err != nil {
		return err
	}
	out, err := a.newOutput(c, o.outputOptions)
	if err != nil {
		return err
	}
	all, err := a.newBackend().AURCheck(c.Context, names)
	if err != nil {
		return err
	}
	err = printList(out, all, all.Packages, func(p *backend.CheckedPackage) string { return out.safePackageName(p.Name) }, out.style.PrintChecked)
	if err == nil {
		err = out.finishWithBasis(&all.Basis)
	}
	if err != nil {
		return err
	}
	certain := a.noteCheckProblems(all, time.Now())
	switch {
	case c.IsSet("fail-on") && reachesLevel(all.Packages, o.failOn):
		return exit.QuietError(exit.AdvisoryFound)
	case !certain:
		return exit.QuietError(exit.Network)
	case len(all.Missing) > 0:
		return exit.WithCode(exit.NotFound, errors.New("neither installed nor in the AUR: "+quoteWords(all.Missing)))
	case c.IsSet("fail-on"):
		return nil
	}
	return emptyListError(&wire.Basis{}, len(all.Packages))
}

// reachesLevel reports whether a finding has at least the given level.
func reachesLevel(packages []backend.CheckedPackage, level string) bool {
	return slices.ContainsFunc(packages, func(p backend.CheckedPackage) bool {
		return slices.Index(findingLevels, p.Level) >= slices.Index(findingLevels, level)
	})
}

// maxEventAge is the age of an event after which no finding follows from it any more; see docs/journal.md.
const maxEventAge = 90 * 24 * time.Hour

// noteCheckProblems prints notes about missing, incomplete and old data. It reports whether the data is complete and recent.
func (a *app) noteCheckProblems(all *backend.AURCheckResult, now time.Time) (certain bool) {
	a.noteJournalProblems(&all.JournalReading)
	certain = !all.Partial && !all.Stale && all.Problem == "" && !all.LastRefused && !isJournalOld(&all.JournalReading, now)
	switch {
	case all.Observed == nil:
		a.printNote(errNoObservation.Error())
		certain = false
	case now.Sub(*all.CompleteSince) >= maxEventAge:
	case all.CompleteSince.Equal(all.Observed[0]):
		a.printNote("the journal begins " + all.CompleteSince.Local().Format(time.DateOnly) + ": earlier events are unknown")
	default:
		a.printNote("the journal has a gap that ends " + all.CompleteSince.Local().Format(time.DateOnly) + ": the events in the gap are unknown")
	}
	if aur := wire.FindSourceByKind(all.Sources, wire.KindAUR); aur == nil || aur.State != wire.SourceOK {
		if aur != nil {
			a.printNote(show.DescribeSource(aur, now))
		}
		certain = false
	}
	if len(all.NotInAUR) > 0 {
		a.printNote("not checked, because not in the AUR: " + quoteWords(all.NotInAUR))
	}
	return certain
}
