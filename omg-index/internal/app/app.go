// Package app implements omg-index's command line.
package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/filesindex"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/sources"
)

// Run runs omg-index and returns its exit code.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	return command.Run(ctx, &cli.App{
		Name:        "omg-index",
		Usage:       "build, check and describe omg's indexes",
		Description: command.ExitCodesHelp(exit.OK, exit.Usage, exit.Failed),
		Commands: []*cli.Command{
			buildCommand(),
			infoCommand(),
			verifyCommand(),
			dumpCommand(),
			journalCommand(),
			keygenCommand(),
			publishCommand(),
			keysCommand(),
			pullCommand(),
		},
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return command.UnknownCommand(c.Args().First(), names(c.App.Commands))
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

// indexHandler handles an open index file, of packages or of file lists.
type indexHandler struct {
	packages func(*pkgindex.File) error
	files    func(*filesindex.File) error
}

// eachIndex opens the index files that the arguments select (see indexPaths), and passes each index file to the handler. It does not
// check the owners of the files. If an index is bad, eachIndex reports the error and continues with the next index. An error of the
// handler that has an exit code means that the output cannot be written, and ends eachIndex.
func eachIndex(c *cli.Context, handle indexHandler) error {
	paths, err := indexPaths(c.Args().Slice())
	if err != nil {
		return exit.WithCode(exit.Failed, err)
	}
	bad := false
	for _, path := range paths {
		err := handle.open(path)
		switch {
		case errors.As(err, new(*exit.Error)):
			return err
		case err != nil:
			bad = true
			command.ReportError(c.App.ErrWriter, c.App.Name, err.Error())
		}
	}
	if bad {
		return exit.QuietError(exit.Failed)
	}
	return nil
}

// open opens an index file and passes it to the function for its kind, which the first bytes of the file tell.
func (h *indexHandler) open(path string) error {
	packages, err := pkgindex.Open(path, nil)
	if err == nil {
		defer packages.Close()
		return h.packages(packages)
	}
	if !errors.Is(err, pkgindex.ErrNotIndex) {
		return err
	}
	files, filesErr := filesindex.Open(path, nil)
	if errors.Is(filesErr, filesindex.ErrNotIndex) {
		return err
	}
	if filesErr != nil {
		return filesErr
	}
	defer files.Close()
	return h.files(files)
}

// indexPaths returns the paths of index files. Each argument is an index file, or a directory whose index files are returned.
// Without arguments, indexPaths returns the index files in the data directory.
func indexPaths(args []string) (list []string, err error) {
	if len(args) == 0 {
		dir := paths.IndexDir(paths.ProcessEnv().DataDir(""))
		if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
			return nil, noIndexError(dir)
		}
		args = []string{dir}
	}
	for _, arg := range args {
		packages, err := sources.IndexFiles(arg)
		if err != nil {
			return nil, err
		}
		files, err := sources.FilesIndexFiles(arg)
		if err != nil {
			return nil, err
		}
		all := slices.Concat(packages, files)
		slices.Sort(all)
		if all = slices.Compact(all); len(all) == 0 {
			return nil, noIndexError(arg)
		}
		list = append(list, all...)
	}
	return list, nil
}

func noIndexError(dir string) error {
	return fmt.Errorf("no index in %s: create one with omg-index build", dir)
}
