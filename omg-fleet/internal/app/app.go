// Package app implements omg-fleet's command line.
package app

import (
	"context"
	"io"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/omg-fleet/internal/question"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
)

// app holds the state of one command line.
type app struct {
	dir, rosterPath string
	stale           time.Duration
	requireAll      bool
	stdout, stderr  io.Writer
}

// defaultStale is the default of --stale: with one inventory a day, one may fail.
const defaultStale = 48 * time.Hour

// Run runs omg-fleet and returns its exit code.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	a := &app{stdout: stdout, stderr: stderr}
	return command.Run(ctx, &cli.App{
		Name:  "omg-fleet",
		Usage: "answer questions about many hosts",
		Description: `The answers come from a directory with one file for each host, HOST.json or
HOST.json.zst, which "omg inventory -o" has written on the host. The name of the file
is the name of the host, because the host itself could claim any name.

Each answer ends with the number of hosts that were asked and that have answered. A
host has not answered if it is in the roster but has no file, if its file was refused,
is older than --stale or lacks what was asked for, or if a source could not be read
on the host. These hosts are named. What they are known to have is printed as well,
with its age. Without a roster, a host without a file is not missed.

` + exitCodes(),
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "from", Destination: &a.dir, Usage: "read the inventories in `DIR`", EnvVars: []string{"OMG_FLEET_FROM"}},
			&cli.StringFlag{Name: "roster", Destination: &a.rosterPath, Usage: "read the names of all hosts from `FILE`, one on a line", EnvVars: []string{"OMG_FLEET_ROSTER"}},
			&cli.DurationFlag{Name: "stale", Destination: &a.stale, Value: defaultStale, DefaultText: "48h", Usage: "an inventory is too old after this `TIME`"},
			&cli.BoolFlag{Name: "require-all", Destination: &a.requireAll, Usage: "exit with 7 unless all hosts have answered"},
		},
		Commands: []*cli.Command{
			hostsCommand(a), statusCommand(a), outdatedCommand(a), securityCommand(a), hasCommand(a), searchCommand(a), aurCommand(a),
		},
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				names := make([]string, len(c.App.Commands))
				for i, one := range c.App.Commands {
					names[i] = one.Name
				}
				return command.UnknownCommand(c.Args().First(), names)
			}
			return cli.ShowAppHelp(c)
		},
	}, args, stdout, stderr)
}

func exitCodes() string {
	return command.ExitCodesHelp(exit.OK, exit.NotFound, exit.Usage, exit.Failed, exit.Incomplete)
}

func hostsCommand(a *app) *cli.Command {
	o := &output{human: printHost, none: "there are no hosts"}
	return &cli.Command{
		Name:        "hosts",
		Usage:       "list the hosts, with the ages of their inventories",
		Description: "Hosts of the roster without a file are listed too.\n\n" + exitCodes(),
		Flags:       o.flags("{{.host}} {{.state}}"),
		Action: func(c *cli.Context) error {
			o.listsMissing = true
			return a.runWithoutArguments(c, o, question.Hosts())
		},
	}
}

func statusCommand(a *app) *cli.Command {
	o := &output{human: printStatus, none: "there are no hosts"}
	return &cli.Command{
		Name:        "status",
		Usage:       "show how many updates, advisories and findings each host has",
		Description: "A number that may be wrong is marked with a question mark. A number that is not known is\nshown as unknown, and is absent in JSON.\n\n" + exitCodes(),
		Flags:       o.flags("{{.host}} {{.counts.updates}}"),
		Action:      func(c *cli.Context) error { return a.runWithoutArguments(c, o, question.Status()) },
	}
}

func outdatedCommand(a *app) *cli.Command {
	o := &output{human: printUpdates, none: "no updates"}
	return &cli.Command{
		Name:        "outdated",
		Usage:       "list the updates of each host",
		ArgsUsage:   "[PKG...]",
		Description: "With PKG, only updates of these packages are listed.\n\n" + exitCodes(),
		Flags:       o.flags("{{.host}} {{len .updates}}"),
		Action:      func(c *cli.Context) error { return a.run(c, o, question.Outdated(c.Args().Slice())) },
	}
}

func hasCommand(a *app) *cli.Command {
	o := &output{human: printPackages, none: "no host has such a package"}
	return &cli.Command{
		Name:      "has",
		Usage:     "list the hosts with an installed package",
		ArgsUsage: "PKG[OP VERSION]...",
		Description: `OP is =, <, <=, > or >=. Versions are compared as pacman does: 5.6.1 without a release
is equal to 5.6.1-1 and 5.6.1-2. If a package is named several times, its version has
to satisfy all of it: omg-fleet has 'xz>=5.6.0' 'xz<5.6.2'. Quote < and >, because a
shell would take them. A host is listed if it has one of the packages.

` + exitCodes(),
		Flags: o.flags("{{.host}}"),
		Action: func(c *cli.Context) error {
			if !c.Args().Present() {
				return command.Usagef("has needs a package")
			}
			q, err := question.Has(c.Args().Slice())
			if err != nil {
				return err
			}
			return a.run(c, o, q)
		},
	}
}

func searchCommand(a *app) *cli.Command {
	o := &output{human: printPackages, none: "no host has a package that matches"}
	var regex, nameOnly bool
	return &cli.Command{
		Name:      "search",
		Usage:     "list the installed packages of all hosts that contain every word",
		ArgsUsage: "WORD...",
		Description: `The words are those of omg search: name:WORD, desc:WORD, provides:WORD, group:WORD,
repo:NAME, is:explicit, not:WORD. repo: is the repository that has the package now.

` + exitCodes(),
		Flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "regex", Aliases: []string{"x"}, Destination: &regex, Usage: "words are POSIX extended regular expressions"},
			&cli.BoolFlag{Name: "name", Aliases: []string{"n"}, Destination: &nameOnly, Usage: "search names only"},
		}, o.flags("{{.host}} {{len .packages}}")...),
		Action: func(c *cli.Context) error {
			if !c.Args().Present() {
				return command.Usagef("search needs a word")
			}
			q, err := question.Search(c.Args().Slice(), regex, nameOnly)
			if err != nil {
				return err
			}
			return a.run(c, o, q)
		},
	}
}

func aurCommand(a *app) *cli.Command {
	o := &output{human: printFindings, none: "no findings"}
	return &cli.Command{
		Name:        "aur",
		Usage:       "list the packages of the AUR with findings",
		Description: "Findings are those of omg aur check. Only hosts on which omgd runs have them.\n\n" + exitCodes(),
		Flags:       o.flags("{{.host}} {{len .aur_findings}}"),
		Action:      func(c *cli.Context) error { return a.runWithoutArguments(c, o, question.AUR()) },
	}
}
