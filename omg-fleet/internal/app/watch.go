package app

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"os"
	"sync"

	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/omg-fleet/internal/question"
	"github.com/omg-arch/omg/omg-fleet/internal/resident"
	"github.com/omg-arch/omg/shared/client"
	"github.com/omg-arch/omg/shared/clock"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
)

func watchCommand(a *app) *cli.Command {
	o := &output{human: printStatus}
	return &cli.Command{
		Name:  "watch",
		Usage: "print the status of each host now, and again when it changes",
		Description: `The lines are those of omg-fleet status. A host whose files or signs of life are overdue
is printed again too, with the mark of its state. It ends when it is interrupted, or when
the program that reads its output ends.

` + command.ExitCodesHelp(exit.OK, exit.Usage, exit.Failed),
		Flags: o.flags("{{.host}} {{.counts.updates}}"),
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return command.Usagef("watch takes no arguments, got %q", c.Args().First())
			}
			if err := a.checkStates(); err != nil {
				return err
			}
			if err := o.prepare(c); err != nil {
				return err
			}
			return a.printChanges(c.Context, o)
		},
	}
}

// printChanges prints the status of each host, and again when it has changed, until the context ends.
func (a *app) printChanges(ctx context.Context, o *output) error {
	fleet := resident.New()
	follow, err := a.watch(ctx, fleet, func(string) {}) // the problem of the fleet is printed
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer func() {
		stop()
		running.Wait()
	}()
	running.Go(func() { follow(ctx) })
	if file, ok := a.stdout.(*os.File); ok { // otherwise only the next change would show that it is closed
		running.Go(func() {
			if client.AwaitClosed(ctx, file) == nil {
				stop()
			}
		})
	}
	o.w = bufio.NewWriterSize(a.stdout, 64<<10)
	printed, problem := map[string][]byte{}, ""
	for version := fleet.Version(); ; {
		if now := fleet.Problem(); now != problem {
			if problem = now; problem != "" {
				command.PrintNote(a.stderr, "omg-fleet", "the last states stay: "+problem)
			}
		}
		if err := a.printChanged(o, fleet, printed); err != nil {
			return err
		}
		if version, err = fleet.Wait(ctx, version); err != nil {
			return nil // it was interrupted
		}
	}
}

// printChanged prints the status of the hosts that differ from what was printed.
func (a *app) printChanged(o *output, fleet *resident.Fleet, printed map[string][]byte) error {
	o.now = clock.Now()
	answers, _ := fleet.Ask(question.Status(), nil, a.stale, o.now)
	for _, answer := range answers {
		timeless := *answer.Answer
		timeless.At, timeless.Why = 0, "" // they change without a change of the host
		line, err := json.Marshal(timeless)
		if err != nil {
			return err
		}
		if bytes.Equal(line, printed[answer.Host]) {
			continue
		}
		printed[answer.Host] = line
		if err := o.print(answer.Answer); err != nil {
			return err
		}
	}
	return o.w.Flush()
}
