package app

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"math"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/omg/internal/show"
	"github.com/omg-arch/omg/shared/clock"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/wire"
)

// outdatedOptions holds the flags of omg outdated.
type outdatedOptions struct {
	outputOptions
	all, aurOnly, noAUR, markSecurity, size bool
	devel, live                             bool
	by                                      string
}

func outdatedCommand(a *app) *cli.Command {
	o := &outdatedOptions{}
	return &cli.Command{
		Name:      "outdated",
		Usage:     "list available updates, like pacman -Qu",
		ArgsUsage: "[NAME...]",
		Description: `Updates from the repositories come first, then those from the AUR, marked [aur]. With
NAME, only these packages are listed. With --all, the list also contains replacements
that an upgrade would offer, packages that are newer than in their repository or the
AUR, and packages that are flagged out of date, orphaned, deleted from the AUR, or
unknown to the AUR. For packages built from a VCS (-git and the like), updates are
unknown: their versions in the AUR do not show whether their sources have changed.

With --devel, the list contains these packages instead, with the commits from which yay
or paru built them, as far as these have recorded it. With --devel --live, git asks the
servers of the sources for their latest commits, and the list contains the packages
whose sources have changed; with --all also the others. Only https addresses are asked,
and none more than once in 10 minutes. A package without a record, or whose server has
not answered, is unknown, and a note says so.

On a terminal, the list is a table with the repository, the size of the download and
the change of the installed size, and with the replacements. [security SEVERITY] marks
an update that fixes a security advisory, [look] or [act] a package of the AUR about
which "omg aur check" has a finding of this level. The sizes are left out if they do
not fit, but not with --by size. With --by age, the date of each build is shown. Above
the table are the titles of Arch's news that you have not read, if there are some (see
"omg news").

With enabled = true in [sync] of the configuration, omgd uses databases that it
downloads itself, and a note says how old they are.

If there is no update, but a database is missing or cannot be read, the exit code
is 3. With --aur, the exit code is 4 if there is no data of the AUR, and with --security
if there is none of the security tracker. With --devel --live, it is 3 if there is no
update, but a package is unknown, and 4 if a server has not answered.

` + exitCodesHelp(exit.Network),
		Flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "all", Aliases: []string{"a"}, Destination: &o.all, Usage: "also list replacements and packages newer than their repository"},
			&cli.BoolFlag{Name: "aur", Destination: &o.aurOnly, Usage: "only packages that are not from a repository"},
			&cli.BoolFlag{Name: "no-aur", Destination: &o.noAUR, Usage: "only packages from the repositories, exactly like pacman -Qu"},
			&cli.BoolFlag{Name: "security", Destination: &o.markSecurity, Usage: "mark updates that fix a security advisory"},
			&cli.BoolFlag{Name: "devel", Destination: &o.devel, Usage: "list the packages built from a VCS, with the commits that yay and paru recorded"},
			&cli.BoolFlag{Name: "live", Destination: &o.live, Usage: "with --devel: ask the servers of the sources for their latest commits"},
			&cli.BoolFlag{Name: "size", Destination: &o.size, Usage: "print the table with all sizes, also if the output is not a terminal"},
			&cli.StringFlag{Name: "by", Destination: &o.by, Usage: "sort updates from the repositories by `ORDER`: name, repo, size (the largest download first) or age (the oldest build first)", Value: byName},
		}, o.listFlags("{{.name}} {{.installed}} {{.version}}")...),
		Action: func(c *cli.Context) error { return a.runOutdated(c, o) },
	}
}

func (a *app) runOutdated(c *cli.Context, o *outdatedOptions) error {
	if o.aurOnly && o.noAUR {
		return command.Usagef("--aur and --no-aur exclude each other")
	}
	if !slices.Contains([]string{byName, byRepo, bySize, byAge}, o.by) {
		return command.Usagef("--by is one of name, repo, size, age, not %q", o.by)
	}
	if o.devel || o.live {
		return a.runDevel(c, o)
	}
	out, err := a.newOutput(c, o.outputOptions)
	if err != nil {
		return err
	}
	out.usePager()
	if o.size && (out.json || out.quiet || out.tmpl != nil) {
		return command.Usagef("--size and --quiet, --json or --format exclude each other")
	}
	b := a.newBackend()
	all, err := b.Outdated(c.Context)
	if err != nil {
		return err
	}
	if err := o.dropExcluded(all); err != nil {
		return err
	}
	if c.Args().Present() {
		keepNamed(all, c.Args().Slice())
	}
	o.sortUpdates(all)
	foreign := foreignToShow(all.Foreign, o.all)
	hasTable := out.isForPeople() || o.size
	if out.json {
		if all.Updates == nil {
			all.Updates = []wire.Update{}
		}
		err = out.printDocument(all)
	} else if hasTable {
		if unread := unreadNews(all.News); out.isForPeople() && len(unread) > 0 {
			out.style.PrintNewsNotice(out.w, unread)
		}
		out.style.PrintUpdateTable(out.w, o.updateTable(all, foreign))
	} else {
		err = out.printOutdated(o, all, foreign)
	}
	if err == nil {
		err = out.finishWithBasis(&all.Basis)
	}
	if err != nil {
		return err
	}
	a.noteDatabaseAges(o, all)
	if o.markSecurity {
		if err := a.finishMarks(out, all); err != nil {
			return err
		}
	}
	shown := len(all.Updates) + len(foreign)
	if o.all || hasTable {
		shown += len(all.Replacements)
	}
	if o.all {
		shown += len(all.InstalledNewer)
	}
	if err := a.checkNamesInstalled(c.Context, b, namesWithoutUpdate(all, c.Args().Slice())); err != nil {
		return err
	}
	return out.emptyListError(&all.Basis, shown, "no updates"+forNames(c.Args().Slice()))
}

