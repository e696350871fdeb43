package app

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/omg-fleet/internal/authority"
	"github.com/omg-arch/omg/omg-fleet/internal/inventories"
	"github.com/omg-arch/omg/omg-fleet/internal/link"
	"github.com/omg-arch/omg/omg-fleet/internal/roster"
	"github.com/omg-arch/omg/omg-fleet/internal/streams"
	"github.com/omg-arch/omg/omg-fleet/internal/subject"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
)

func setupCommand(a *app) *cli.Command {
	var dir string
	var renew bool
	var maxAge time.Duration
	return &cli.Command{
		Name:  "setup",
		Usage: "make the fleet usable on the running servers",
		Description: `Sends the account of the fleet to the servers, makes the streams in which they keep the
states of the hosts and the roster, or corrects them, and enters the hosts into the
roster. It can be repeated at any time, and has to be after a server was set up again or
could not be reached by omg-fleet host. With --renew-admin, DIR/admin.creds is replaced
first, and its earlier content is revoked.

Without --dir, for servers that know hosts by their certificates, it makes the streams
with the credentials of --creds, and makes the roster that of the file of --roster.

` + administrationCodes(),
		Flags: []cli.Flag{
			keysFlag(&dir),
			&cli.BoolFlag{Name: "renew-admin", Destination: &renew, Usage: "replace the credentials of those who ask questions"},
			&cli.GenericFlag{Name: "max-age", Value: command.TimeValue(&maxAge, streams.DefaultMaxAge), DefaultText: "30d", Usage: "forget the state of a host that was silent for this `TIME`"},
		},
		Action: func(c *cli.Context) error {
			switch {
			case c.Args().Present():
				return command.Usagef("setup takes no arguments, got %q", c.Args().First())
			case maxAge <= 0:
				return command.Usagef("--max-age is a time such as 30d, not %s", maxAge)
			case dir == "" && (a.server == "" || a.rosterPath == ""):
				return command.Usagef("--dir DIR names the directory with the keys of the fleet; without it, setup needs --server and --roster")
			case dir == "" && renew:
				return command.Usagef("--renew-admin needs --dir")
			case dir == "":
				return a.setUpWithoutKeys(c.Context, maxAge)
			}
			return a.withKeys(dir, func(keys *authority.Authority) error {
				if renew {
					if err := keys.RenewAsker(); err != nil {
						return fmt.Errorf("cannot replace the credentials: %w", err)
					}
				}
				return a.setUp(c.Context, keys, maxAge)
			})
		},
	}
}

func (a *app) setUp(ctx context.Context, keys *authority.Authority, maxAge time.Duration) error {
	taken, silent, err := keys.PushAccount(ctx, a.dial(keys))
	if err != nil {
		return err
	}
	slices.Sort(taken)
	for _, server := range taken {
		a.say("%s: has the account of the fleet", server)
	}
	conn, js, err := keys.Manage(a.dial(keys))
	if err != nil {
		return err
	}
	defer conn.Close()
	settings := keys.Settings()
	if err := a.makeStreams(ctx, js, settings.Replicas(), maxAge); err != nil {
		return err
	}
	hosts, err := keys.Hosts()
	if err != nil {
		return err
	}
	for _, h := range hosts {
		if err := h.Publish(ctx, js, h.Name); err != nil {
			return err
		}
	}
	a.say("%s: entered into the roster", countHosts(len(hosts)))
	return silentError(silent)
}

func (a *app) makeStreams(ctx context.Context, js jetstream.JetStream, replicas int, maxAge time.Duration) error {
	if err := streams.Make(ctx, js, replicas, maxAge); err != nil {
		return err
	}
	a.say("%s, %s: kept by %d of the servers", subject.StateStream, subject.RosterStream, replicas)
	return nil
}

// setUpWithoutKeys makes the streams and the roster of servers that know hosts by their certificates. Hosts that are not in the file any more are marked
// as revoked.
func (a *app) setUpWithoutKeys(ctx context.Context, maxAge time.Duration) error {
	names, err := inventories.ReadRoster(a.rosterPath)
	if err != nil {
		return fmt.Errorf("cannot read the roster: %w", err)
	}
	if len(names) == 0 {
		return fmt.Errorf("%s names no hosts: all hosts would be marked as revoked", a.rosterPath)
	}
	conn, err := link.Connect(a.keysLink(nil))
	if err != nil {
		return err
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		return err
	}
	replicas := 1
	if conn.ConnectedClusterName() != "" {
		replicas = 3
	}
	if err := a.makeStreams(ctx, js, replicas, maxAge); err != nil {
		return err
	}
	stream, err := js.Stream(ctx, subject.RosterStream)
	if err != nil {
		return err
	}
	info, err := stream.Info(ctx, jetstream.WithSubjectFilter(subject.AllRoster))
	if err != nil {
		return fmt.Errorf("cannot read the roster of the servers: %w", err)
	}
	now := time.Now().Unix()
	for _, host := range names {
		if err := (&roster.Entry{AddedAt: now}).Publish(ctx, js, host); err != nil {
			return err
		}
	}
	for one := range info.State.Subjects {
		host, err := subject.Host(one)
		if err != nil || slices.Contains(names, host) {
			continue
		}
		if err := (&roster.Entry{AddedAt: now, RevokedAt: now}).Publish(ctx, js, host); err != nil {
			return err
		}
	}
	a.say("%s: entered into the roster", countHosts(len(names)))
	return nil
}

func countHosts(n int) string {
	if n == 1 {
		return "1 host"
	}
	return fmt.Sprintf("%d hosts", n)
}

// silentError returns an error if servers have not answered.
func silentError(silent []string) error {
	if len(silent) == 0 {
		return nil
	}
	return &exit.Error{
		Code: exit.Failed, Err: fmt.Errorf("%s: not answered", shorten(silent)),
		Hint: "a server gets the account from the others when it runs again; to be sure, repeat omg-fleet setup then",
	}
}
