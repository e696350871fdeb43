package app

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/omg-fleet/internal/authority"
	"github.com/omg-arch/omg/omg-fleet/internal/question"
	"github.com/omg-arch/omg/omg-fleet/internal/roster"
	"github.com/omg-arch/omg/shared/atomicfile"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/termtext"
)

func hostCommand(a *app) *cli.Command {
	var dir string
	subcommands := []*cli.Command{hostAddCommand(a, &dir), hostRevokeCommand(a, &dir), hostListCommand(a, &dir)}
	return &cli.Command{
		Name:        "host",
		Usage:       "add, revoke and list the hosts that may connect to the servers",
		Description: "No file of a server changes. A host makes its key itself, with omg-fleet key.",
		Subcommands: subcommands,
		Action: func(c *cli.Context) error {
			if !c.Args().Present() {
				return cli.ShowSubcommandHelp(c)
			}
			return command.UnknownSubcommand("host", c.Args().First(), []string{"add", "revoke", "list"})
		},
	}
}

func hostAddCommand(a *app, dir *string) *cli.Command {
	var out string
	var isNode bool
	return &cli.Command{
		Name:      "add",
		Usage:     "let a host connect",
		ArgsUsage: "NAME KEY",
		Description: `KEY is the public key that omg-fleet key has printed on the host. The command prints
what was signed for the host (a JWT), which is not secret: omg-fleet key --jwt writes it
on the host into the file with the secret key. With it, the host may publish its own
state and replies under NAME, read questions, and use omg-fleet lookup, and nothing
else. With --node, it may also answer the lookups of others, as omg-fleet node does.

The host is also entered into the roster. If no server can be reached, omg-fleet setup
enters it later.

` + administrationCodes(),
		Flags: []cli.Flag{
			keysFlag(dir),
			&cli.BoolFlag{Name: "node", Destination: &isNode, Usage: "let it also answer the lookups of other hosts"},
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Destination: &out, Usage: "write what was signed to `FILE`"},
		},
		Action: func(c *cli.Context) error {
			if c.NArg() != 2 {
				return command.Usagef("host add needs the name of a host and its public key")
			}
			return a.withKeys(*dir, func(keys *authority.Authority) error {
				add := keys.AddHost
				if isNode {
					add = keys.AddNode
				}
				h, err := add(c.Args().Get(0), c.Args().Get(1))
				if err != nil {
					return fmt.Errorf("cannot add the host: %w", err)
				}
				if out != "" {
					if err := atomicfile.Write(out, []byte(h.JWT+"\n"), atomicfile.Options{Mode: 0o644}); err != nil {
						return err
					}
				} else if _, err := fmt.Fprintln(a.stdout, h.JWT); err != nil {
					return err
				}
				if err := a.enter(c, keys, h); err != nil {
					command.PrintNote(a.stderr, "omg-fleet", fmt.Sprintf("%s may connect, but is not in the roster: %v: repeat omg-fleet setup", h.Name, err))
				}
				return nil
			})
		},
	}
}

func hostRevokeCommand(a *app, dir *string) *cli.Command {
	var leaf bool
	return &cli.Command{
		Name:      "revoke",
		Usage:     "disconnect a host, and refuse its key from now on",
		ArgsUsage: "NAME",
		Description: `The servers are told, and end the connections of the host at once. The host can be
added again with another key.

With --leaf, NAME is a leaf node, as omg-fleet init --leaf has added it. Its files in DIR
are removed, and it can be added again with new ones.

` + administrationCodes(),
		Flags: []cli.Flag{
			keysFlag(dir),
			&cli.BoolFlag{Name: "leaf", Destination: &leaf, Usage: "revoke the leaf node of a site"},
		},
		Action: func(c *cli.Context) error {
			if c.NArg() != 1 {
				return command.Usagef("host revoke needs the name of a host")
			}
			if leaf {
				return a.revokeLeaf(c, *dir)
			}
			return a.withKeys(*dir, func(keys *authority.Authority) error {
				h, err := keys.RevokeHost(c.Args().First())
				if err != nil {
					return fmt.Errorf("cannot revoke the host: %w", err)
				}
				taken, silent, err := keys.PushAccount(c.Context, a.dial(keys))
				if err != nil {
					return &exit.Error{
						Code: exit.Failed, Err: fmt.Errorf("no server knows yet that %s was revoked: %w", h.Name, err), Hint: "repeat this when a server can be reached",
					}
				}
				a.say("%s: revoked on %s", h.Name, strings.Join(taken, ", "))
				if err := a.enter(c, keys, h); err != nil {
					return err
				}
				return silentError(silent)
			})
		},
	}
}

