package app

import (
	"bufio"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/omg/internal/acks"
	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/shared/clock"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/wire"
)

// aurAckOptions holds the flags of aur ack.
type aurAckOptions struct {
	outputOptions
	list, remove bool
}

func aurAckCommand(a *app) *cli.Command {
	o := &aurAckOptions{}
	return &cli.Command{
		Name:      "ack",
		Usage:     "acknowledge findings of aur check that you have looked at",
		ArgsUsage: "[PKG [REASON]]",
		Description: `The findings about PKG are acknowledged or, with REASON, only those for this reason,
such as adopted-and-updated. "omg aur check" still shows them, with the date, and
"omg aur check --fail-on LEVEL --honour-ack" does not count them.

An acknowledgement is for one event: if something else happens to the package, or if
it is updated again, there is a new finding. A finding that only a live reply of the
AUR shows can be acknowledged after the next dump. An acknowledgement is yours alone:
omg keeps it in $XDG_STATE_HOME/omg, and neither omgd nor other users know it. Therefore
omg status, prompts and metrics still count the package.

With --list, your acknowledgements are listed, also those of findings that there no
longer are. With --remove, the acknowledgements about PKG are removed. If there is
nothing to acknowledge, to list or to remove, the exit code is 1.

` + exitCodesHelp(exit.Network),
		Flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "list", Aliases: []string{"l"}, Destination: &o.list, Usage: "list your acknowledgements"},
			&cli.BoolFlag{Name: "remove", Aliases: []string{"r"}, Destination: &o.remove, Usage: "remove your acknowledgements about PKG"},
		}, o.listFlags("{{.name}} {{.finding.reason}} {{.acknowledged}}")...),
		Action: func(c *cli.Context) error { return a.runAURAck(c, o) },
	}
}

// ackList is the JSON document of aur ack.
type ackList struct {
	Acks []acks.Ack `json:"acks"`
}

func (a *app) runAURAck(c *cli.Context, o *aurAckOptions) error {
	args := c.Args().Slice()
	switch {
	case o.list && o.remove:
		return command.Usagef("--list and --remove exclude each other")
	case o.list && len(args) > 0:
		return command.Usagef("--list takes no names")
	case !o.list && (len(args) == 0 || len(args) > 2):
		return command.Usagef("name one package, and if you want one reason")
	}
	out, err := a.newOutput(c, o.outputOptions)
	if err != nil {
		return err
	}
	file, err := acks.Open(paths.ProcessEnv())
	if err != nil {
		return err
	}
	list, err := a.changeAcks(c, o, file, args)
	if err != nil {
		return err
	}
	human := func(w *bufio.Writer, ack *acks.Ack) { out.style.PrintAck(w, ack.Package, &ack.Finding, ack.At) }
	err = printList(out, &ackList{append([]acks.Ack{}, list...)}, list, func(ack *acks.Ack) string { return out.safePackageName(ack.Package) }, human)
	if err == nil {
		err = out.finish()
	}
	if err != nil {
		return err
	}
	return out.emptyListError(&wire.Basis{}, len(list), "no acknowledged findings")
}

// changeAcks returns the acknowledgements that were listed, removed or added.
func (a *app) changeAcks(c *cli.Context, o *aurAckOptions, file *acks.File, args []string) ([]acks.Ack, error) {
	if o.list {
		return file.Read()
	}
	names, err := aurNames(args[:1])
	if err != nil {
		return nil, err
	}
	reason := ""
	if len(args) > 1 {
		reason = args[1]
	}
	if o.remove {
		return file.Remove(names[0], reason)
	}
	all, err := a.newBackend().AURCheck(c.Context, &backend.AURCheckRequest{Names: names, Offline: true})
	if err != nil {
		return nil, err
	}
	// A check of a package can also have findings about others.
	all.Packages = slices.DeleteFunc(all.Packages, func(p backend.CheckedPackage) bool { return p.Name != names[0] && p.Base != names[0] })
	var added []acks.Ack
	for i := range all.Packages {
		of, err := file.Add(&all.Packages[i], reason, clock.Now())
		if err != nil {
			return nil, err
		}
		added = append(added, of...)
	}
	if len(added) == 0 {
		return nil, exit.WithCode(exit.NotFound, noSuchFindingError(names[0], reason, all))
	}
	return added, nil
}

// noSuchFindingError returns the error for a finding that cannot be acknowledged, because there is none.
func noSuchFindingError(name, reason string, all *backend.AURCheckResult) error {
	var reasons []string
	for i := range all.Packages {
		for _, finding := range all.Packages[i].Findings {
			if !slices.Contains(reasons, finding.Reason) {
				reasons = append(reasons, finding.Reason)
			}
		}
	}
	switch {
	case len(all.Missing) > 0:
		return errors.New("neither installed nor in the AUR: " + quoteEach(all.Missing))
	case len(reasons) > 0:
		return fmt.Errorf("no finding about %q with the reason %q: its reasons are %s", name, reason, strings.Join(reasons, ", "))
	}
	return fmt.Errorf("no findings about %q", name)
}

// markAcks marks the findings that the user has acknowledged. If the acknowledgements cannot be read, a note says so, and no finding
// counts as acknowledged.
func (a *app) markAcks(packages []backend.CheckedPackage) {
	file, err := acks.Open(paths.ProcessEnv())
	var list []acks.Ack
	if err == nil {
		list, err = file.Read()
	}
	if err != nil {
		a.printNote("your acknowledgements are not used: " + err.Error())
		return
	}
	acks.Mark(list, packages)
}
