package app

import (
	"bufio"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
)

// aurDiffOptions holds the flags of aur diff.
type aurDiffOptions struct {
	outputOptions
	buildDir string
	from, to int
}

// buildDirUsage is the help of --build-dir.
const buildDirUsage = "the current build files of the package base PKG are in `DIR`, not in a directory of yay or paru"

func aurDiffCommand(a *app) *cli.Command {
	o := &aurDiffOptions{}
	return &cli.Command{
		Name:      "diff",
		Usage:     "show what changed in the build files of a package of the AUR",
		ArgsUsage: "PKG",
		Description: `The build files of a package base are its PKGBUILD, its .SRCINFO and its install
scripts. yay and paru download them before each build. "omg aur check" and this command
copy them into your state directory, $XDG_STATE_HOME/omg/builds, if they have changed.
Only you can read the copies, and the last 8 copies of a package base are kept. Nothing
is run, neither the build files nor git.

This command compares the last two copies. First it prints facts: other hosts of the
sources, checksums that became SKIP, other install scripts, dependencies, PGP keys,
maintainers and another version. They come from the .SRCINFO or, where the text of the
PKGBUILD shows something else, from the PKGBUILD. What cannot be known without running
the PKGBUILD is unknown, and a line says so. Then it prints the differences of the files.

The directories are $AURDEST, $XDG_CACHE_HOME/yay and $XDG_CACHE_HOME/paru/clone. If
there is only one copy, or if the copies do not differ, the exit code is 1. If the
current build files could not be copied, a note says why, and the exit code is 3.

` + exitCodesHelp(),
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "build-dir", Destination: &o.buildDir, Usage: buildDirUsage},
			&cli.IntFlag{Name: "from", Destination: &o.from, Usage: "compare the copy with the number `N`", DefaultText: "the copy before the other one"},
			&cli.IntFlag{Name: "to", Destination: &o.to, Usage: "compare with the copy with the number `N`", DefaultText: "the last one"},
		}, o.flags("{{.pkgbase}} {{len .changes}}")...),
		Action: func(c *cli.Context) error { return a.runAURDiff(c, o) },
	}
}

func (a *app) runAURDiff(c *cli.Context, o *aurDiffOptions) error {
	if c.Args().Len() != 1 {
		return command.Usagef("name one package")
	}
	if c.IsSet("from") && o.from < 1 || c.IsSet("to") && o.to < 1 {
		return command.Usagef("the numbers of copies begin with 1")
	}
	names, err := aurNames(c.Args().Slice())
	if err != nil {
		return err
	}
	if err := checkBuildDir(c, o.buildDir, names); err != nil {
		return err
	}
	out, err := a.newOutput(c, o.outputOptions)
	if err != nil {
		return err
	}
	diff, err := a.newBackend().AURDiff(c.Context, &backend.AURDiffRequest{Name: names[0], BuildDir: o.buildDir, From: o.from, To: o.to})
	if err != nil {
		return err
	}
	if out.certainOnly && diff.Problem != "" {
		return &exit.Error{Code: exit.Failed, Err: fmt.Errorf("the result is partial: %s", diff.Problem), Hint: a.uncertainHint()}
	}
	if len(diff.Files) > 0 || out.json || out.tmpl != nil {
		if err := out.printOne(diff, func(w *bufio.Writer) { out.style.PrintDiff(w, diff) }); err != nil {
			return err
		}
	}
	if err := out.finish(); err != nil {
		return err
	}
	if diff.Problem != "" {
		a.printNote(diff.Problem)
		return exit.QuietError(exit.Failed)
	}
	switch {
	case diff.From == nil:
		only := &diff.Copies[0]
		return exit.WithCode(exit.NotFound, fmt.Errorf("there is only copy %d of the build files of %q, of %s: nothing to compare it with",
			only.Number, diff.Base, only.Copied.Local().Format(time.DateTime)))
	case len(diff.Files) == 0:
		return exit.WithCode(exit.NotFound, fmt.Errorf("the copies %d and %d of the build files of %q do not differ", diff.From.Number, diff.To.Number, diff.Base))
	}
	return nil
}

// checkBuildDir returns an error if --build-dir is set to an empty value, or without exactly one name.
func checkBuildDir(c *cli.Context, dir string, names []string) error {
	switch {
	case c.IsSet("build-dir") && dir == "":
		return command.Usagef("--build-dir is the path of a directory")
	case dir != "" && len(names) != 1:
		return command.Usagef("--build-dir needs the name of one package base")
	}
	return nil
}
