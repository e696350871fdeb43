package app

import (
	"bufio"
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
		Description: `With --all it also lists, behind them, what an upgrade would offer to replace
and what is installed in a later version than its repository has.

When a database is missing or cannot be read, no update in the others does not
mean that there is none: the exit code is then 3.

` + exitCodes(),
		Flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "all", Aliases: []string{"a"}, Usage: "list replacements and newer packages too"},
			&cli.BoolFlag{Name: "security", Usage: "mark the updates that mend what a security advisory says"},
		}, outputFlags("{{.name}} {{.installed}} {{.version}}")...),
		Action: outdated,
	}
}

func outdated(c *cli.Context) error {
	if err := noArguments(c); err != nil {
		return err
	}
	out, err := newOutput(c)
	if err != nil {
		return err
	}
	var all wire.OutdatedResult
	if err := asker(c).Get(c.Context, wire.OpOutdated, nil, &all); err != nil {
		return err
	}
	shown := len(all.Updates)
	if c.Bool("all") {
		shown += len(all.Replacements) + len(all.Newer)
	}
	if out.json {
		if all.Updates == nil {
			all.Updates = []wire.Update{}
		}
		err = out.document(struct {
			Schema int `json:"schema"`
			*wire.OutdatedResult
		}{schema, &all})
	} else {
		err = out.outdated(&all, c.Bool("all"), c.Bool("security"))
	}
	if err != nil {
		return err
	}
	if err := out.some(shown); exit.Code(err) == exit.Failed {
		return err
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
		if s.Name == trackerSource || s.Name == aurName {
			continue // have nothing to do with what is outdated
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

// trackerSource is the security tracker's name among the sources.
const trackerSource = "tracker"

// knowsTracker says that the security tracker has ever answered.
func knowsTracker(sources []wire.Source) bool {
	return slices.ContainsFunc(sources, func(s wire.Source) bool { return s.Name == trackerSource && s.State != wire.SourceMissing })
}
