// Package app implements omg-fleet's command line.
package app

import (
	"cmp"
	"context"
	"io"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/omg-fleet/internal/link"
	"github.com/omg-arch/omg/omg-fleet/internal/question"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/config"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/paths"
)

// app holds the state of one command line.
type app struct {
	dir, rosterPath   string
	server, creds, ca string
	host              string // the name of this host in the configuration
	stored            bool
	deadline, stale   time.Duration
	requireAll        bool
	stdout, stderr    io.Writer
}

// link returns how to connect to the servers.
func (a *app) link() link.Options { return link.Options{Server: a.server, Creds: a.creds, CA: a.ca} }

// configure sets what no flag has set from omg's configuration. A directory of inventories replaces the server of the configuration.
func (a *app) configure(c *cli.Context) error {
	if c.IsSet("server") && a.dir != "" {
		return command.Usagef("--from and --server exclude each other")
	}
	loaded, err := config.Load(paths.ProcessEnv(), false)
	if err != nil {
		return &exit.Error{Code: exit.Usage, Err: err, Hint: "omg config shows what can be set"}
	}
	f := loaded.Fleet
	if a.dir == "" {
		a.server = cmp.Or(a.server, f.Server)
	}
	a.creds, a.ca, a.host = cmp.Or(a.creds, f.Creds), cmp.Or(a.ca, f.CA), f.Host
	return nil
}

// defaultDeadline is the default of --deadline. Most hosts answer within milliseconds, and those that are known to be away are not waited for.
const defaultDeadline = 5 * time.Second

// defaultStale is the default of --stale: with one inventory a day, one may fail.
const defaultStale = 48 * time.Hour

// Run runs omg-fleet and returns its exit code.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	a := &app{stdout: stdout, stderr: stderr}
	return command.Run(ctx, &cli.App{
		Name:  "omg-fleet",
		Usage: "answer questions about many hosts",
		Description: `With --from, the answers come from a directory with one file for each host, HOST.json or
HOST.json.zst, which "omg inventory -o" has written on the host. The name of the file
is the name of the host, because the host itself could claim any name.

With --server, all hosts on which omg-fleet agent runs are asked at the same time. The
command waits until all that have given a sign of life have answered, or until the
--deadline. With --stored, the answers come from the inventories that the server keeps.

Each answer ends with the number of hosts that were asked and that have answered. A
host has not answered if it is in the roster but has no file, if its file was refused,
is older than --stale or lacks what was asked for, if a source could not be read on the
host, or if the host did not reply. These hosts are named. What they are known to have
is printed as well, with its age. Without a roster, a host without a file is not missed.

` + exitCodes(),
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "from", Destination: &a.dir, Usage: "read the inventories in `DIR`", EnvVars: []string{"OMG_FLEET_FROM"}},
			&cli.StringFlag{Name: "roster", Destination: &a.rosterPath, Usage: "read the names of all hosts from `FILE`, one on a line", EnvVars: []string{"OMG_FLEET_ROSTER"}},
			&cli.StringFlag{Name: "server", Destination: &a.server, Usage: "ask the hosts through the NATS server at `URL`, such as tls://nats.example.org:4222, or several with commas", DefaultText: "$OMG_FLEET_SERVER, or fleet.server in the configuration"},
			&cli.StringFlag{Name: "creds", Destination: &a.creds, Usage: "connect to the server with the credentials in `FILE`", DefaultText: "$OMG_FLEET_CREDS, or fleet.creds in the configuration"},
			&cli.StringFlag{Name: "ca", Destination: &a.ca, Usage: "also trust servers with certificates of the authorities in `FILE`", DefaultText: "$OMG_FLEET_CA, or fleet.ca in the configuration"},
			&cli.BoolFlag{Name: "stored", Destination: &a.stored, Usage: "answer from the inventories that the server keeps, without asking the hosts"},
			&cli.DurationFlag{Name: "deadline", Destination: &a.deadline, Value: defaultDeadline, Usage: "wait for the answers of the hosts for this `TIME`"},
			&cli.GenericFlag{Name: "stale", Value: command.TimeValue(&a.stale, defaultStale), DefaultText: "48h", Usage: "an inventory is too old after this `TIME`, such as 36h or 7d"},
			&cli.BoolFlag{Name: "require-all", Destination: &a.requireAll, Usage: "exit with 7 unless all hosts have answered"},
		},
		Before: a.configure,
		Commands: []*cli.Command{
			hostsCommand(a), statusCommand(a), outdatedCommand(a), securityCommand(a), hasCommand(a), searchCommand(a), aurCommand(a), watchCommand(a), webCommand(a), lookupCommand(a), agentCommand(a), nodeCommand(a), devCommand(),
			initCommand(a), setupCommand(a), hostCommand(a), keyCommand(a), doctorCommand(a),
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
			return a.runWithoutArguments(c, o, question.Spec{Kind: question.KindHosts})
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
		Action: func(c *cli.Context) error {
			return a.runWithoutArguments(c, o, question.Spec{Kind: question.KindStatus})
		},
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
		Action: func(c *cli.Context) error {
			return a.run(c, o, question.Spec{Kind: question.KindOutdated, Words: c.Args().Slice()})
		},
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
			return a.run(c, o, question.Spec{Kind: question.KindHas, Words: c.Args().Slice()})
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
To find packages that may be installed nowhere, in the repositories and the AUR, use
omg search, or omg-fleet lookup search on a host without an index.

` + exitCodes(),
		Flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "regex", Aliases: []string{"x"}, Destination: &regex, Usage: "words are POSIX extended regular expressions"},
			&cli.BoolFlag{Name: "name", Aliases: []string{"n"}, Destination: &nameOnly, Usage: "search names only"},
		}, o.flags("{{.host}} {{len .packages}}")...),
		Action: func(c *cli.Context) error {
			if !c.Args().Present() {
				return command.Usagef("search needs a word")
			}
			return a.run(c, o, question.Spec{Kind: question.KindSearch, Words: c.Args().Slice(), Regex: regex, NameOnly: nameOnly})
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
		Action:      func(c *cli.Context) error { return a.runWithoutArguments(c, o, question.Spec{Kind: question.KindAUR}) },
	}
}
