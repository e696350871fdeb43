package app

import (
	"errors"
	"fmt"
	"math"

	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/omg/internal/manage"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/wire"
)

func daemonCommand() *cli.Command {
	codes := exitCodes()
	return &cli.Command{
		Name:  "daemon",
		Usage: "start and stop omgd",
		Description: `Where the user's systemd has omgd's units it does that, else omg itself: omgd
then runs in the background.

` + codes,
		Subcommands: []*cli.Command{
			{
				Name: "start", Usage: "start omgd; return when it answers",
				Description: "Takes --socket, --dbpath, --pacman-config, --index and --data-dir for it.\n\nExit codes: 0 it answers; 1 it did not start; 2 wrong usage; 3 there is no omgd.",
				Action:      daemonAction(func(d *manage.Daemon, c *cli.Context) (int, error) { return d.Start(c.Context) }),
			},
			{
				Name: "stop", Usage: "stop omgd; return when it has ended",
				Description: "Exit codes: 0 it has ended; 1 none runs; 2 wrong usage; 3 it does not end.",
				Action:      daemonAction(func(d *manage.Daemon, c *cli.Context) (int, error) { return d.Stop(c.Context) }),
			},
			{
				Name: "restart", Usage: "stop omgd, if it runs, and start it",
				Description: "Exit codes: 0 it answers; 1 it did not start; 2 wrong usage; 3 there is no omgd.",
				Action:      daemonAction(func(d *manage.Daemon, c *cli.Context) (int, error) { return d.Restart(c.Context) }),
			},
			{
				Name: "status", Usage: "show whether omgd runs",
				Description: "Exit codes: 0 it answers; 1 none runs; 2 wrong usage; 3 it does not answer.",
				Flags:       documentFlags("{{.running}}"),
				Action:      daemonStatus,
			},
			{
				Name: "log-level", ArgsUsage: "[LEVEL]", Usage: "show what omgd logs, or change it until it ends",
				Description: "LEVEL is error, warn, info, debug or trace. log.level in the configuration is for good.\n\n" + codes,
				Flags:       documentFlags("{{.level}}"),
				Action:      logLevel,
			},
			{
				Name: "logs", Usage: "show what omgd has logged",
				Description: "From the journal, else from syslog's files.\n\n" + codes,
				Flags: []cli.Flag{
					&cli.IntFlag{Name: "lines", Aliases: []string{"n"}, Usage: "the last `N` lines", Value: 50},
					&cli.BoolFlag{Name: "follow", Aliases: []string{"f"}, Usage: "go on with what is logged from now on"},
				},
				Action: daemonAction(func(d *manage.Daemon, c *cli.Context) (int, error) {
					if n := c.Int("lines"); n < 0 || n > math.MaxInt32 { // journalctl takes no more
						return 0, command.Usagef("--lines cannot be %d", c.Int("lines"))
					}
					return d.Logs(c.Context, c.App.Writer, c.Int("lines"), c.Bool("follow"))
				}),
			},
		},
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			return cli.ShowSubcommandHelp(c)
		},
	}
}

// daemonOf is the daemon that the flags mean.
func daemonOf(c *cli.Context) *manage.Daemon {
	d := &manage.Daemon{Env: paths.Process(), Socket: c.String("socket")}
	for _, name := range []string{"dbpath", "pacman-config", "data-dir"} {
		if v := c.String(name); v != "" {
			d.Args = append(d.Args, "--"+name, v)
		}
	}
	for _, v := range c.StringSlice("index") {
		d.Args = append(d.Args, "--index", v)
	}
	return d
}

// daemonAction runs what is to be done with the daemon, whose exit code is that of
// the program that did it.
func daemonAction(do func(*manage.Daemon, *cli.Context) (int, error)) cli.ActionFunc {
	return func(c *cli.Context) error {
		if err := noArguments(c); err != nil {
			return err
		}
		code, err := do(daemonOf(c), c)
		switch {
		case errors.Is(err, manage.ErrNotRunning):
			return exit.With(exit.NotFound, err)
		case err != nil:
			return exit.With(exit.Failed, err)
		case code != 0:
			return exit.Quiet(exit.Failed) // it has said why
		}
		return nil
	}
}

func daemonStatus(c *cli.Context) error {
	if err := noArguments(c); err != nil {
		return err
	}
	out, err := newOutput(c)
	if err != nil {
		return err
	}
	s, err := daemonOf(c).Status(c.Context)
	if err != nil {
		return exit.With(exit.Failed, err)
	}
	switch {
	case out.json:
		err = out.document(&s)
	case out.tmpl != nil:
		err = out.format(&s)
	case !s.Running:
		out.name("omgd does not run (" + s.Socket + ")")
	case s.Why != "":
		out.name(fmt.Sprintf("omgd runs and does not answer (process %d, %s): %s", s.PID, s.Socket, s.Why))
	default:
		out.name(fmt.Sprintf("omgd %s runs (process %d, %s)", s.Version, s.PID, s.Socket))
	}
	if err == nil {
		err = out.end()
	}
	switch {
	case err != nil:
		return err
	case !s.Running:
		return exit.Quiet(exit.NotFound)
	case s.Why != "":
		return exit.Quiet(exit.Failed)
	}
	return nil
}

func logLevel(c *cli.Context) error {
	if c.NArg() > 1 {
		return command.Usagef("log-level takes one level, not %d", c.NArg())
	}
	out, err := newOutput(c)
	if err != nil {
		return err
	}
	var r wire.LogLevelResult
	if err := asker(c).Get(c.Context, wire.OpLogLevel, &wire.LogLevelRequest{Level: c.Args().First()}, &r); err != nil {
		return err
	}
	switch {
	case out.json:
		err = out.document(&r)
	case out.tmpl != nil:
		err = out.format(&r)
	default:
		out.name(r.Level)
	}
	if err != nil {
		return err
	}
	return out.end()
}
