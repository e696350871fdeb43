package app

import (
	"bufio"
	"errors"
	"fmt"
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

func aurCommand(a *app) *cli.Command {
	return &cli.Command{
		Name:        "aur",
		Usage:       "show what happened to packages of the AUR, and findings",
		Description: exitCodesHelp(exit.Network, exit.AdvisoryFound),
		Subcommands: []*cli.Command{aurCheckCommand(a), aurDiffCommand(a), aurLogCommand(a), aurAckCommand(a)},
		Action:      showSubcommandsAction,
	}
}

// aurLogOptions holds the flags of aur log.
type aurLogOptions struct {
	outputOptions
	since string
	all   bool
}

func aurLogCommand(a *app) *cli.Command {
	o := &aurLogOptions{}
	return &cli.Command{
		Name:      "log",
		Usage:     "list what happened to the AUR's packages: maintainers, deletions, hosts and more",
		ArgsUsage: "[PKG...]",
		Description: `Without PKG, the events of the installed packages that are in no repository are
listed. PKG is a package base, or one of its packages. The oldest event comes first.
The two times of an event are the times of two dumps of the AUR: the event happened
between these dumps. An event does not mean that something is wrong: packages change
hands every day.

The events come from the journal, to which omgd adds an entry for each new dump of the
AUR. omg reads the journal itself, also if omgd is running. Events before the first dump
in the journal are unknown. The options --data-dir and --index of omg name the directory
with the journal: omg --data-dir DIR aur log.

Events are: maintainer-changed, orphaned, adopted, comaintainer-added,
comaintainer-removed, deleted, recreated, first-seen, updated-after-dormancy,
host-changed, young-dependency-added and flagged-out-of-date.

If there is no event, the exit code is 1, also for a name that the AUR does not have. If
there is no journal, or if it is damaged and events may be missing, it is 4.

` + exitCodesHelp(exit.Network),
		Flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "all", Aliases: []string{"a"}, Destination: &o.all, Usage: "list the events of all packages"},
			&cli.StringFlag{Name: "since", Destination: &o.since, Usage: "only events after a `TIME`: a date such as 2026-09-20, or an age such as 12h, 7d or 4w"},
		}, o.listFlags("{{.pkgbase}} {{.event}} {{.from}} {{.to}}")...),
		Action: func(c *cli.Context) error { return a.runAURLog(c, o) },
	}
}

func (a *app) runAURLog(c *cli.Context, o *aurLogOptions) error {
	if o.all && c.Args().Present() {
		return command.Usagef("--all cannot be combined with the names of packages")
	}
	names, err := aurNames(c.Args().Slice())
	if err != nil {
		return err
	}
	since, err := parseSince(o.since, clock.Now())
	if err != nil {
		return err
	}
	out, err := a.newOutput(c, o.outputOptions)
	if err != nil {
		return err
	}
	events, count := []backend.AUREvent{}, 0
	log, err := a.newBackend().AURLog(c.Context, &backend.AURLogRequest{All: o.all, Names: names, Since: since}, func(e *backend.AUREvent) error {
		count++
		if out.json {
			events = append(events, *e)
			return nil
		}
		return out.printElement(e, out.safePackageName(e.Base), func(w *bufio.Writer) { out.style.PrintEvent(w, e) })
	})
	if err == nil && out.json {
		log.Events = events
		err = out.printDocument(log)
	}
	if err == nil {
		err = out.finishWithBasis(&log.Basis)
	}
	if err != nil {
		return err
	}
	a.noteJournalProblems(&log.JournalReading)
	switch {
	case count > 0:
		return nil
	case log.Partial || log.Stale:
		return exit.QuietError(exit.Failed)
	case log.Incomplete:
		return exit.QuietError(exit.Network)
	case log.Observed == nil:
		return exit.WithCode(exit.Network, errNoObservation)
	}
	after := max(since, log.Observed[0].Unix())
	return exit.WithCode(exit.NotFound, fmt.Errorf("no events%s after %s", forNames(names), time.Unix(after, 0).Format(time.DateTime)))
}

// errNoObservation is the error for a journal that has no usable observation of the AUR.
var errNoObservation = errors.New("the journal does not contain an observation of the AUR yet")

// aurNames returns the names of packages on a command line, without the prefix aur/.
func aurNames(args []string) ([]string, error) {
	names := make([]string, len(args))
	for i, arg := range args {
		names[i] = strings.TrimPrefix(arg, wire.SourceAUR+"/")
		if !wire.IsPossibleName(names[i]) {
			return nil, command.Usagef("%q is not the name of a package", arg)
		}
	}
	return names, nil
}

// parseSince returns the value of --since as a time in Unix seconds; 0 if it is empty.
func parseSince(value string, now time.Time) (int64, error) {
	if value == "" {
		return 0, nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if at, err := time.ParseInLocation(layout, value, time.Local); err == nil {
			return at.Unix(), nil
		}
	}
	const maxUnits = 100_000
	units := map[byte]time.Duration{'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour}
	n, err := strconv.ParseUint(value[:len(value)-1], 10, 32)
	if unit := units[value[len(value)-1]]; err == nil && unit > 0 && n <= maxUnits {
		return now.Unix() - int64(n)*int64(unit/time.Second), nil
	}
	return 0, command.Usagef("--since is a date such as 2026-09-20, or an age such as 12h, 7d or 4w, not %q", value)
}

// noteJournalProblems prints notes about a journal that is damaged or old, or whose last observation was refused.
func (a *app) noteJournalProblems(r *backend.JournalReading) {
	for _, problem := range journalProblems(r) {
		a.printNote(problem)
	}
}

// journalProblems returns in which ways a journal is damaged or old, and whether its last observation was refused.
func journalProblems(r *backend.JournalReading) (problems []string) {
	if r.Problem != "" {
		problems = append(problems, r.Path+": "+r.Problem)
	}
	if r.LastRefused {
		problems = append(problems, "the last dump of the AUR was not used: it was probably incomplete")
	}
	if now := clock.Now(); isJournalOld(r, now) {
		problems = append(problems, "the journal's last observation of the AUR was "+show.RelativeTime(r.Observed[1].Unix(), now))
	}
	return problems
}

// isJournalOld reports whether the journal's last observation is older than wire.MaxJournalAge.
func isJournalOld(r *backend.JournalReading, now time.Time) bool {
	return r.Observed != nil && now.Sub(r.Observed[1]) > wire.MaxJournalAge
}
