package app

import (
	"bufio"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/inventory"
)

// inventoryOptions holds the flags of omg inventory.
type inventoryOptions struct {
	outputOptions
	outputPath string
}

func inventoryCommand(a *app) *cli.Command {
	o := &inventoryOptions{}
	return &cli.Command{
		Name:  "inventory",
		Usage: "describe this host and its packages, for omg-fleet and other programs",
		Description: `The inventory has the state of this host and its installed packages: omg-fleet reads
such files of many hosts and answers questions about them. Without --json and
--output, a summary is shown.

A host is identified by a number that is derived from its machine ID. The machine ID
itself is not in the inventory. Without omgd, the inventory has no advisories and no
findings about packages of the AUR: its parts say what is unknown, partial or stale.

With --output the inventory is written to a file, which is replaced in one step. If
the name of the file ends with .zst, the file is compressed.

` + exitCodesHelp(),
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Destination: &o.outputPath, Usage: "write the inventory to `FILE`"},
		}, o.flags("{{.host}} {{.counts.updates}}")...),
		Action: func(c *cli.Context) error { return a.runInventory(c, o) },
	}
}

func (a *app) runInventory(c *cli.Context, o *inventoryOptions) error {
	if err := noArguments(c); err != nil {
		return err
	}
	if c.IsSet("output") && (o.outputPath == "" || o.json || c.IsSet("format")) {
		return command.Usagef("--output needs a file, and cannot be combined with --json or --format")
	}
	out, err := a.newOutput(c, o.outputOptions)
	if err != nil {
		return err
	}
	request := &backend.InventoryRequest{OutputPath: o.outputPath, CertainOnly: out.certainOnly}
	v, err := a.newBackend().Inventory(c.Context, request)
	if err != nil {
		return err
	}
	if problem := v.Problem(); out.certainOnly && problem != "" {
		return &exit.Error{Code: exit.Failed, Err: fmt.Errorf("the result is partial: %s", problem), Hint: a.uncertainHint()}
	}
	if err := out.printInventory(o, v); err != nil {
		return err
	}
	if err := out.finish(); err != nil {
		return err
	}
	for _, p := range v.Parts {
		if p.State == inventory.PartPartial || p.State == inventory.PartStale {
			a.printNote(p.String())
		}
	}
	return nil
}

// printInventory prints an inventory, unless it was written to a file.
func (o *resultPrinter) printInventory(opts *inventoryOptions, v *inventory.Inventory) error {
	switch {
	case opts.outputPath != "":
		return nil
	case o.json:
		document, err := inventory.Encode(v)
		if err == nil {
			_, err = o.w.Write(document)
		}
		return err
	}
	return o.printOne(v, func(w *bufio.Writer) { o.style.PrintInventory(w, v) })
}