// namesWithoutUpdate returns the names about which the result says nothing.
func namesWithoutUpdate(all *wire.OutdatedResult, names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		return slices.ContainsFunc(all.Updates, func(u wire.Update) bool { return u.Name == name }) ||
			slices.ContainsFunc(all.InstalledNewer, func(u wire.Update) bool { return u.Name == name }) ||
			slices.ContainsFunc(all.Replacements, func(r wire.Replacement) bool { return r.ReplacedName == name || r.By == name }) ||
			slices.ContainsFunc(all.Foreign, func(p wire.ForeignPackage) bool { return p.Name == name })
	})
}

// checkNamesInstalled returns an error that lists the packages that are not installed. If that is unknown, it returns nil: the result before
// it has said so.
func (a *app) checkNamesInstalled(ctx context.Context, b backend.Backend, names []string) error {
	if len(names) == 0 {
		return nil
	}
	found, err := b.Installed(ctx, &wire.InstalledRequest{Names: names})
	if err != nil || len(found.Missing) == 0 {
		return nil
	}
	return a.notInstalledError(found.Missing, &found.Basis)
}

// dropExcluded removes the packages that --aur and --no-aur exclude.
func (o *outdatedOptions) dropExcluded(all *wire.OutdatedResult) error {
	if o.noAUR {
		all.Foreign = nil
	}
	if !o.aurOnly {
		return nil
	}
	all.Updates, all.InstalledNewer, all.Replacements = nil, nil, nil
	switch aur := wire.FindSourceByKind(all.Sources, wire.KindAUR); {
	case aur == nil:
		return exit.WithCode(exit.Network, errors.New("no data of the AUR: it is disabled (aur.enabled) and has no index"))
	case aur.Unavailable():
		return exit.WithCode(exit.Network, errors.New("no data of the AUR: "+aur.Why))
	}
	return nil
}

// The orders of --by.
const (
	byName = "name"
	byRepo = "repo"
	bySize = "size"
	byAge  = "age"
)

// sortUpdates sorts the updates from the repositories in the order of --by. An unknown size or age comes last.
func (o *outdatedOptions) sortUpdates(all *wire.OutdatedResult) {
	rank := func(u *wire.Update) int {
		return slices.IndexFunc(all.Sources, func(s wire.Source) bool { return s.Name == u.Repo && s.IsRepository() })
	}
	size := func(u *wire.Update) uint64 {
		if u.DownloadSize == nil {
			return 0
		}
		return *u.DownloadSize
	}
	age := func(u *wire.Update) int64 {
		if u.BuiltAt == 0 {
			return math.MaxInt64
		}
		return u.BuiltAt
	}
	slices.SortStableFunc(all.Updates, func(x, y wire.Update) int {
		switch o.by {
		case byRepo:
			return cmp.Compare(rank(&x), rank(&y))
		case bySize:
			return cmp.Compare(size(&y), size(&x))
		case byAge:
			return cmp.Compare(age(&x), age(&y))
		}
		return 0 // omgd sorts by name
	})
}

// keepNamed removes the packages that do not have one of the given names.
func keepNamed(all *wire.OutdatedResult, names []string) {
	isOther := func(name string) bool { return !slices.Contains(names, name) }
	all.Updates = slices.DeleteFunc(all.Updates, func(u wire.Update) bool { return isOther(u.Name) })
	all.InstalledNewer = slices.DeleteFunc(all.InstalledNewer, func(u wire.Update) bool { return isOther(u.Name) })
	all.Replacements = slices.DeleteFunc(all.Replacements, func(r wire.Replacement) bool { return isOther(r.ReplacedName) && isOther(r.By) })
	all.Foreign = slices.DeleteFunc(all.Foreign, func(u wire.ForeignPackage) bool { return isOther(u.Name) })
}

