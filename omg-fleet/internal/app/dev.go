package app

import (
	"fmt"
	"os"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/omg-fleet/internal/devflags"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/paths"
)

// devProgram is the program with the server. It is separate so that the agent, which runs on all machines, contains no server.
const devProgram = "omg-fleet-dev"

func devCommand() *cli.Command {
	o := &devflags.Options{}
	return &cli.Command{
		Name:        "dev",
		Usage:       devflags.Usage,
		Description: devflags.Description(),
		Flags:       o.Flags(),
		Action: func(c *cli.Context) error {
			if err := o.Check(c); err != nil {
				return err
			}
			path, err := paths.ProgramPath(devProgram)
			if err != nil {
				return &exit.Error{Code: exit.Failed, Err: fmt.Errorf("the server cannot run: %w", err)}
			}
			return &os.PathError{Op: "exec", Path: path, Err: unix.Exec(path, append([]string{devProgram}, o.Arguments()...), os.Environ())}
		},
	}
}
