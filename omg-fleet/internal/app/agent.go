package app

import (
	"cmp"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/omg-fleet/internal/agent"
	"github.com/omg-arch/omg/omg-fleet/internal/dev"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/paths"
)

// defaultInterval is the default of --interval: with 10,000 hosts, a server receives 33 signs of life a second.
const defaultInterval = 5 * time.Minute

func agentCommand(a *app) *cli.Command {
	var host, socket string
	var interval time.Duration
	return &cli.Command{
		Name:  "agent",
		Usage: "publish the state of this host, and answer questions",
		Description: `The agent gets the inventory of this host from omgd, publishes it on the server of
--server when it has changed, and answers the questions of omg-fleet from it. It
executes nothing, and connects only to omgd and to the server. While the server is
away, it keeps the last inventory, and connects again by itself.

The name of the host must be the one for which the key in the file of --creds was
added. Without --host, it is the name that the host has.

` + command.ExitCodesHelp(exit.OK, exit.Usage, exit.Failed),
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "host", Destination: &host, Usage: "the `NAME` of this host in the fleet"},
			&cli.StringFlag{Name: "socket", Destination: &socket, Usage: "omgd listens on `PATH`", DefaultText: "$OMG_SOCKET_PATH, or omg.sock in $XDG_RUNTIME_DIR, or the system-wide omgd"},
			&cli.DurationFlag{Name: "interval", Destination: &interval, Value: defaultInterval, Usage: "give a sign of life each `TIME`"},
		},
		Action: func(c *cli.Context) (err error) {
			if c.Args().Present() {
				return command.Usagef("agent takes no arguments, got %q", strings.Join(c.Args().Slice(), " "))
			}
			if a.server == "" {
				return command.Usagef("--server URL names the NATS server")
			}
			if err := agent.CheckInterval(interval); err != nil {
				return command.Usagef("%w", err)
			}
			name, err := os.Hostname()
			if host = cmp.Or(host, name); host == "" {
				return fmt.Errorf("cannot find out the name of this host: %w", err)
			}
			ctx, stop := signal.NotifyContext(c.Context, os.Interrupt, unix.SIGTERM)
			defer stop()
			env := paths.ProcessEnv()
			return agent.Run(ctx, agent.Options{
				Link: a.link(), Host: host, Sockets: env.Sockets(socket), Env: env, Interval: interval, Log: slog.New(slog.NewTextHandler(a.stderr, nil)),
			})
		},
	}
}

func devCommand() *cli.Command {
	var listen, dir string
	return &cli.Command{
		Name:  "dev",
		Usage: "run a NATS server on this machine, for a first try",
		Description: `The server lets each program on this machine in, and no other machine. omg-fleet init
configures servers for a network.

` + command.ExitCodesHelp(exit.OK, exit.Usage, exit.Failed),
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "listen", Destination: &listen, Value: "127.0.0.1:4222", Usage: "listen on `ADDRESS`"},
			&cli.StringFlag{Name: "dir", Destination: &dir, Usage: "keep the data in `DIR`", Required: true},
		},
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return command.Usagef("dev takes no arguments, got %q", strings.Join(c.Args().Slice(), " "))
			}
			ctx, stop := signal.NotifyContext(c.Context, os.Interrupt, unix.SIGTERM)
			defer stop()
			return dev.Run(ctx, listen, dir, func(address string) {
				_, _ = fmt.Fprintf(c.App.Writer, "the server listens on %s\nexport OMG_FLEET_SERVER=%s\n", address, address)
			})
		},
	}
}
