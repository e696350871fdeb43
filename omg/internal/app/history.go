package app

import (
	"bufio"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/omg/internal/output"
	"github.com/omg-arch/omg/shared/clock"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/wire"
)

// defaultTransactionCount is the default number of transactions that omg history shows on a terminal.
const defaultTransactionCount = 10

// historyOptions holds the flags of omg history.
type historyOptions struct {
	outputOptions
	since, log string
	limit      int
}

func historyCommand(a *app) *cli.Command {
	o := &historyOptions{}
	return &cli.Command{
		Name:      "history",
		Usage:     "show what pacman installed, upgraded and removed, from its log",
		ArgsUsage: "[PKG...]",
		Description: `Shows the transactions in pacman's log and in the rotated logs beside it, also if they
are compressed. The last transaction is printed last. With PKG, only changes of these
packages are shown. Transactions are in the order of the log, also if the clock was
changed. Times are shown in the local time zone; before version 5.2, pacman logged local
times without a time zone.

With --quiet, the names of the changed packages are printed, with --format one line for
each change.

` + exitCodesHelp(),
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "since", Destination: &o.since, Usage: "only transactions after a `TIME`: a date such as 2026-09-20, or an age such as 12h, 7d or 4w"},
			&cli.IntFlag{Name: "limit", Aliases: []string{"n"}, Destination: &o.limit, Usage: "show at most the last `N` transactions, 0 for all", DefaultText: "10 on a terminal, otherwise all"},
			&cli.StringFlag{Name: "log", Destination: &o.log, Usage: "read the log `FILE`", DefaultText: "LogFile in pacman.conf"},
		}, o.listFlags("{{.at}} {{.action}} {{.name}} {{.old}} {{.new}}")...),
		Action: func(c *cli.Context) error { return a.runPackageHistory(c, o) },
	}
}

func (a *app) runPackageHistory(c *cli.Context, o *historyOptions) error {
	since, err := parseSince(o.since, clock.Now())
	if err == nil {
		err = checkLimit(o.limit)
	}
	switch {
	case err != nil:
		return err
	case c.IsSet("log") && o.log == "":
		return command.Usagef("--log must not be empty")
	}
	out, err := a.newOutput(c, o.outputOptions)
	if err != nil {
		return err
	}
	limit := o.limit
	if !c.IsSet("limit") && since == 0 && out.isForPeople() {
		limit = defaultTransactionCount
	}
	all, err := a.newBackend().PackageHistory(c.Context, &backend.PackageHistoryRequest{LogFile: o.log, Names: c.Args().Slice(), Since: since, Limit: limit})
	if err != nil {
		return err
	}
	if out.quiet || out.tmpl != nil {
		err = out.printChanges(all)
	} else {
		first := true
		err = printList(out, all, all.Transactions, func(*backend.Transaction) string { return "" }, func(w *bufio.Writer, t *backend.Transaction) {
			if !first {
				_ = w.WriteByte('\n')
			}
			first = false
			out.style.PrintTransaction(w, t)
		})
	}
	read := &wire.Basis{Partial: all.Partial, Why: all.Why}
	if err == nil {
		err = out.finishWithBasis(read)
	}
	if err != nil {
		return err
	}
	if all.OmittedCount > 0 && !c.IsSet("limit") {
		a.printNote(fmt.Sprintf("%s before; --limit 0 shows all", countNoun(all.OmittedCount, "transaction", "transactions")))
	}
	after := ""
	if since > 0 {
		after = " after " + time.Unix(since, 0).Format(time.DateTime)
	}
	if len(all.Transactions) == 0 && !all.Partial && c.Args().Present() {
		return &exit.Error{Code: exit.NotFound, Err: fmt.Errorf("pacman's log has no change of %s%s", output.QuoteWords(c.Args().Slice()), after)}
	}
	return out.emptyListError(read, len(all.Transactions), "no transactions in pacman's log"+after)
}

// changeOfTransaction is a change with the time of its transaction, for --format.
type changeOfTransaction struct {
	At          time.Time `json:"at"`
	Command     string    `json:"command,omitempty"`
	FullUpgrade bool      `json:"full_upgrade,omitempty"`
	Result      string    `json:"result,omitempty"`
	backend.PackageChange
}

// printChanges prints a line for each change or, with --quiet, the name of each changed package once.
func (o *resultPrinter) printChanges(all *backend.PackageHistory) error {
	isPrinted := map[string]bool{}
	for i := range all.Transactions {
		t := &all.Transactions[i]
		for _, change := range t.Changes {
			if o.quiet && isPrinted[change.Name] {
				continue
			}
			isPrinted[change.Name] = true
			one := &changeOfTransaction{t.At, t.Command, t.FullUpgrade, t.Result, change}
			if err := o.printElement(one, o.safePackageName(change.Name), nil); err != nil {
				return err
			}
		}
	}
	return nil
}
