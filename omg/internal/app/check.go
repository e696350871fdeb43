package app

import (
	"bufio"

	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/shared/exit"
)

// checkOptions holds the flags of omg check.
type checkOptions struct {
	outputOptions
	contents, rebuild bool
}

func checkCommand(a *app) *cli.Command {
	o := &checkOptions{}
	return &cli.Command{
		Name:      "check",
		Usage:     "check the installed packages, and what pacman has left behind",
		ArgsUsage: "[PKG...]",
		Description: `Checks that all files of the installed packages exist, like pacman -Qk, and that their
dependencies are installed. With --contents, it also compares the files with what the
packages say about their owner, permissions, size, time and checksum, like pacman -Qkk;
changed configuration files are not reported. Files that cannot be read are counted:
root can read them.

Without PKG, it also looks for .pacnew and .pacsave files, for a lock of pacman that no
process holds, and for a running kernel whose modules an upgrade has removed, and it
measures the package cache.

With --rebuild, it also looks for packages in no repository that have to be built again:
they need a library that does not exist any more, or have files in the directory of an
earlier python, perl or ruby.

With --quiet, the names of the packages with problems are printed, with --format one line
for each problem.

` + exitCodesHelp(exit.Degraded),
		Flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "contents", Aliases: []string{"c"}, Destination: &o.contents, Usage: "compare all properties and checksums of the files"},
			&cli.BoolFlag{Name: "rebuild", Destination: &o.rebuild, Usage: "also find packages that have to be built again"},
		}, o.listFlags("{{.kind}} {{.package}} {{.path}}")...),
		Action: func(c *cli.Context) error { return a.runCheck(c, o) },
	}
}

func (a *app) runCheck(c *cli.Context, o *checkOptions) error {
	out, err := a.newOutput(c, o.outputOptions)
	if err != nil {
		return err
	}
	out.usePager()
	all, err := a.newBackend().SystemCheck(c.Context, &backend.SystemCheckRequest{Names: c.Args().Slice(), Contents: o.contents, Rebuild: o.rebuild})
	if err != nil {
		return err
	}
	switch {
	case out.json:
		err = out.printDocument(all)
	case out.quiet:
		isPrinted := map[string]bool{}
		for i := range all.Problems {
			name := all.Problems[i].Package
			if name != "" && !isPrinted[name] && out.safePackageName(name) != unprintedElementName {
				out.printLine(name)
			}
			isPrinted[name] = true
		}
	case out.tmpl != nil:
		err = printList(out, nil, all.Problems, func(*backend.SystemProblem) string { return "" }, func(*bufio.Writer, *backend.SystemProblem) {})
	default:
		out.style.PrintSystemCheck(out.w, all)
	}
	read := basisFromReading(all.Reading)
	if out.certainOnly && all.UnreadableCount > 0 && !read.Partial {
		read.Partial, read.Why = true, "some files could not be read"
	}
	if err == nil {
		err = out.finishWithBasis(read)
	}
	switch {
	case err != nil:
		return err
	case len(all.Problems) > 0:
		return exit.QuietError(exit.Degraded)
	case read.Partial:
		return exit.QuietError(exit.Failed)
	}
	return nil
}
