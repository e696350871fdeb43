package app

import (
	"fmt"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/omg/internal/show"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/wire"
)

func statusCommand() *cli.Command {
	return &cli.Command{
		Name:        "status",
		Usage:       "show counts of packages, sources and their age, what does not work",
		Description: "A number that is not known is shown as unknown; in JSON it is absent.\n\n" + exitCodes(),
		Flags:       documentFlags("{{.counts.updates}}"),
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			out, err := newOutput(c)
			if err != nil {
				return err
			}
			var st wire.StatusResult
			if err := asker(c).Get(c.Context, wire.OpStatus, nil, &st); err != nil {
				return err
			}
			switch {
			case out.json:
				err = out.document(&st)
			case out.tmpl != nil:
				err = out.format(&st)
			default:
				out.style.Status(out.w, &st, time.Now())
			}
			if err != nil {
				return err
			}
			return out.end()
		},
	}
}

func refreshCommand() *cli.Command {
	return &cli.Command{
		Name:  "refresh",
		Usage: "have omgd look at pacman's databases now",
		Description: `Omgd does it by itself after each change. Without a daemon each command reads
what is there, so that there is nothing to refresh.

` + exitCodes(),
		Flags: documentFlags("{{.generation}}"),
		Action: func(c *cli.Context) error {
			var r wire.RefreshResult
			err := act(c, wire.OpRefresh, &r, func() string {
				switch {
				case r.Refreshed:
					return "refreshed, generation " + strconv.FormatUint(r.Generation, 10)
				case r.At != 0:
					return "refreshed shortly before: " + show.Moment(r.At, time.Now())
				case r.Why != "":
					return "nothing could be read yet"
				default:
					return "nothing to refresh without omgd"
				}
			})
			if err == nil && r.Why != "" {
				return exit.With(exit.Failed, fmt.Errorf("not all could be read: %s", r.Why))
			}
			return err
		},
	}
}

func cacheCommand() *cli.Command {
	return &cli.Command{
		Name:        "cache",
		Usage:       "manage what omgd remembers",
		Description: exitCodes(),
		Subcommands: []*cli.Command{{
			Name:        "clear",
			Usage:       "have omgd forget the answers that it remembers",
			Description: "Without a daemon nothing is remembered.\n\n" + exitCodes(),
			Flags:       documentFlags("{{.cleared}}"),
			Action: func(c *cli.Context) error {
				var r wire.CacheClearResult
				return act(c, wire.OpCacheClear, &r, func() string { return fmt.Sprintf("%d answers forgotten", r.Cleared) })
			},
		}},
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			return cli.ShowSubcommandHelp(c)
		},
	}
}

// act has omgd do something, and prints how that went.
func act(c *cli.Context, op string, result any, human func() string) error {
	if err := noArguments(c); err != nil {
		return err
	}
	out, err := newOutput(c)
	if err != nil {
		return err
	}
	if err := asker(c).Get(c.Context, op, nil, result); err != nil {
		return err
	}
	switch {
	case out.json:
		err = out.document(result)
	case out.tmpl != nil:
		err = out.format(result)
	default:
		out.name(human())
	}
	if err != nil {
		return err
	}
	return out.end()
}
