package app

import (
	"fmt"
	"os"
	"slices"
	"strconv"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/omg/internal/flags"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/paths"
)

// browseProgram is the name of the program that draws. It is separate from omg because the code that draws and reads databases takes
// longer to load than most requests take.
const browseProgram = "omg-browse"

func browseCommand(a *app) *cli.Command {
	o := &flags.Browse{}
	own := o.Flags()
	return &cli.Command{
		Name:        "browse",
		Usage:       flags.BrowseUsage,
		ArgsUsage:   flags.BrowseArguments,
		Description: flags.BrowseDescription(),
		Flags:       own,
		Action: func(c *cli.Context) error {
			if err := o.Check(c); err != nil {
				return err
			}
			if a.requireCertain {
				return command.Usagef("--strict does not apply to browse, which shows what is missing in a result")
			}
			sources := flags.Sources(&backend.Options{}, &cli.StringSlice{})
			return execBrowse(browseArguments(c, slices.Concat(sources, own)))
		},
	}
}

// execBrowse replaces this process by omg-browse.
func execBrowse(args []string) error {
	path, err := paths.ProgramPath(browseProgram)
	if err != nil {
		return &exit.Error{Code: exit.Failed, Err: fmt.Errorf("the package browser cannot run: %w", err)}
	}
	return &os.PathError{Op: "exec", Path: path, Err: unix.Exec(path, append([]string{browseProgram}, args...), os.Environ())}
}

// browseArguments returns arguments for omg-browse with the values of flags and the words of a command line.
func browseArguments(c *cli.Context, all []cli.Flag) (args []string) {
	for _, f := range all {
		name := f.Names()[0]
		if !c.IsSet(name) {
			continue
		}
		var values []string
		switch f.(type) {
		case *cli.BoolFlag:
			values = []string{strconv.FormatBool(c.Bool(name))}
		case *cli.StringSliceFlag:
			values = c.StringSlice(name)
		default:
			values = []string{c.String(name)}
		}
		for _, value := range values {
			args = append(args, "--"+name+"="+value)
		}
	}
	return append(append(args, "--"), c.Args().Slice()...)
}
