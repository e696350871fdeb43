package app

import (
	"bufio"
	"errors"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/omg/internal/ask"
	"github.com/omg-arch/omg/omg/internal/show"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/wire"
)

func outdatedCommand() *cli.Command {
	return &cli.Command{
		Name:  "outdated",
		Usage: "list the updates that the package databases know of, as pacman -Qu does",
		Description: `Behind them come the updates that the AUR has for packages that no repository
has, marked [aur]. With --all it also lists what an upgrade would offer to replace,
what is installed in a later version than its repository or the AUR has, and
packages that are flagged out of date, orphaned, gone from the AUR, or unknown to
it. The version of a package that is built from a VCS (-git and the like) says
nothing of updates: it is unknown.

With own = true in [sync] of the configuration omgd counts by databases that it
downloads itself, and says on standard error as of when.

When a database is missing or cannot be read, no update in the others does not
mean that there is none: the exit code is then 3. With --aur it is 4 while
nothing is known of the AUR.

` + exitCodes(exit.Network),
		Flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "all", Aliases: []string{"a"}, Usage: "list replacements and newer packages too"},
			&cli.BoolFlag{Name: "aur", Usage: "only what is not from a repository"},
			&cli.BoolFlag{Name: "no-aur", Usage: "only what the repositories have, exactly as pacman -Qu"},
			&cli.BoolFlag{Name: "security", Usage: "mark the updates that mend what a security advisory says"},
		}, outputFlags("{{.name}} {{.installed}} {{.version}}")...),
		Action: outdated,
	}
}

func outdated(c *cli.Context) error {
	if err := noArguments(c); err != nil {
		return err
	}
	if c.Bool("aur") && c.Bool("no-aur") {
		return command.Usagef("--aur and --no-aur exclude each other")
	}
	out, err := newOutput(c)
	if err != nil {
		return err
	}
	var all wire.OutdatedResult
	if err := asker(c).Get(c.Context, wire.OpOutdated, nil, &all); err != nil {
		return err
	}
	if err := chooseUpdates(c, &all); err != nil {
		return err
	}
	foreign := foreignToShow(all.Foreign, c.Bool("all"))
	shown := len(all.Updates) + len(foreign)
	if c.Bool("all") {
		shown += len(all.Replacements) + len(all.Newer)
	}
	if out.json {
		if all.Updates == nil {
			all.Updates = []wire.Update{}
		}
		err = out.document(&all)
	} else {
		err = out.outdated(&all, c.Bool("all"), c.Bool("security"))
		for i := range foreign {
			if err == nil {
				u := &foreign[i]
				err = out.element(u, u.Name, func(w *bufio.Writer) { out.style.Foreign(w, u) })
			}
		}
	}
	if err != nil {
		return err
	}
	if err := out.some(shown); exit.Code(err) == exit.Failed {
		return err
	}
	if !out.json && out.tmpl == nil && slices.ContainsFunc(all.Sources, func(s wire.Source) bool { return s.Own }) {
		command.Note(c.App.ErrWriter, c.App.Name, "by databases of omgd's own, as of "+show.Moment(wire.Current(all.Sources), time.Now()))
	}
	certain := noteDoubts(c, &all)
	if c.Bool("security") && !knowsTracker(all.Sources) {
		return exit.With(exit.Network, ask.ErrNoTracker)
	}
	switch {
	case shown > 0:
		return nil
	case certain:
		return exit.Quiet(exit.NotFound)
	default:
		return exit.Quiet(exit.Failed)
	}
}

// outdated prints the updates, more of what an upgrade does, and marks what the
// updates mend.
func (o *output) outdated(all *wire.OutdatedResult, more, mark bool) error {
	for _, u := range all.Updates {
		err := o.element(&u, u.Name, func(w *bufio.Writer) {
			if !mark {
				u.Fixes = nil
			}
			o.style.Update(w, &u)
		})
		if err != nil {
			return err
		}
	}
	if !more {
		return nil
	}
	for _, r := range all.Replacements {
		if err := o.element(&r, r.Name, func(w *bufio.Writer) { o.style.Replacement(w, &r) }); err != nil {
			return err
		}
	}
	for _, u := range all.Newer {
		if err := o.element(&u, u.Name, func(w *bufio.Writer) { o.style.Newer(w, &u) }); err != nil {
			return err
		}
	}
	return nil
}

// noteDoubts says on standard error what makes the answer uncertain. An answer
// that is only old is as certain as pacman's own; one that lacks a repository, or
// that could not be checked, is not.
func noteDoubts(c *cli.Context, all *wire.OutdatedResult) (certain bool) {
	certain = !all.Stale
	now := time.Now()
	if all.Stale {
		noteStale(c, all.At, now)
	}
	for _, s := range all.Sources {
		if s.Name == wire.SourceTracker {
			continue // has nothing to do with what is outdated
		}
		if s.Name == wire.SourceAUR {
			// What the repositories have is as certain without it.
			if s.State != wire.SourceOK && len(all.Foreign) > 0 {
				command.Note(c.App.ErrWriter, c.App.Name, show.Source(&s, now))
			}
			continue
		}
		if s.State == wire.SourceMissing || s.State == wire.SourceFailed {
			certain = false
		}
		if s.State != wire.SourceOK {
			command.Note(c.App.ErrWriter, c.App.Name, show.Source(&s, now))
		}
	}
	return certain
}

func noteStale(c *cli.Context, at int64, now time.Time) {
	note := "what is installed could not be checked"
	if at != 0 {
		note += " since " + show.Moment(at, now)
	}
	command.Note(c.App.ErrWriter, c.App.Name, note)
}

// chooseUpdates keeps what --aur and --no-aur ask for.
func chooseUpdates(c *cli.Context, all *wire.OutdatedResult) error {
	if c.Bool("no-aur") {
		all.Foreign = nil
	}
	if !c.Bool("aur") {
		return nil
	}
	all.Updates, all.Newer, all.Replacements = nil, nil, nil
	i := slices.IndexFunc(all.Sources, func(s wire.Source) bool { return s.Name == wire.SourceAUR })
	switch {
	case i < 0:
		return exit.With(exit.Network, errors.New("the AUR is not known: there is no index of it, and it is not asked"))
	case all.Sources[i].State == wire.SourceMissing, all.Sources[i].State == wire.SourceFailed:
		return exit.With(exit.Network, errors.New("the AUR is not known: "+all.Sources[i].Why))
	}
	all.Sources = all.Sources[i : i+1]
	return nil
}

// foreignToShow are the updates among foreign packages and, if more is asked for,
// what else there is to say of them.
func foreignToShow(all []wire.ForeignPackage, more bool) []wire.ForeignPackage {
	return slices.DeleteFunc(slices.Clone(all), func(u wire.ForeignPackage) bool {
		if u.State == wire.ForeignUpdate {
			return false
		}
		return !more || u.State == wire.ForeignCurrent && u.OutOfDate == 0 && !u.Orphan
	})
}

// knowsTracker says that the security tracker has ever answered.
func knowsTracker(sources []wire.Source) bool {
	return slices.ContainsFunc(sources, func(s wire.Source) bool { return s.Name == wire.SourceTracker && s.State != wire.SourceMissing })
}
