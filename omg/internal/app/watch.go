package app

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/wire"
)

// watchOptions holds the flags of omg watch.
type watchOptions struct {
	outputOptions
	exec      string
	count     int
	waitStart bool
}

func watchCommand(a *app) *cli.Command {
	o := &watchOptions{}
	return &cli.Command{
		Name:  "watch",
		Usage: "print the package counts now and whenever they change",
		Description: `omgd sends the status at each change, so that omg watch needs no time in between. It
prints a line if the line differs from the last one. With --json, the line is what
omg status --json prints. It ends when the program that reads its output ends.

With --exec, nothing is printed, and COMMAND is run by the shell at each change of the
status, with the JSON document on its standard input. It runs once at a time: after it
ends, it runs again if the status has changed meanwhile, with the newest one. If it fails,
an error is printed, and omg watch goes on.

omg watch needs omgd. If omgd stops, omg watch says so on standard error, prints the last
counts once more as stale, and connects again when omgd runs. If omgd sends nothing for 2
minutes, omg watch asks it for a sign of life; if it does not respond, the same happens.

` + exitCodesHelp(),
		Flags: append(o.flags("{{.counts.updates}}"),
			&cli.StringFlag{Name: "exec", Destination: &o.exec, Usage: "run `COMMAND` at each change, with the status on its standard input"},
			&cli.IntFlag{Name: "count", Aliases: []string{"n"}, Destination: &o.count, Usage: "end after `N` changes, of which the first is the present status", DefaultText: "never"},
			&cli.BoolFlag{Name: "wait", Destination: &o.waitStart, Usage: "wait for omgd if it is not running"}),
		Action: func(c *cli.Context) error { return a.runWatch(c, o) },
	}
}

// errWatchedEnough ends omg watch without an error.
var errWatchedEnough = errors.New("the number of changes in --count is reached")

func (a *app) runWatch(c *cli.Context, o *watchOptions) error {
	switch {
	case c.Args().Present():
		return noArguments(c)
	case c.IsSet("count") && o.count < 1:
		return command.Usagef("--count must be 1 or more, not %d", o.count)
	case c.IsSet("exec") && o.exec == "":
		return command.Usagef("--exec must not be empty")
	case c.IsSet("exec") && (o.json || c.IsSet("format")):
		return command.Usagef("--exec, --json and --format exclude each other")
	}
	out, err := a.newOutput(c, o.outputOptions)
	if err != nil {
		return err
	}
	w := &statusWatcher{out: out, count: o.count}
	if o.exec != "" {
		w.runner = newCommandRunner(o.exec, a.stdout, a.stderr, a.reportError)
	}
	request := &backend.WatchRequest{WaitForDaemon: o.waitStart, OnAway: w.onAway}
	request.Output, _ = a.stdout.(*os.File)
	err = a.newBackend().Watch(c.Context, request, w.onStatus)
	enough := errors.Is(err, errWatchedEnough)
	if enough {
		err = nil
	}
	if w.runner != nil {
		w.runner.finish(enough)
	}
	return err
}

// statusWatcher prints statuses, or runs a command with them.
type statusWatcher struct {
	out    *resultPrinter
	runner *commandRunner // nil without --exec
	count  int            // the number of changes after which to end; 0 for never

	changes int
	last    *wire.StatusResult // nil before the first status
	printed string             // what was printed or passed to the command last, without what differs each time
}

// onStatus handles a new status.
func (w *statusWatcher) onStatus(st *wire.StatusResult) error {
	if why := uncertaintyReason(&st.Basis); w.out.certainOnly && why != "" {
		return w.out.finishWithBasis(&st.Basis)
	}
	w.last = st
	key, err := w.describe(st)
	if err != nil || key == w.printed {
		return err
	}
	w.printed = key
	if err := w.pass(st); err != nil {
		return err
	}
	if w.changes++; w.changes == w.count {
		return errWatchedEnough
	}
	return nil
}

// onAway says that omgd is away, and marks the last status as stale.
func (w *statusWatcher) onAway(reason string) error {
	w.out.app.printNote(reason + ": waiting for it")
	if w.last == nil {
		return nil
	}
	stale := *w.last
	stale.Stale, stale.Why = true, reason
	return w.onStatus(&stale)
}

// describe returns a text that changes whenever there is something new to print.
func (w *statusWatcher) describe(st *wire.StatusResult) (string, error) {
	if w.runner == nil && !w.out.json {
		return w.render(st)
	}
	comparable := *st
	comparable.ConfirmedAt, comparable.Generation = 0, 0
	b, err := json.Marshal(&comparable)
	return string(b), err
}

// render returns the line for a status.
func (w *statusWatcher) render(st *wire.StatusResult) (string, error) {
	var line bytes.Buffer
	out := *w.out
	out.w = bufio.NewWriter(&line)
	err := out.printOne(st, func(b *bufio.Writer) { out.style.PrintStatusLine(b, st) })
	if err == nil {
		err = out.w.Flush()
	}
	return line.String(), err
}

// pass prints a status, or gives it to the command.
func (w *statusWatcher) pass(st *wire.StatusResult) error {
	if w.runner == nil {
		line, err := w.render(st)
		if err == nil {
			_, err = w.out.app.stdout.Write([]byte(line))
		}
		return err
	}
	var document bytes.Buffer
	out := *w.out
	out.w = bufio.NewWriter(&document)
	err := out.printDocument(st)
	if err == nil {
		err = out.w.Flush()
	}
	if err == nil {
		w.runner.run(document.Bytes())
	}
	return err
}
