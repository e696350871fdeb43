package app

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/omg/internal/show"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/termtext"
	"github.com/omg-arch/omg/shared/wire"
)

func healthCommand() *cli.Command {
	return &cli.Command{
		Name:        "health",
		Usage:       "say of each part of omgd whether it is well, and since when",
		Description: command.ExitCodes(exit.OK, exit.Usage, exit.Failed, exit.Degraded),
		Flags:       outputFlags("{{.name}} {{.state}}"),
		Action:      health,
	}
}

func health(c *cli.Context) error {
	if err := noArguments(c); err != nil {
		return err
	}
	out, err := newOutput(c)
	if err != nil {
		return err
	}
	var all wire.HealthResult
	if err := asker(c).Get(c.Context, wire.OpHealth, nil, &all); err != nil {
		return err
	}
	if out.json {
		err = out.document(&all)
	} else {
		now := time.Now()
		for i := range all.Components {
			p := &all.Components[i]
			err = out.element(p, p.Name, func(w *bufio.Writer) {
				line := p.Name + ": " + p.State
				if p.Version != "" {
					line = p.Name + " " + p.Version + ": " + p.State
				}
				if p.Why != "" {
					line += ": " + p.Why
				}
				fmt.Fprintf(w, "%s; since %s\n", termtext.Clean(line), show.Moment(p.Since, now))
			})
			if err != nil {
				break
			}
		}
	}
	if err != nil {
		return err
	}
	if err := out.end(); err != nil {
		return err
	}
	switch all.State {
	case "ok":
		return nil
	case "degraded":
		return exit.Quiet(exit.Degraded)
	}
	return exit.Quiet(exit.Failed)
}

func metricsCommand() *cli.Command {
	return &cli.Command{
		Name:        "metrics",
		Usage:       "print what omgd counts, in Prometheus' text format",
		Description: exitCodes(),
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			var r wire.MetricsResult
			if err := asker(c).Get(c.Context, wire.OpMetrics, nil, &r); err != nil {
				return err
			}
			var clean strings.Builder
			for line := range strings.Lines(r.Text) {
				clean.WriteString(termtext.Clean(strings.TrimSuffix(line, "\n")) + "\n")
			}
			_, err := io.WriteString(c.App.Writer, clean.String())
			return exit.With(exit.Failed, err)
		},
	}
}
