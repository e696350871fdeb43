package app

import (
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/omg-fleet/internal/authority"
	"github.com/omg-arch/omg/omg-fleet/internal/link"
	"github.com/omg-arch/omg/omg-fleet/internal/subject"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/termtext"
)

// keysFlag returns the flag for the directory with the keys of the fleet.
func keysFlag(dir *string) cli.Flag {
	return &cli.StringFlag{Name: "dir", Destination: dir, Usage: "the `DIR` with the keys of the fleet", EnvVars: []string{"OMG_FLEET_DIR"}}
}

func errNoKeysDir() error {
	return command.Usagef("--dir DIR names the directory with the keys of the fleet")
}

// administrationCodes describes the exit codes of the commands that administer a fleet.
func administrationCodes() string { return command.ExitCodesHelp(exit.OK, exit.Usage, exit.Failed) }

// initOptions holds the flags of init.
type initOptions struct {
	dir      string
	settings authority.Settings
	leaf     bool
}

func initCommand(a *app) *cli.Command {
	o := &initOptions{}
	return &cli.Command{
		Name:      "init",
		Usage:     "make the keys of a fleet and the configuration of its NATS servers",
		ArgsUsage: "SERVER[:PORT]...",
		Description: `DIR is a new directory with the secret keys of the fleet. It is enough to control the
fleet, so it belongs on one machine that hosts cannot reach, with a backup. For each
SERVER, DIR/servers has a directory with the files for that machine. Three servers are a
cluster that still works when one of them is lost; one server is enough for a first try.
SERVER is a name or an address under which hosts reach it. The default port is 4222.
The ports that are larger by 2000 and 3000 are for other servers and for leaf nodes.

The servers need certificates that hosts trust, as server.crt and server.key in their
directories: those of an authority that your machines know are best, because they are
renewed as you are used to. With --self-signed, omg-fleet makes certificates that are
valid for ten years, and each host needs the file DIR/ca.crt.

With --leaf, SERVER is added to the fleet in DIR as a leaf node. It forwards what the
hosts of a site send, so that they need no connection to the other servers.

When the servers run, omg-fleet setup makes the fleet usable.

` + administrationCodes(),
		Flags: []cli.Flag{
			keysFlag(&o.dir),
			&cli.BoolFlag{Name: "self-signed", Destination: &o.settings.SelfSigned, Usage: "also make the certificates for clients"},
			&cli.BoolFlag{Name: "leaf", Destination: &o.leaf, Usage: "add a leaf node for a site"},
			&cli.StringFlag{Name: "server-dir", Destination: &o.settings.ServerDir, Value: "/etc/nats", Usage: "the servers find their files in `DIR`"},
			&cli.StringFlag{Name: "state-dir", Destination: &o.settings.StateDir, Value: "/var/lib/nats", Usage: "the servers keep their data in `DIR`"},
		},
		Action: func(c *cli.Context) error { return a.runInit(c, o) },
	}
}

func (a *app) runInit(c *cli.Context, o *initOptions) error {
	switch {
	case o.dir == "":
		return errNoKeysDir()
	case !c.Args().Present():
		return command.Usagef("init needs the name of a server")
	case o.leaf && (c.IsSet("self-signed") || c.IsSet("server-dir") || c.IsSet("state-dir")):
		return command.Usagef("a leaf node is like the other servers: --leaf has no such flags")
	case o.leaf && c.NArg() > 1:
		return command.Usagef("--leaf adds one server")
	}
	for _, text := range c.Args().Slice() {
		s, err := authority.ParseServer(text)
		if err != nil {
			return exit.WithCode(exit.Usage, err)
		}
		o.settings.Servers = append(o.settings.Servers, s)
	}
	if o.leaf {
		return a.addLeaf(o)
	}
	if err := o.settings.Check(); err != nil {
		return exit.WithCode(exit.Usage, err)
	}
	keys, err := authority.Create(o.dir, &o.settings)
	if err != nil {
		return fmt.Errorf("cannot make the keys of a fleet: %w", err)
	}
	defer keys.Close()
	dirs, err := keys.WriteServers()
	if err != nil {
		return fmt.Errorf("cannot write the files of the servers: %w", err)
	}
	a.say("%s: the keys of the fleet, which nobody else may have", o.dir)
	for i, dir := range dirs {
		a.say("%s: copy these files to %s on %s", dir, o.settings.ServerDir, o.settings.Servers[i].Host)
	}
	if !o.settings.SelfSigned {
		a.say("then put the certificates of the servers beside them, as server.crt and server.key")
	}
	a.say("when the servers run: omg-fleet setup --dir %s", o.dir)
	return nil
}

func (a *app) addLeaf(o *initOptions) error {
	keys, err := authority.Open(o.dir)
	if err != nil {
		return err
	}
	defer keys.Close()
	s := o.settings.Servers[0]
	if err := keys.AddLeaf(s); err != nil {
		return err
	}
	dir, err := keys.WriteLeaf(s)
	if err != nil {
		return fmt.Errorf("cannot write the files of the server: %w", err)
	}
	a.say("%s: copy these files to %s on %s", dir, keys.Settings().ServerDir, s.Host)
	a.say("if they are stolen: omg-fleet host revoke --dir %s --leaf %s:%d", o.dir, s.Host, s.Port)
	return nil
}

// say prints a line for people.
func (a *app) say(format string, values ...any) {
	_, _ = fmt.Fprintln(a.stdout, termtext.Clean(fmt.Sprintf(format, values...)))
}

// dial returns how to connect to the servers of a fleet with its keys. --server and --ca replace what omg-fleet init was told.
func (a *app) dial(keys *authority.Authority) authority.Dial {
	return func(credentials nats.Option) (*nats.Conn, error) {
		o := a.keysLink(keys)
		o.Auth = credentials
		return link.Connect(o)
	}
}

// keysLink returns how to connect for the administration of a fleet; keys is nil without its keys.
func (a *app) keysLink(keys *authority.Authority) link.Options {
	o := a.link()
	o.Name, o.InboxPrefix = "omg-fleet", subject.AdminInboxPrefix
	if keys != nil && o.Server == "" {
		settings := keys.Settings()
		o.Server = settings.URLs()
	}
	if keys != nil && o.CA == "" {
		o.CA = keys.CAPath()
	}
	return o
}
