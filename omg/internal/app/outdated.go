package app

import (
	"bufio"
	"errors"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/omg/internal/show"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/wire"
)

// outdatedOptions holds the flags of omg outdated.
type outdatedOptions struct {
	outputOptions
	all, aur, noAUR, security bool
}

func outdatedCommand(a *app) *cli.Command {
	o := &outdatedOptions{}
	return &cli.Command{
		Name:  "outdated",
		Usage: "list available updates, like pacman -Qu",
		Description: `Updates from the repositories come first, then those from the AUR, marked [aur]. With
--all, the list also contains replacements that an upgrade would offer, packages that
are newer than in their repository or the AUR, and packages that are flagged out of
date, orphaned, deleted from the AUR, or unknown to the AUR. For packages built from
a VCS (-git and the like), updates are unknown.

With enabled = true in [sync] of the configuration, omgd uses databases that it
downloads itself, and a note says how old they are.

If there is no update, but a database is missing or cannot be read, the exit code
is 3. With --aur, the exit code is 4 if there is no data of the AUR.

` + exitCodes(exit.Network),
		Flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "all", Aliases: []string{"a"}, Destination: &o.all, Usage: "also list replacements and packages newer than their repository"},
			&cli.BoolFlag{Name: "aur", Destination: &o.aur, Usage: "only packages that are not from a repository"},
			&cli.BoolFlag{Name: "no-aur", Destination: &o.noAUR, Usage: "only packages from the repositories, exactly like pacman -Qu"},
			&cli.BoolFlag{Name: "security", Destination: &o.security, Usage: "mark updates that fix a security advisory"},
		}, o.listFlags("{{.name}} {{.installed}} {{.version}}")...),
		Action: func(c *cli.Context) error { return a.outdated(c, o) },
	}
}

func (a *app) outdated(c *cli.Context, o *outdatedOptions) error {
	if err := noArguments(c); err != nil {
		return err
	}
	if o.aur && o.noAUR {
		return command.Usagef("--aur and --no-aur exclude each other")
	}
	out, err := a.newOutput(c, o.outputOptions)
	if err != nil {
		return err
	}
	all, err := a.backend().Outdated(c.Context)
	if err != nil {
		return err
	}
	if err := o.choose(all); err != nil {
		return err
	}
	foreign := foreignToShow(all.Foreign, o.all)
	if out.json {
		if all.Updates == nil {
			all.Updates = []wire.Update{}
		}
		err = out.document(all)
	} else {
		err = out.outdated(o, all, foreign)
	}
	if err == nil {
		err = out.endOn(&all.Basis)
	}
	if err != nil {
		return err
	}
	a.noteAges(o, all)
	if o.security && !knowsTracker(all.Sources) {
		return exit.With(exit.Network, errors.New("no data of the security tracker"))
	}
	shown := len(all.Updates) + len(foreign)
	if o.all {
		shown += len(all.Replacements) + len(all.Newer)
	}
	return emptyListError(&all.Basis, shown)
}

// choose removes the packages that --aur and --no-aur exclude.
func (o *outdatedOptions) choose(all *wire.OutdatedResult) error {
	if o.noAUR {
		all.Foreign = nil
	}
	if !o.aur {
		return nil
	}
	all.Updates, all.Newer, all.Replacements = nil, nil, nil
	switch aur := wire.FindSource(all.Sources, wire.KindAUR); {
	case aur == nil:
		return exit.With(exit.Network, errors.New("no data of the AUR: it is disabled (aur.enabled) and has no index"))
	case aur.Unavailable():
		return exit.With(exit.Network, errors.New("no data of the AUR: "+aur.Why))
	}
	return nil
}

// outdated prints the updates and, with --all, the other changes of an upgrade.
func (o *output) outdated(opts *outdatedOptions, all *wire.OutdatedResult, foreign []wire.ForeignPackage) error {
	updateName := func(u *wire.Update) string { return o.packageName(u.Name) }
	err := list(o, nil, all.Updates, updateName, func(w *bufio.Writer, u *wire.Update) {
		shown := *u
		if !opts.security {
			shown.Fixes = nil
		}
		o.style.Update(w, &shown)
	})
	if opts.all && err == nil {
		err = list(o, nil, all.Replacements, func(r *wire.Replacement) string { return o.packageName(r.Name) }, o.style.Replacement)
	}
	if opts.all && err == nil {
		err = list(o, nil, all.Newer, updateName, o.style.Newer)
	}
	if err == nil {
		err = list(o, nil, foreign, func(p *wire.ForeignPackage) string { return o.packageName(p.Name) }, o.style.Foreign)
	}
	return err
}

// noteAges prints the ages of the databases that updates are computed from.
func (a *app) noteAges(o *outdatedOptions, all *wire.OutdatedResult) {
	now := time.Now()
	if !o.json && o.format == "" && slices.ContainsFunc(all.Sources, func(s wire.Source) bool { return s.Downloaded }) {
		a.printNote("updates are from omgd's downloaded databases, as of " + show.RelativeTime(wire.UpToDateAsOf(all.Sources), now))
	}
	for i := range all.Sources {
		s := &all.Sources[i]
		switch {
		case s.State == wire.SourceOK, s.Kind == wire.KindTracker: // the tracker does not affect the list of updates
		case s.Kind == wire.KindAUR:
			// The results of the repositories do not depend on the AUR.
			if len(all.Foreign) > 0 {
				a.printNote(show.AURState(s, "no updates known"))
			}
		case s.IsRepository() && s.State == wire.SourceStale && !s.Outdated && !o.aur:
			a.printNote(show.Source(s, now))
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

// knowsTracker reports whether the security tracker has ever been downloaded.
func knowsTracker(sources []wire.Source) bool {
	return slices.ContainsFunc(sources, func(s wire.Source) bool { return s.Kind == wire.KindTracker && s.State != wire.SourceMissing })
}
