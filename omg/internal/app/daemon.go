package app

import (
	"bufio"
	"errors"
	"fmt"
	"math"

	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/omg/internal/manage"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/paths"
)

// logsOptions holds the flags of omg daemon logs.
type logsOptions struct {
	lines  int
	follow bool
}

func daemonCommand(a *app) *cli.Command {
	codes := exitCodesHelp()
	status, level, logs := &outputOptions{}, &outputOptions{}, &logsOptions{}
	return &cli.Command{
		Name:  "daemon",
		Usage: "start, stop and inspect omgd",
		Description: `If the user's systemd has omgd's units, omgd is started and stopped by systemd.
Otherwise omg starts it in the background.

` + codes,
		Subcommands: []*cli.Command{
			{
				Name: "start", Usage: "start omgd and wait until it responds",
				Description: "--socket, --dbpath, --pacman-config, --index and --data-dir are passed to omgd.\n\nExit codes: 0 running; 1 did not start; 2 wrong usage; 3 omgd is not installed.",
				Action:      a.newDaemonAction(func(d *manage.Daemon, c *cli.Context) (int, error) { return d.Start(c.Context) }),
			},
			{
				Name: "stop", Usage: "stop omgd and wait until it has stopped",
				Description: "Exit codes: 0 stopped; 1 not running; 2 wrong usage; 3 did not stop.",
				Action:      a.newDaemonAction(func(d *manage.Daemon, c *cli.Context) (int, error) { return d.Stop(c.Context) }),
			},
			{
				Name: "restart", Usage: "stop omgd if it is running, then start it",
				Description: "Exit codes: 0 running; 1 did not start; 2 wrong usage; 3 omgd is not installed.",
				Action:      a.newDaemonAction(func(d *manage.Daemon, c *cli.Context) (int, error) { return d.Restart(c.Context) }),
			},
			{
				Name: "status", Usage: "show whether omgd is running",
				Description: "If your own omgd is not running, but the system-wide omgd answers you, its state is shown.\n\nExit codes: 0 running; 1 not running; 2 wrong usage; 3 does not respond.",
				Flags:       status.flags("{{.running}}"),
				Action:      func(c *cli.Context) error { return a.runDaemonStatus(c, status) },
			},
			{
				Name: "log-level", ArgsUsage: "[LEVEL]", Usage: "show the log level, or change it until omgd stops",
				Description: "LEVEL is error, warn, info, debug or trace. To change it permanently, set log.level in the configuration.\n\n" + codes,
				Flags:       level.flags("{{.level}}"),
				Action:      func(c *cli.Context) error { return a.runLogLevel(c, level) },
			},
			{
				Name: "logs", Usage: "show omgd's log",
				Description: "The log is read from the journal, or from syslog's files. With --follow, the exit code is that of journalctl.\n\n" + codes,
				Flags: []cli.Flag{
					&cli.IntFlag{Name: "lines", Aliases: []string{"n"}, Destination: &logs.lines, Usage: "show the last `N` lines", Value: 50},
					&cli.BoolFlag{Name: "follow", Aliases: []string{"f"}, Destination: &logs.follow, Usage: "wait for new lines"},
				},
				Action: a.newDaemonAction(func(d *manage.Daemon, c *cli.Context) (int, error) {
					if logs.lines < 0 || logs.lines > math.MaxInt32 { // the largest number that journalctl accepts
						return 0, command.Usagef("--lines must be between 0 and %d, not %d", math.MaxInt32, logs.lines)
					}
					code, err := d.Logs(c.Context, a.stdout, logs.lines, logs.follow)
					if errors.Is(err, manage.ErrNoEntries) {
						a.printNote(err.Error())
						return 0, nil
					}
					return code, err
				}),
			},
		},
		Action: showSubcommandsAction,
	}
}

// selectedDaemon returns the daemon that the flags select.
func (a *app) selectedDaemon() *manage.Daemon {
	o := &a.options
	d := &manage.Daemon{Env: paths.ProcessEnv(), Socket: o.Socket}
	for _, f := range []struct{ name, value string }{{"--dbpath", o.DBPath}, {"--pacman-config", o.PacmanConfig}, {"--data-dir", o.DataDir}} {
		if f.value != "" {
			d.Args = append(d.Args, f.name, f.value)
		}
	}
	for _, index := range a.indexPaths.Value() {
		d.Args = append(d.Args, "--index", index)
	}
	return d
}

// newDaemonAction returns the action of a command that manages the daemon. If the function manageDaemon runs a
// program, such as systemctl, the command ends with the exit code of that program.
func (a *app) newDaemonAction(manageDaemon func(*manage.Daemon, *cli.Context) (int, error)) cli.ActionFunc {
	return func(c *cli.Context) error {
		if err := noArguments(c); err != nil {
			return err
		}
		code, err := manageDaemon(a.selectedDaemon(), c)
		switch {
		case errors.Is(err, manage.ErrNotRunning):
			return exit.WithCode(exit.NotFound, err)
		case err != nil:
			return err
		case code != 0:
			return exit.QuietError(exit.Failed) // systemctl or journalctl has already printed the error
		}
		return nil
	}
}

func (a *app) runDaemonStatus(c *cli.Context, o *outputOptions) error {
	if err := noArguments(c); err != nil {
		return err
	}
	out, err := a.newOutput(c, *o)
	if err != nil {
		return err
	}
	s, err := a.selectedDaemon().Status(c.Context)
	if err != nil {
		return err
	}
	err = out.printOne(&s, func(w *bufio.Writer) {
		switch {
		case !s.Running:
			out.style.PrintSentence(w, "omgd is not running ("+s.Socket+")")
		case s.UnresponsiveReason != "":
			out.style.PrintSentence(w, fmt.Sprintf("omgd is running but does not respond (process %d, %s): %s", s.PID, s.Socket, s.UnresponsiveReason))
		case s.IsSystemWide:
			process := ""
			if s.PID != 0 {
				process = fmt.Sprintf("process %d, ", s.PID)
			}
			out.style.PrintSentence(w, fmt.Sprintf("the system-wide omgd %s is running (%s%s); your own is not", s.Version, process, s.Socket))
		default:
			out.style.PrintSentence(w, fmt.Sprintf("omgd %s is running (process %d, %s)", s.Version, s.PID, s.Socket))
		}
	})
	if err == nil {
		err = out.finish()
	}
	switch {
	case err != nil:
		return err
	case !s.Running:
		return exit.QuietError(exit.NotFound)
	case s.UnresponsiveReason != "":
		return exit.QuietError(exit.Failed)
	}
	return nil
}

func (a *app) runLogLevel(c *cli.Context, o *outputOptions) error {
	if c.NArg() > 1 {
		return command.Usagef("log-level takes one level, got %d", c.NArg())
	}
	out, err := a.newOutput(c, *o)
	if err != nil {
		return err
	}
	r, err := a.newBackend().LogLevel(c.Context, c.Args().First())
	if err != nil {
		return err
	}
	if err := out.printOne(r, func(*bufio.Writer) { out.printLine(r.Level) }); err != nil {
		return err
	}
	return out.finish()
}
