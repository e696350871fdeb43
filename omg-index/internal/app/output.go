package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/shared/catalog"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/paths"
)

// output is the file to write. What --output names is replaced, so that it may be
// neither /dev/null or the like nor one of the files that are read.
func output(c *cli.Context, repos *catalog.Repos) (string, error) {
	if !c.IsSet("o") {
		dir := paths.Process().DataDir(c.String("data-dir"))
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return "", err
		}
		if aurAlone(c) {
			return filepath.Join(dir, paths.AURIndex), nil
		}
		return filepath.Join(dir, paths.ReposIndex), nil
	}
	out := c.String("o")
	if out == "" {
		return "", command.Usagef("--output takes the path of a file")
	}
	there, err := os.Lstat(out)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return out, nil
	case err != nil:
		return "", fmt.Errorf("cannot write the index: %w", err)
	case there.Mode()&fs.ModeSymlink != 0:
		return "", command.Usagef("--output %s: a symbolic link, which would be replaced: name the file itself", out)
	case there.Mode()&(fs.ModeDevice|fs.ModeNamedPipe|fs.ModeSocket) != 0:
		return "", command.Usagef("--output %s: not a regular file", out)
	}
	read := []string{c.String("aur")}
	for _, f := range repos.List {
		read = append(read, f.Path)
	}
	for _, path := range read {
		if fi, err := os.Stat(path); err == nil && os.SameFile(there, fi) {
			return "", command.Usagef("--output %s: is read for the index: name another file", out)
		}
	}
	return out, nil
}
