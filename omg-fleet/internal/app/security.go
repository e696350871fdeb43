package app

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/omg-fleet/internal/question"
	"github.com/omg-arch/omg/shared/command"
)

func securityCommand(a *app) *cli.Command {
	o := &output{human: printAdvisories, none: "no such advisories"}
	var severity string
	var all bool
	return &cli.Command{
		Name:  "security",
		Usage: "list the security advisories of each host",
		Description: `Advisories that were reported for an older version and never closed are listed only
with --all. Only hosts on which omgd runs have advisories.

` + exitCodes(),
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "severity", Destination: &severity, Usage: "list only advisories of at least this `SEVERITY`: low, medium, high or critical"},
			&cli.BoolFlag{Name: "all", Aliases: []string{"a"}, Destination: &all, Usage: "also list unconfirmed advisories"},
		}, o.flags("{{.host}} {{len .advisories}}")...),
		Action: func(c *cli.Context) error {
			severity = strings.ToLower(severity)
			if c.IsSet("severity") && !slices.Contains(question.Severities, severity) {
				return command.Usagef("--severity is one of %s, not %q", strings.Join(question.Severities, ", "), severity)
			}
			return a.runWithoutArguments(c, o, question.Spec{Kind: question.KindSecurity, Severity: severity, Unconfirmed: all})
		},
	}
}
