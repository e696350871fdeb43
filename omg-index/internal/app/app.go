// Package app is omg-index's command line: one file a command.
package app

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/pkgindex"
)

// Run runs omg-index and returns its exit code.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	return command.Run(ctx, &cli.App{
		Name:        "omg-index",
		Usage:       "build, check and describe omg's package indexes",
		Description: command.ExitCodes(exit.OK, exit.Usage, exit.Failed),
		Commands: []*cli.Command{
			buildCommand(),
			infoCommand(),
			verifyCommand(),
			dumpCommand(),
		},
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return command.NoCommand(c.Args().First(), names(c.App.Commands))
			}
			return cli.ShowAppHelp(c)
		},
	}, args, stdout, stderr)
}

func names(commands []*cli.Command) []string {
	list := make([]string, len(commands))
	for i, c := range commands {
		list[i] = c.Name
	}
	return list
}

// open opens the one index that a command is about. Whoever owns it: the user
// named it.
func open(c *cli.Context) (*pkgindex.File, error) {
	if c.NArg() > 1 {
		return nil, command.Usagef("%s takes one index file", c.Command.Name)
	}
	path := c.Args().First()
	if path == "" {
		path = filepath.Join(paths.Process().DataDir(""), paths.ReposIndex)
	}
	fi, err := os.Stat(path)
	if err == nil && fi.IsDir() {
		return nil, exit.With(exit.Failed, &fs.PathError{Op: "open", Path: path, Err: errors.New("is a directory")})
	}
	f, err := pkgindex.Open(path, nil)
	return f, exit.With(exit.Failed, err)
}
