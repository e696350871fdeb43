package app

import (
	"cmp"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/omg-fleet/internal/agent"
	"github.com/omg-arch/omg/omg-fleet/internal/authority"
	"github.com/omg-arch/omg/omg-fleet/internal/daemon"
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

The name of the host is the one for which the key in the file of --creds was added: the
server accepts no other.

` + command.ExitCodesHelp(exit.OK, exit.Usage, exit.Failed),
		Flags: []cli.Flag{
			hostFlag(&host), socketFlag(&socket),
			&cli.DurationFlag{Name: "interval", Destination: &interval, Value: defaultInterval, Usage: "give a sign of life each `TIME`"},
		},
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return command.Usagef("agent takes no arguments, got %q", strings.Join(c.Args().Slice(), " "))
			}
			if err := a.needServer(); err != nil {
				return err
			}
			if err := agent.CheckInterval(interval); err != nil {
				return command.Usagef("%w", err)
			}
			name, err := a.hostName(c, host)
			if err != nil {
				return err
			}
			log := slog.New(slog.NewTextHandler(a.stderr, nil))
			return agent.Run(c.Context, agent.Options{
				Link: a.link(), Host: name, Source: agent.Local(daemon.New(paths.ProcessEnv(), socket), log), Interval: interval, Log: log,
			})
		},
	}
}

func hostFlag(host *string) cli.Flag {
	return &cli.StringFlag{Name: "host", Destination: host, Usage: "the `NAME` of this host in the fleet", DefaultText: "fleet.host in the configuration, or the name in the file of --creds, or the host's name"}
}

func socketFlag(socket *string) cli.Flag {
	return &cli.StringFlag{Name: "socket", Destination: socket, Usage: "omgd listens on `PATH`", DefaultText: "$OMG_SOCKET_PATH, or omg.sock in $XDG_RUNTIME_DIR, or the system-wide omgd"}
}

// needServer returns an error if no server is known.
func (a *app) needServer() error {
	if a.server == "" {
		return command.Usagef("--server URL names the NATS server")
	}
	return nil
}

// hostName returns the name of this host in the fleet. The parameter flag is the value of --host.
func (a *app) hostName(c *cli.Context, flag string) (string, error) {
	if c.IsSet("host") || a.host != "" {
		if err := authority.CheckName(cmp.Or(flag, a.host)); err != nil {
			return "", command.Usagef("--host: %w", err)
		}
	}
	name, err := os.Hostname()
	if name = cmp.Or(flag, a.host, authority.SignedName(a.creds), name); name == "" {
		return "", fmt.Errorf("cannot find out the name of this host: %w", err)
	}
	return name, nil
}
