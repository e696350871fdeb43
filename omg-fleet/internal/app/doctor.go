package app

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/omg-fleet/internal/authority"
	"github.com/omg-arch/omg/omg-fleet/internal/doctor"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/termtext"
)

func doctorCommand(a *app) *cli.Command {
	var dir string
	var asJSON bool
	return &cli.Command{
		Name:  "doctor",
		Usage: "find NATS servers that are configured insecurely or lose data",
		Description: `Connects to the server of --server with the credentials of --creds, and checks whether
it is encrypted, refuses those without credentials, and limits messages; whether the
streams are what they should be, with replicas if there is a cluster; and the clock.
With --dir, which replaces the other flags, it also asks each server whether it writes
synchronously and shows its state to nobody else, and checks what was signed for hosts.
The command changes nothing.

A check prints ok, warn for a problem, or info for what could not be found out. The
exit code is 6 if there is a problem.

` + command.ExitCodesHelp(exit.OK, exit.Usage, exit.Failed, exit.Degraded),
		Flags: []cli.Flag{
			keysFlag(&dir),
			&cli.BoolFlag{Name: "json", Destination: &asJSON, Usage: "print JSON"},
		},
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return command.Usagef("doctor takes no arguments, got %q", c.Args().First())
			}
			checks, err := a.examine(c, dir)
			if err != nil {
				return err
			}
			if err := a.printChecks(checks, asJSON); err != nil {
				return err
			}
			if slices.ContainsFunc(checks.Checks, func(check doctor.FleetCheck) bool { return check.State == doctor.StateProblem }) {
				return exit.QuietError(exit.Degraded)
			}
			return nil
		},
	}
}

func (a *app) examine(c *cli.Context, dir string) (checks *doctor.FleetChecks, err error) {
	if dir == "" {
		if a.server == "" {
			return nil, command.Usagef("--server URL names a server, or --dir DIR the directory with the keys of the fleet")
		}
		return doctor.Run(c.Context, a.keysLink(nil), nil)
	}
	err = a.withKeys(dir, func(keys *authority.Authority) error {
		o := a.keysLink(keys)
		if o.Creds == "" {
			o.Creds = keys.CredsPath()
		}
		checks, err = doctor.Run(c.Context, o, keys)
		return err
	})
	return checks, err
}

func (a *app) printChecks(checks *doctor.FleetChecks, asJSON bool) error {
	if asJSON {
		return printJSONLine(a.stdout, checks)
	}
	width := 0
	for i := range checks.Checks {
		width = max(width, len(checks.Checks[i].Name))
	}
	words := map[string]string{doctor.StateOK: "ok", doctor.StateProblem: "warn", doctor.StateUnknown: "info"}
	for i := range checks.Checks {
		check := &checks.Checks[i]
		line := fmt.Sprintf("%-4s  %-*s  %s", words[check.State], width, check.Name, check.Found)
		if _, err := fmt.Fprintln(a.stdout, termtext.Clean(line)); err != nil {
			return err
		}
		if check.Todo != "" {
			if _, err := fmt.Fprintln(a.stdout, termtext.Clean(strings.Repeat(" ", width+8)+check.Todo)); err != nil {
				return err
			}
		}
	}
	return nil
}