func (a *app) revokeLeaf(c *cli.Context, dir string) error {
	s, err := authority.ParseServer(c.Args().First())
	if err != nil {
		return exit.WithCode(exit.Usage, err)
	}
	return a.withKeys(dir, func(keys *authority.Authority) error {
		if err := keys.RevokeLeaf(s); err != nil {
			return fmt.Errorf("cannot revoke the leaf node: %w", err)
		}
		taken, silent, err := keys.PushAccount(c.Context, a.dial(keys))
		if err != nil {
			return &exit.Error{
				Code: exit.Failed, Err: fmt.Errorf("no server knows yet that %s was revoked: %w", s.Name(), err), Hint: "repeat this when a server can be reached",
			}
		}
		a.say("%s: revoked on %s", s.Name(), strings.Join(taken, ", "))
		if err := keys.RemoveLeaf(s); err != nil {
			return err
		}
		return silentError(silent)
	})
}

// withKeys calls a function with the keys of the fleet.
func (a *app) withKeys(dir string, use func(*authority.Authority) error) error {
	if dir == "" {
		return errNoKeysDir()
	}
	keys, err := authority.Open(dir)
	if err != nil {
		return err
	}
	defer keys.Close()
	return use(keys)
}

// enter writes what is known of a host into the roster.
func (a *app) enter(c *cli.Context, keys *authority.Authority, h *authority.Host) error {
	conn, js, err := keys.Manage(a.dial(keys))
	if err != nil {
		return err
	}
	defer conn.Close()
	return h.Publish(c.Context, js, h.Name)
}

func hostListCommand(a *app, dir *string) *cli.Command {
	var asJSON bool
	return &cli.Command{
		Name:  "list",
		Usage: "list the hosts that were added, with their public keys",
		Description: `No server is asked: omg-fleet hosts shows which hosts answer.

` + command.ExitCodesHelp(exit.OK, exit.NotFound, exit.Usage, exit.Failed),
		Flags: []cli.Flag{
			keysFlag(dir),
			&cli.BoolFlag{Name: "json", Destination: &asJSON, Usage: "print a line of JSON for each host"},
		},
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return command.Usagef("host list takes no arguments, got %q", c.Args().First())
			}
			return a.withKeys(*dir, func(keys *authority.Authority) error {
				hosts, err := keys.Hosts()
				if err != nil {
					return err
				}
				w := bufio.NewWriter(a.stdout)
				for _, h := range hosts {
					added := h.Added(h.Name)
					added.Schema, added.Node = question.Schema, h.IsNode
					if err := printAddedHost(w, added, asJSON); err != nil {
						return err
					}
				}
				if err := w.Flush(); err != nil {
					return err
				}
				if len(hosts) == 0 {
					return exit.WithCode(exit.NotFound, fmt.Errorf("no hosts were added"))
				}
				return nil
			})
		},
	}
}

func printAddedHost(w *bufio.Writer, r *roster.AddedHost, asJSON bool) error {
	if asJSON {
		return printJSONLine(w, r)
	}
	text := fmt.Sprintf("%s %s %s", r.Host, r.PublicKey, r.State)
	at := r.AddedAt
	if r.RevokedAt != 0 {
		at = r.RevokedAt
	}
	text += " " + time.Unix(at, 0).Format(time.DateOnly)
	if r.Node {
		text += " node"
	}
	_, err := fmt.Fprintln(w, termtext.Clean(text))
	return err
}

func keyCommand(a *app) *cli.Command {
	var token string
	return &cli.Command{
		Name:      "key",
		Usage:     "make the secret key of this host, and print its public key",
		ArgsUsage: "FILE",
		Description: `The secret key is written to FILE, which only its owner can read, and never leaves this
host. If FILE exists, its key is kept, and the public key is printed again. The public
key is for omg-fleet host add, on the machine with the keys of the fleet.

With --jwt, what omg-fleet host add has printed there is added to FILE, which is then
complete for the flag --creds of omg-fleet agent.

` + administrationCodes(),
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "jwt", Destination: &token, Usage: "add what was signed for this host, from a `FILE` or - for the standard input"},
		},
		Action: func(c *cli.Context) error {
			if c.NArg() != 1 {
				return command.Usagef("key needs the file of the secret key")
			}
			path := c.Args().First()
			if !c.IsSet("jwt") {
				key, err := authority.NewKey(path)
				if err != nil {
					return err
				}
				a.say("%s", key)
				return nil
			}
			text, err := readToken(token)
			if err != nil {
				return err
			}
			name, err := authority.AddJWT(path, text)
			if err != nil {
				return err
			}
			a.say("%s: complete for the host %s", path, name)
			return nil
		},
	}
}

// maxToken limits the bytes of what was signed for a host.
const maxToken = 64 << 10

func readToken(path string) (string, error) {
	in := io.Reader(os.Stdin)
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return "", err
		}
		defer f.Close()
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, maxToken+1))
	if err == nil && len(b) > maxToken {
		err = fmt.Errorf("%s is larger than %d KiB", path, maxToken>>10)
	}
	return string(b), err
}
