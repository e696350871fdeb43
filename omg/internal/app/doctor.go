package app

import (
	"bufio"

	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/omg/internal/ask"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/termtext"
)

func doctorCommand() *cli.Command {
	return &cli.Command{
		Name:  "doctor",
		Usage: "look for what users stumble over, and say what to do about it",
		Description: `Looks at pacman's databases and lock, the index, the data directory, the socket,
the daemon and its version, its units, its libalpm worker, the AUR and the
security tracker as the daemon sees them, the status file and the clock. It
changes nothing. The exit code is 6 when there is a problem.

` + command.ExitCodes(exit.OK, exit.Usage, exit.Failed, exit.Degraded),
		Flags:  outputFlags("{{.name}} {{.state}}"),
		Action: doctor,
	}
}

func doctor(c *cli.Context) error {
	if err := noArguments(c); err != nil {
		return err
	}
	out, err := newOutput(c)
	if err != nil {
		return err
	}
	var all ask.DoctorResult
	if err := asker(c).Read(c.Context, ask.OpDoctor, &ask.DoctorRequest{}, &all); err != nil {
		return err
	}
	if out.json {
		err = out.document(&all)
	} else {
		err = out.checks(all.Checks)
	}
	if err != nil {
		return err
	}
	if err := out.end(); err != nil {
		return err
	}
	for _, check := range all.Checks {
		if check.State == ask.CheckProblem {
			return exit.Quiet(exit.Degraded)
		}
	}
	return nil
}

func (o *output) checks(all []ask.Check) error {
	for i := range all {
		check := &all[i]
		err := o.element(check, check.Name, func(w *bufio.Writer) {
			_, _ = w.WriteString(termtext.Clean(check.Name+": "+check.State+": "+check.Found) + "\n")
			if check.Todo != "" {
				_, _ = w.WriteString("    " + termtext.Clean(check.Todo) + "\n")
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}
