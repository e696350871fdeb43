// Command omg-replay replays a simulated year of the AUR with the documented attacks, and prints what omg's rules find.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/integration/aurlife"
	"github.com/omg-arch/omg/integration/aurreplay"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
)

func main() {
	os.Exit(run(context.Background(), os.Args, os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	app := &cli.App{
		Name:  "omg-replay",
		Usage: "measure the rules about the AUR on a simulated year",
		Description: "docs/journal-measures.md describes the simulated year. The same flags give the same results.\n" +
			command.ExitCodesHelp(exit.OK, exit.Usage),
		Flags: []cli.Flag{
			&cli.Uint64Flag{Name: "seed", Usage: "`NUMBER` that determines the year", Value: 1},
			&cli.StringFlag{Name: "set", Usage: "`WHICH` attacks: first, second, all or none", Value: "first"},
			&cli.StringFlag{Name: "scales", Usage: "factors for the usual rates, separated by commas: `LIST`", Value: "1"},
			&cli.IntFlag{Name: "packages", Usage: "`NUMBER` of packages; the attacks have a size in proportion", Value: 100_000},
			&cli.IntFlag{Name: "days", Usage: "`NUMBER` of days", Value: 365},
		},
		Action: func(c *cli.Context) error { return replay(c, stdout) },
	}
	return command.Run(ctx, app, args, stdout, stderr)
}

// sets holds the sets of attacks by their names.
var sets = map[string]func() []aurlife.Incident{
	"first": aurlife.FirstSet, "second": aurlife.SecondSet, "all": aurlife.Documented, "none": func() []aurlife.Incident { return nil },
}

func replay(c *cli.Context, stdout io.Writer) error {
	set := sets[c.String("set")]
	switch {
	case c.NArg() > 0:
		return command.Usagef("no arguments are allowed")
	case set == nil:
		return command.Usagef("%q is not one of first, second, all, none", c.String("set"))
	case c.Int("packages") < 100 || c.Int("days") < 1 || c.Int("days") > 3650:
		return command.Usagef("at least 100 packages and 1 to 3650 days are needed")
	}
	for text := range strings.SplitSeq(c.String("scales"), ",") {
		scale, err := strconv.ParseFloat(text, 64)
		if err != nil || scale <= 0 || scale > 100 {
			return command.Usagef("%q is not a factor above 0, at most 100", text)
		}
		attacks := aurlife.Resized(set(), float64(c.Int("packages"))/100_000)
		o := aurreplay.UsualYear(c.Uint64("seed"), scale, attacks)
		o.Packages, o.Days = c.Int("packages"), c.Int("days")
		if _, err := fmt.Fprintf(stdout, "== seed %d, attacks %s, %g × the usual rates\n", o.Seed, c.String("set"), scale); err != nil {
			return err
		}
		if err := aurreplay.Run(o).Write(stdout); err != nil {
			return err
		}
	}
	return nil
}
