package app

import (
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/omg-index/internal/keyfile"
	"github.com/omg-arch/omg/omg-index/internal/publisher"
	"github.com/omg-arch/omg/shared/clock"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/publication"
	"github.com/omg-arch/omg/shared/termtext"
)

// defaultStatementExpiry is the time after which a statement expires by default.
const defaultStatementExpiry = 365 * 24 * time.Hour

// keysOptions holds the flags of keys.
type keysOptions struct {
	secretPath, out string
	expiry          time.Duration
}

func keysCommand() *cli.Command {
	o := &keysOptions{}
	return &cli.Command{
		Name:      "keys",
		Usage:     "sign the list of the keys that may sign manifests",
		ArgsUsage: "PUBLIC...",
		Description: `Writes a statement into DIR, keys.json with its signature keys.json.minisig: it names
the keys in the files PUBLIC, which sign manifests (online keys). The secret key is that of an
offline key, which signs nothing else. Machines that trust the offline key trust the
online keys of its latest statement, and no others: a new statement replaces a key that
was stolen. DIR can be a published directory, or a new one whose files are then copied
into a published directory.

After a statement has expired, machines refuse new manifests until there is a new statement.

` + command.ExitCodesHelp(exit.OK, exit.Usage, exit.Failed),
		Flags: []cli.Flag{
			secretKeyFlag(&o.secretPath),
			outFlag(&o.out),
			&cli.GenericFlag{Name: "expires", Value: command.TimeValue(&o.expiry, defaultStatementExpiry), Usage: "the statement expires after `TIME`, such as 30d", DefaultText: "365d"},
		},
		Action: func(c *cli.Context) error { return o.run(c) },
	}
}

func (o *keysOptions) run(c *cli.Context) error {
	switch {
	case o.secretPath == "":
		return command.Usagef("keys needs the file of the offline key: -s FILE")
	case o.out == "":
		return command.Usagef("keys needs a directory: --out DIR")
	case !c.Args().Present():
		return command.Usagef("keys needs the files of public keys, e.g. omg-index keys -s offline.key --out DIR key.pub")
	case o.expiry < minExpiry || o.expiry > publication.MaxStatementAge:
		return command.Usagef("--expires %s: not between 1 minute and 2 years (732d)", o.expiry)
	}
	if err := checkOut(o.out); err != nil {
		return err
	}
	var keys []string
	for _, path := range c.Args().Slice() {
		key, err := keyfile.ReadPublic(path)
		if err != nil {
			return exit.WithCode(exit.Failed, err)
		}
		keys = append(keys, key.String())
	}
	secret, err := readSecretKey(c, o.secretPath)
	if err != nil {
		return exit.WithCode(exit.Failed, err)
	}
	now := clock.Now()
	s, err := publisher.PublishStatement(o.out, keys, &publisher.Options{Key: secret, At: now, Expires: now.Add(o.expiry)})
	if err != nil {
		return explainPublish(err)
	}
	_, err = fmt.Fprintf(c.App.Writer, "%s: statement with sequence %d and %s\nsigned with %s, expires %s\n",
		termtext.Clean(o.out), s.Sequence, formatCount(len(s.Keys), "key"), secret.Public(), formatTime(s.Expires))
	return exit.WithCode(exit.Failed, err)
}
