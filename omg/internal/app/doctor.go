package app

import (
	"bufio"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/omg/internal/show"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
)

func doctorCommand(a *app) *cli.Command {
	o := &outputOptions{}
	return &cli.Command{
		Name:  "doctor",
		Usage: "check for common problems and suggest fixes",
		Description: `omg doctor checks pacman's databases and lock, the indexes, the settings, the data
directory, the socket, the status file and the clock; the daemon with its version,
units and libalpm worker; and what the daemon has downloaded of the AUR and the security
tracker. If omgd was started with other databases, omg doctor checks the databases that
omgd reads. The command changes nothing.

A check prints ok, warn for a problem, off for a part that is not set up and that omg
can do without, or info. The exit code is 6 if there is a problem.

` + command.ExitCodesHelp(exit.OK, exit.Usage, exit.Failed, exit.Degraded),
		Flags:  o.listFlags("{{.name}} {{.state}}"),
		Action: func(c *cli.Context) error { return a.runDoctor(c, o) },
	}
}

func (a *app) runDoctor(c *cli.Context, o *outputOptions) error {
	if err := noArguments(c); err != nil {
		return err
	}
	out, err := a.newOutput(c, *o)
	if err != nil {
		return err
	}
	all, err := a.newBackend().Doctor(c.Context)
	if err != nil {
		return err
	}
	names := 0
	for i := range all.Checks {
		names = max(names, len(all.Checks[i].Name))
	}
	err = printList(out, all, all.Checks, func(check *backend.Check) string { return check.Name }, func(w *bufio.Writer, check *backend.Check) {
		state := map[string]show.CheckState{
			backend.CheckStateOK: show.StateOK, backend.CheckStateProblem: show.StateWarn, backend.CheckStateOff: show.StateOff,
		}[check.State]
		out.style.PrintCheck(w, state, check.Name, names, check.Found)
		if check.Todo != "" {
			out.style.PrintAdvice(w, names, check.Todo)
		}
	})
	if err == nil {
		err = out.finish()
	}
	if err != nil {
		return err
	}
	if slices.ContainsFunc(all.Checks, func(check backend.Check) bool { return check.State == backend.CheckStateProblem }) {
		return exit.QuietError(exit.Degraded)
	}
	return nil
}
