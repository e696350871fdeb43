package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/omg-index/internal/keyfile"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/termtext"
)

// keygenOptions holds the flags of keygen.
type keygenOptions struct {
	secretPath, publicPath string
	withoutPassword        bool
}

// secretKeyFlag returns the flag for the file of a secret key.
func secretKeyFlag(path *string) cli.Flag {
	return &cli.StringFlag{Name: "s", Aliases: []string{"secret-key"}, Destination: path, Usage: "the `FILE` of the secret key"}
}

func keygenCommand() *cli.Command {
	o := &keygenOptions{}
	return &cli.Command{
		Name:  "keygen",
		Usage: "create a key that signs published directories",
		Description: `Writes a secret key and a public key into two files, in the formats of minisign. A
file that exists is never replaced. The secret key is encrypted with a password, which
is asked for twice on the terminal; if the standard input is not a terminal, its first
two lines are the password. Encrypting and decrypting need 1 GiB of memory.

The public key is for the machines that use what omg-index publish has signed.

` + command.ExitCodesHelp(exit.OK, exit.Usage, exit.Failed),
		Flags: []cli.Flag{
			secretKeyFlag(&o.secretPath),
			&cli.StringFlag{Name: "p", Aliases: []string{"public-key"}, Destination: &o.publicPath, Usage: "the `FILE` of the public key"},
			&cli.BoolFlag{Name: "W", Aliases: []string{"without-password"}, Destination: &o.withoutPassword, Usage: "do not encrypt the secret key"},
		},
		Action: func(c *cli.Context) error { return o.run(c) },
	}
}

func (o *keygenOptions) run(c *cli.Context) error {
	switch {
	case c.Args().Present():
		return command.Usagef("keygen takes no arguments, got %q", c.Args().First())
	case o.secretPath == "":
		return command.Usagef("keygen needs the file of the secret key: -s FILE")
	case o.publicPath == "":
		return command.Usagef("keygen needs the file of the public key: -p FILE")
	}
	// Ask for no password in vain.
	for _, path := range []string{o.secretPath, o.publicPath} {
		if _, err := os.Lstat(path); err == nil {
			return keyExistsError(path)
		}
	}
	password := ""
	if !o.withoutPassword {
		var err error
		if password, err = o.askTwice(c); err != nil {
			return exit.WithCode(exit.Failed, err)
		}
	}
	public, err := keyfile.Generate(o.secretPath, o.publicPath, password)
	if at := new(fs.PathError); errors.Is(err, fs.ErrExist) && errors.As(err, &at) {
		return keyExistsError(at.Path)
	}
	if err != nil {
		return exit.WithCode(exit.Failed, err)
	}
	_, err = fmt.Fprintf(c.App.Writer, "%s: secret key\n%s: public key %s\n", termtext.Clean(o.secretPath), termtext.Clean(o.publicPath), public)
	return exit.WithCode(exit.Failed, err)
}

func keyExistsError(path string) error {
	return &exit.Error{Code: exit.Failed, Err: fmt.Errorf("%s exists", path), Hint: "name a new file: without its secret key, nobody can sign for the machines that trust this key"}
}

// askTwice asks for the password of a new key.
func (o *keygenOptions) askTwice(c *cli.Context) (string, error) {
	password, err := keyfile.AskPassword(c.Context, os.Stdin, c.App.ErrWriter, "Password of the secret key")
	if err != nil {
		return "", explainPassword(err)
	}
	again, err := keyfile.AskPassword(c.Context, os.Stdin, c.App.ErrWriter, "The same password again")
	switch {
	case err != nil:
		return "", explainPassword(err)
	case password != again:
		return "", errors.New("the two passwords differ")
	}
	return password, nil
}

// explainPassword adds a hint to an error about the password of a new key.
func explainPassword(err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	return &exit.Error{Code: exit.Failed, Err: err, Hint: "-W creates a key without a password"}
}
