package app

import (
	"log/slog"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/omg-fleet/internal/daemon"
	"github.com/omg-arch/omg/omg-fleet/internal/node"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/paths"
)

func nodeCommand(a *app) *cli.Command {
	var host, socket string
	return &cli.Command{
		Name:  "node",
		Usage: "answer the lookups of hosts without an index",
		Description: `A node answers omg-fleet lookup from the omgd of this host. Start one on several hosts
with an index: the server gives each lookup to one of them, and if it dies, the others
answer. A node executes nothing, sends no requests to the AUR, and connects only to omgd
and to the server.

The key in the file of --creds must have been added with omg-fleet host add --node, under
the name of this host. An agent can use the same file.

` + command.ExitCodesHelp(exit.OK, exit.Usage, exit.Failed),
		Flags: []cli.Flag{hostFlag(&host), socketFlag(&socket)},
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return command.Usagef("node takes no arguments, got %q", strings.Join(c.Args().Slice(), " "))
			}
			if err := a.needServer(); err != nil {
				return err
			}
			name, err := a.hostName(c, host)
			if err != nil {
				return err
			}
			return node.Run(c.Context, node.Options{
				Link: a.link(), Host: name, Source: node.Local(daemon.New(paths.ProcessEnv(), socket)), Log: slog.New(slog.NewTextHandler(a.stderr, nil)),
			})
		},
	}
}
