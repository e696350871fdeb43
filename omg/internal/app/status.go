package app

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"

	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/omg/internal/show"
	"github.com/omg-arch/omg/shared/clock"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/wire"
)

// statusOptions holds the flags of omg status.
type statusOptions struct {
	outputOptions
	history bool
	limit   int
}

func statusCommand(a *app) *cli.Command {
	o := &statusOptions{}
	return &cli.Command{
		Name:  "status",
		Usage: "show package counts, age of the data, and problems",
		Description: `A count that is not known is shown as unknown, and is absent in JSON. A count that
may change once an unreadable source can be read again is marked with a question
mark; JSON lists it in partial_counts.

With --history, the changes of the counts while omgd ran are shown, one per line, and
on a terminal a small chart of them.

` + exitCodesHelp(),
		Flags: append(o.flags("{{.counts.updates}}"),
			&cli.BoolFlag{Name: "history", Destination: &o.history, Usage: "show how the counts changed"},
			&cli.IntFlag{Name: "limit", Destination: &o.limit, Usage: "with --history, only the last `N` changes", DefaultText: "all"}),
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			if o.history {
				return a.runHistory(c, o)
			}
			if c.IsSet("limit") {
				return command.Usagef("--limit needs --history")
			}
			return a.runStatus(c, o)
		},
	}
}

func (a *app) runStatus(c *cli.Context, o *statusOptions) error {
	out, err := a.newOutput(c, o.outputOptions)
	if err != nil {
		return err
	}
	st, err := a.newBackend().Status(c.Context)
	if err != nil {
		return err
	}
	if err := out.printOne(st, func(w *bufio.Writer) {
		out.style.PrintStatus(w, st, len(unreadNews(st.News)), clock.Now())
	}); err != nil {
		return err
	}
	if why := uncertaintyReason(&st.Basis); out.certainOnly && why != "" {
		return out.finishWithBasis(&st.Basis)
	}
	return out.finish() // without notes: the printed status marks uncertain numbers itself
}

func (a *app) runHistory(c *cli.Context, o *statusOptions) error {
	if err := checkLimit(o.limit); err != nil {
		return err
	}
	out, err := a.newOutput(c, o.outputOptions)
	if err != nil {
		return err
	}
	r, err := a.newBackend().StatusHistory(c.Context, &wire.HistoryRequest{Limit: uint32(o.limit)})
	if err != nil {
		return err
	}
	before := &wire.Counts{}
	err = printList(out, r, r.Entries, func(*wire.CountsHistoryEntry) string { return "" }, func(w *bufio.Writer, e *wire.CountsHistoryEntry) {
		out.style.PrintCountChange(w, before, e)
		before = &e.Counts
	})
	if err == nil && out.isForPeople() {
		out.style.PrintCountChart(out.w, r.Entries, show.HasUnicode(os.Getenv))
	}
	if err == nil {
		err = out.finish()
	}
	if err != nil {
		return err
	}
	return out.emptyListError(&wire.Basis{}, len(r.Entries), "omgd has not recorded any counts")
}

func refreshCommand(a *app) *cli.Command {
	o, withSources := &outputOptions{}, false
	return &cli.Command{
		Name:  "refresh",
		Usage: "make omgd read pacman's databases now",
		Description: `omgd also reads the databases by itself after each change. Without omgd there is
nothing to refresh, because each command reads the databases itself.

With --sources, omgd sends a request to the AUR, to the security tracker, to the server
of Arch's news and, with sync.enabled, to the mirrors now, and not only at the planned
time that omg status shows. After a request that succeeded, all users together have to
wait for a 24th of the interval between the planned requests: for the AUR's dump an
hour, for the news a quarter of an hour, otherwise 2.5 minutes.

` + exitCodesHelp(exit.Network),
		Flags: append(o.flags("{{.generation}}"),
			&cli.BoolFlag{Name: "sources", Destination: &withSources, Usage: "make omgd send a request to the server of each source now"}),
		Action: func(c *cli.Context) error {
			if withSources {
				return a.runRefreshSources(c, o)
			}
			err := runDaemonRequest(a, c, o, a.newBackend().Refresh, func(r *wire.RefreshResult) string {
				switch {
				case r.Refreshed:
					return "refreshed, generation " + strconv.FormatUint(r.Generation, 10)
				case r.At != 0:
					return "already refreshed: " + show.RelativeTime(r.At, clock.Now())
				case r.Why != "":
					return "omgd has not read the databases yet"
				default:
					return "nothing to refresh without omgd"
				}
			}, func(r *wire.RefreshResult) error {
				if r.Why != "" {
					return errors.New("some databases could not be read: " + r.Why)
				}
				return nil
			})
			return err
		},
	}
}

func (a *app) runRefreshSources(c *cli.Context, o *outputOptions) error {
	if err := noArguments(c); err != nil {
		return err
	}
	out, err := a.newOutput(c, *o)
	if err != nil {
		return err
	}
	r, err := a.newBackend().RefreshSources(c.Context)
	if err != nil {
		return err
	}
	err = out.printOne(r, func(w *bufio.Writer) {
		for i := range r.Sources {
			out.style.PrintSentence(w, show.DescribeRefresh(&r.Sources[i], clock.Now()))
		}
		if len(r.Sources) == 0 {
			out.style.PrintSentence(w, "omgd uses no source with a server: aur.enabled, tracker.enabled, news.enabled and sync.enabled are false")
		}
	})
	if err == nil {
		err = out.finish()
	}
	if err != nil {
		return err
	}
	if slices.ContainsFunc(r.Sources, func(s wire.SourceRefresh) bool { return s.State == wire.RefreshFailed }) {
		return exit.QuietError(exit.Network)
	}
	return nil
}

func cacheCommand(a *app) *cli.Command {
	o := &outputOptions{}
	return &cli.Command{
		Name:        "cache",
		Usage:       "manage omgd's cache",
		Description: exitCodesHelp(),
		Subcommands: []*cli.Command{{
			Name:        "clear",
			Usage:       "clear omgd's cached replies",
			Description: "Without omgd there is no cache.\n\n" + exitCodesHelp(),
			Flags:       o.flags("{{.cleared}}"),
			Action: func(c *cli.Context) error {
				return runDaemonRequest(a, c, o, a.newBackend().ClearCache,
					func(r *wire.CacheClearResult) string { return fmt.Sprintf("cleared %d cached replies", r.ClearedCount) },
					func(*wire.CacheClearResult) error { return nil })
			},
		}},
		Action: showSubcommandsAction,
	}
}

// showSubcommandsAction is the action of a command that consists of subcommands.
func showSubcommandsAction(c *cli.Context) error {
	if c.Args().Present() {
		known := make([]string, len(c.Command.Subcommands))
		for i, sub := range c.Command.Subcommands {
			known[i] = sub.Name
		}
		return command.UnknownSubcommand(c.Command.Name, c.Args().First(), known)
	}
	return cli.ShowSubcommandHelp(c)
}

// runDaemonRequest sends a request to omgd, prints a line about the result, and returns the error that the result contains.
func runDaemonRequest[R any](a *app, c *cli.Context, o *outputOptions, do func(context.Context) (*R, error), human func(*R) string, failed func(*R) error) error {
	if err := noArguments(c); err != nil {
		return err
	}
	out, err := a.newOutput(c, *o)
	if err != nil {
		return err
	}
	r, err := do(c.Context)
	if err != nil {
		return err
	}
	if err := out.printOne(r, func(w *bufio.Writer) { out.style.PrintSentence(w, human(r)) }); err != nil {
		return err
	}
	if err := out.finish(); err != nil {
		return err
	}
	return failed(r)
}