// updateTable returns the table of the updates, for people.
func (o *outdatedOptions) updateTable(all *wire.OutdatedResult, foreign []wire.ForeignPackage) *show.UpdateTable {
	table := &show.UpdateTable{
		Updates: all.Updates, Replacements: all.Replacements, Foreign: foreign, ShowAdvisories: o.markSecurity, Partial: all.Partial,
		// The value by which the updates are sorted is always shown.
		AlwaysShowSizes: o.size || o.by == bySize, ShowBuildDates: o.by == byAge,
	}
	for i := range all.Foreign {
		if all.Foreign[i].State == wire.ForeignUnknown {
			table.UnknownForeign++
		}
	}
	if o.all {
		table.InstalledNewer = all.InstalledNewer
	}
	return table
}

// printOutdated prints the updates and, with --all, the other changes of an upgrade.
func (o *resultPrinter) printOutdated(opts *outdatedOptions, all *wire.OutdatedResult, foreign []wire.ForeignPackage) error {
	updateName := func(u *wire.Update) string { return o.safePackageName(u.Name) }
	err := printList(o, nil, all.Updates, updateName, func(w *bufio.Writer, u *wire.Update) {
		shown := *u
		if !opts.markSecurity {
			shown.Fixes = nil
		}
		o.style.PrintUpdate(w, &shown)
	})
	if opts.all && err == nil {
		err = printList(o, nil, all.Replacements, func(r *wire.Replacement) string { return o.safePackageName(r.ReplacedName) }, o.style.PrintReplacement)
	}
	if opts.all && err == nil {
		err = printList(o, nil, all.InstalledNewer, updateName, o.style.PrintNewer)
	}
	if err == nil {
		err = printList(o, nil, foreign, func(p *wire.ForeignPackage) string { return o.safePackageName(p.Name) }, func(w *bufio.Writer, p *wire.ForeignPackage) {
			o.style.PrintForeign(w, p)
		})
	}
	return err
}

// noteDatabaseAges prints the ages of the databases that updates are computed from.
func (a *app) noteDatabaseAges(o *outdatedOptions, all *wire.OutdatedResult) {
	now := clock.Now()
	if i := slices.IndexFunc(all.Sources, func(s wire.Source) bool { return s.Downloaded }); i >= 0 && !o.json && o.format == "" {
		from := "omgd's downloaded databases"
		if all.Sources[i].Publisher != "" {
			from = "pulled indexes"
		}
		a.printNote("updates are from " + from + ", as of " + show.RelativeTime(wire.UpToDateAsOf(all.Sources), now))
	}
	for i := range all.Sources {
		s := &all.Sources[i]
		switch {
		case s.State == wire.SourceOK, s.Kind == wire.KindTracker: // the tracker does not affect the list of updates
		case s.Kind == wire.KindAUR:
			// The results of the repositories do not depend on the AUR.
			if len(all.Foreign) > 0 {
				a.printNote(show.AURNote(s, "no updates known"))
			}
		case s.IsRepository() && s.State == wire.SourceStale && !s.Outdated && !o.aurOnly:
			a.printNote(show.DescribeSource(s, now))
		}
	}
}

// foreignToShow returns the foreign packages with an update. If the parameter more is set, it also returns packages in
// another noteworthy state, such as orphaned.
func foreignToShow(all []wire.ForeignPackage, more bool) []wire.ForeignPackage {
	return slices.DeleteFunc(slices.Clone(all), func(u wire.ForeignPackage) bool {
		if u.State == wire.ForeignUpdate {
			return false
		}
		return !more || u.State == wire.ForeignCurrent && u.OutOfDate == 0 && !u.Orphan
	})
}

// finishMarks returns an error if updates could not be marked because there is no data of the security tracker. Otherwise a note says
// how old this data is unless it is current, and on a terminal that no update is marked.
func (a *app) finishMarks(out *resultPrinter, all *wire.OutdatedResult) error {
	tracker := wire.FindSourceByKind(all.Sources, wire.KindTracker)
	switch {
	case tracker == nil:
		return &exit.Error{Code: exit.Network, Err: errors.New("no data of the security tracker"), Hint: "omgd downloads it unless tracker.enabled is false"}
	case tracker.Unavailable():
		return exit.WithCode(exit.Network, errors.New("no data of the security tracker: "+tracker.Why))
	case tracker.State == wire.SourceStale:
		a.printNote(show.DescribeSource(tracker, clock.Now()))
	}
	isMarked := func(u wire.Update) bool { return len(u.Fixes) > 0 }
	if len(all.Updates) > 0 && !slices.ContainsFunc(all.Updates, isMarked) && out.isForPeople() {
		a.printNote("none of these updates fixes a security advisory")
	}
	return nil
}
