package app

import (
	"bufio"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/omg/internal/show"
	"github.com/omg-arch/omg/shared/clock"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/termtext"
	"github.com/omg-arch/omg/shared/wire"
)

func healthCommand(a *app) *cli.Command {
	o := &outputOptions{}
	return &cli.Command{
		Name:        "health",
		Usage:       "show the state of each part of omgd, and since when",
		Description: command.ExitCodesHelp(exit.OK, exit.Usage, exit.Failed, exit.Degraded),
		Flags:       o.listFlags("{{.name}} {{.state}}"),
		Action:      func(c *cli.Context) error { return a.runHealth(c, o) },
	}
}

func (a *app) runHealth(c *cli.Context, o *outputOptions) error {
	if err := noArguments(c); err != nil {
		return err
	}
	out, err := a.newOutput(c, *o)
	if err != nil {
		return err
	}
	all, err := a.newBackend().Health(c.Context)
	if err != nil {
		return err
	}
	now, names := clock.Now(), 0
	for i := range all.Components {
		names = max(names, len(show.ComponentName(&all.Components[i])))
	}
	err = printList(out, all, all.Components, func(p *wire.Component) string { return p.Name }, func(w *bufio.Writer, p *wire.Component) {
		out.style.PrintComponent(w, p, names, now)
	})
	if err == nil {
		err = out.finish()
	}
	switch {
	case err != nil:
		return err
	case all.State == wire.HealthOK:
		return nil
	case all.State == wire.HealthDegraded:
		return exit.QuietError(exit.Degraded)
	}
	return exit.QuietError(exit.Failed)
}

func metricsCommand(a *app) *cli.Command {
	return &cli.Command{
		Name:        "metrics",
		Usage:       "print omgd's metrics in Prometheus' text format",
		Description: exitCodesHelp(),
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			r, err := a.newBackend().Metrics(c.Context)
			if err != nil {
				return err
			}
			var clean strings.Builder
			for line := range strings.Lines(r.Text) {
				clean.WriteString(termtext.Clean(strings.TrimSuffix(line, "\n")) + "\n")
			}
			_, err = io.WriteString(a.stdout, clean.String())
			return err
		},
	}
}
