package app

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/omg/internal/show"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/journal"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/wire"
)

func aurCommand(a *app) *cli.Command {
	return &cli.Command{
		Name:        "aur",
		Usage:       "show what happened in the AUR",
		Description: exitCodesHelp(),
		Subcommands: []*cli.Command{aurLogCommand(a)},
		Action:      showSubcommands,
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
AUR. omg reads the journal itself, without asking omgd. Events before the first dump in
the journal are unknown. With --index, omg reads the journal in the directory of the
index.

Events are: maintainer-changed, orphaned, adopted, comaintainer-added,
comaintainer-removed, deleted, recreated, first-seen, updated-after-dormancy,
host-changed, young-dependency-added and flagged-out-of-date.

` + exitCodesHelp(),
		Flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "all", Aliases: []string{"a"}, Destination: &o.all, Usage: "list the events of all packages"},
			&cli.StringFlag{Name: "since", Destination: &o.since, Usage: "only events after a `TIME`: a date such as 2026-09-20, or an age such as 12h, 7d or 4w"},
		}, o.listFlags("{{.pkgbase}} {{.event}} {{.from}} {{.to}}")...),
		Action: func(c *cli.Context) error { return a.runAURLog(c, o) },
	}
}

// loggedEvent is an event in the output of aur log.
type loggedEvent struct {
	journal.EventJSON
	Source string `json:"source"`

	event journal.Event
}

// aurLogResult is the result of aur log.
type aurLogResult struct {
	JournalPath string `json:"journal"`
	// ObservedInterval is the interval from the first to the last observation in the journal.
	ObservedInterval journal.Interval `json:"observed"`
	Events           []loggedEvent    `json:"events"`

	eventCount   int // the number of events that were found, whether they were printed or are in Events
	journalState journal.State
	lastRefused  bool // the last observation was refused
}

func (a *app) runAURLog(c *cli.Context, o *aurLogOptions) error {
	if o.all && c.Args().Present() {
		return command.Usagef("--all excludes the names of packages")
	}
	since, err := parseSince(o.since, time.Now())
	if err != nil {
		return err
	}
	out, err := a.newOutput(c, o.outputOptions)
	if err != nil {
		return err
	}
	path, err := a.findJournal()
	if err != nil {
		return err
	}
	wanted, basis, err := a.wantedPackageBases(c, o)
	if err != nil {
		return err
	}
	log := &aurLogResult{JournalPath: path, Events: []loggedEvent{}}
	err = log.readJournal(since, wanted, func(e *loggedEvent) error {
		if out.json {
			log.Events = append(log.Events, *e)
			return nil
		}
		return out.printElement(e, out.safePackageName(e.Base), func(w *bufio.Writer) { out.style.PrintEvent(w, &e.event) })
	})
	if err == nil && out.json {
		err = out.printDocument(log)
	}
	if err == nil {
		err = out.finishWithBasis(basis)
	}
	if err != nil {
		return err
	}
	a.noteJournalProblems(log)
	switch {
	case log.eventCount > 0:
		return nil
	case basis.Partial || basis.Stale || log.journalState.DamagedEntries > 0 || log.journalState.RestLost:
		return exit.QuietError(exit.Failed)
	}
	after := max(since, log.ObservedInterval.From)
	return exit.WithCode(exit.NotFound, fmt.Errorf("no events after %s", time.Unix(after, 0).Format(time.DateTime)))
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

// findJournal returns the path of the journal. It searches the directories of the indexes that the user named or, if the
// user named none, the data directories. If it finds several journals, it returns the most recently written one.
func (a *app) findJournal() (string, error) {
	env := paths.ProcessEnv()
	var dirs []string
	if named := env.ChosenIndexPaths(a.indexes.Value()); named != nil {
		for _, path := range named {
			if fi, err := os.Stat(path); err != nil || !fi.IsDir() {
				path = filepath.Dir(path)
			}
			dirs = append(dirs, path)
		}
	} else {
		for _, dir := range env.DataDirs(a.options.DataDir) {
			dirs = append(dirs, paths.IndexDir(dir))
		}
	}
	var found string
	var written time.Time
	var failed error
	for _, dir := range dirs {
		path := filepath.Join(dir, journal.FileName)
		fi, err := os.Stat(path)
		switch {
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			failed = cmp.Or(failed, err)
		case err == nil && (found == "" || fi.ModTime().After(written)):
			found, written = path, fi.ModTime()
		}
	}
	switch {
	case found != "":
		return found, nil
	case failed != nil:
		return "", failed
	}
	return "", &exit.Error{
		Code: exit.Failed, Err: fmt.Errorf("no journal of the AUR in %s", strings.Join(dirs, " and ")),
		Hint: "omgd begins a journal when it downloads the next dump of the AUR",
	}
}

// wantedPackageBases returns the package bases whose events are wanted, or nil if the events of all package bases are wanted. It
// also returns the basis of the result that names these package bases.
func (a *app) wantedPackageBases(c *cli.Context, o *aurLogOptions) (map[string]bool, *wire.Basis, error) {
	basis := &wire.Basis{}
	if o.all {
		return nil, basis, nil
	}
	wanted := map[string]bool{}
	names := c.Args().Slice()
	if len(names) == 0 {
		all, err := a.newBackend().Installed(c.Context, &wire.InstalledRequest{Filter: wire.FilterForeign, Details: true})
		if err != nil {
			return nil, nil, err
		}
		for i := range all.Packages {
			p := &all.Packages[i]
			wanted[cmp.Or(p.Base, p.Name)] = true
		}
		return wanted, &all.Basis, nil
	}
	for i, name := range names {
		names[i] = strings.TrimPrefix(name, wire.SourceAUR+"/")
		if !wire.IsPossibleName(names[i]) {
			return nil, nil, command.Usagef("%q is not the name of a package", name)
		}
		wanted[names[i]] = true
	}
	a.addPackageBases(c.Context, names, wanted)
	return wanted, basis, nil
}

// addPackageBases adds the package bases of the named packages to the map wanted. It finds packages that are installed or in the
// AUR. If the AUR's data cannot be read, a note lists the packages whose package bases are unknown.
func (a *app) addPackageBases(ctx context.Context, names []string, wanted map[string]bool) {
	b := a.newBackend()
	here, err := b.Installed(ctx, &wire.InstalledRequest{Names: names, Details: true})
	if err == nil {
		for i := range here.Packages {
			p := &here.Packages[i]
			wanted[cmp.Or(p.Base, p.Name)] = true
			names = slices.DeleteFunc(names, func(name string) bool { return name == p.Name })
		}
	}
	if len(names) == 0 {
		return
	}
	request := &wire.InfoRequest{Offline: true}
	for _, name := range names {
		request.Names = append(request.Names, wire.SourceAUR+"/"+name)
	}
	_, err = b.Info(ctx, request, func(p *wire.Package) error {
		wanted[cmp.Or(p.Base, p.Name)] = true
		return nil
	}, func() {})
	if err != nil {
		a.printNote("the package bases of " + strings.Join(names, ", ") + " are unknown: " + err.Error())
	}
}

// readJournal reads the journal, and calls the function visit for each event of a wanted package base. It leaves out events that
// happened before the time since. The event is only valid during the call.
func (l *aurLogResult) readJournal(since int64, wanted map[string]bool, visit func(*loggedEvent) error) (err error) {
	first := true
	l.journalState, err = journal.Read(l.JournalPath, paths.ProcessEnv().Trusts, func(e *journal.Entry) error {
		if l.lastRefused = e.Outcome == journal.OutcomeRefused; l.lastRefused {
			return nil
		}
		if first {
			l.ObservedInterval.From, first = e.Between.From, false
		}
		l.ObservedInterval.To = e.Between.To
		if e.Between.To < since {
			return nil
		}
		for _, event := range e.Events {
			if wanted != nil && !wanted[event.Base] {
				continue
			}
			l.eventCount++
			if err := visit(&loggedEvent{event.JSON(), e.Source, event}); err != nil {
				return err
			}
		}
		return nil
	})
	return err
}

// maxJournalAge is an age of the journal's last observation. If the observation is older, a note says how old it is. omgd
// normally observes the AUR once a day.
const maxJournalAge = 48 * time.Hour

// noteJournalProblems prints notes about a journal that is damaged or old, or whose last observation was refused.
func (a *app) noteJournalProblems(log *aurLogResult) {
	if problem := log.journalState.Problem(); problem != "" {
		a.printNote(log.JournalPath + ": " + problem)
	}
	if log.lastRefused {
		a.printNote("the last dump of the AUR was not used: it was probably incomplete")
	}
	now := time.Now()
	if log.ObservedInterval.To > 0 && now.Sub(time.Unix(log.ObservedInterval.To, 0)) > maxJournalAge {
		a.printNote("the journal's last observation of the AUR was " + show.RelativeTime(log.ObservedInterval.To, now))
	}
}
