package app

import (
	"bufio"
	"context"
	"fmt"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/omg/internal/output"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/wire"
)

// filesOptions holds the flags of omg files.
type filesOptions struct {
	outputOptions
	repos bool
}

func filesCommand(a *app) *cli.Command {
	o := &filesOptions{}
	return &cli.Command{
		Name:      "files",
		Usage:     "list the files of packages, like pacman -Ql and -Fl",
		ArgsUsage: "PKG...",
		Description: `Lists the files of an installed package or, if it is not installed, of the package of a
repository, whose paths are relative to the root directory. With --quiet, only the paths are printed.

` + fileListsHelp + exitCodesHelp(),
		Flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "repos", Destination: &o.repos, Usage: "list the files of the repositories' packages, also of installed ones"},
		}, o.listFlags("{{.name}} {{.path}}")...),
		Action: func(c *cli.Context) error { return a.runFiles(c, o) },
	}
}

// fileListsHelp is the part of a command's help that says from where the files of repositories are known.
const fileListsHelp = `The files of the repositories are known from pacman's lists, which sudo pacman -Fy downloads.
With the setting sync.files, omgd downloads them.

`

func (a *app) runFiles(c *cli.Context, o *filesOptions) error {
	names := c.Args().Slice()
	if len(names) == 0 {
		return command.Usagef("files needs the name of a package, e.g. omg files bash")
	}
	out, err := a.newOutput(c, o.outputOptions)
	if err != nil {
		return err
	}
	out.usePager()
	b := a.newBackend()
	all, missing := &backend.FilesResult{Packages: []backend.FileList{}}, names
	if !o.repos {
		if all, err = b.Files(c.Context, names); err != nil {
			return err
		}
		if err := out.printFilesResult(all); err != nil {
			return err
		}
		missing = all.Missing
	}
	var repos *wire.FilesListResult
	if len(missing) > 0 {
		if repos, err = a.listRepoFiles(c.Context, b, out, missing, all); err != nil {
			return err
		}
		all.Missing = repos.Missing
	}
	if out.json {
		err = out.printDocument(all)
	}
	read := basisFromReading(all.Reading)
	basis := read
	if repos != nil && (o.repos || len(repos.Missing) > 0 && repos.Partial) && !fileListsOf(&repos.Basis).noneKnown {
		basis = &repos.Basis // an unread list may have a package that is missing
	}
	if err == nil {
		err = out.finishWithBasis(basis)
	}
	if err != nil {
		return err
	}
	if repos != nil {
		err = a.noFilesError(o, repos, read)
	}
	for _, p := range all.Packages {
		if p.UnknownReason != "" {
			a.reportError(p.UnknownReason)
			err = exit.QuietError(exit.Failed)
		}
	}
	return err
}

// listRepoFiles prints the files of packages of the repositories. With --json, it adds the packages to the result instead. It lists a
// package once that was named twice in a row.
func (a *app) listRepoFiles(ctx context.Context, b backend.Backend, out *resultPrinter, names []string, all *backend.FilesResult) (*wire.FilesListResult, error) {
	var last wire.RepositoryPackage
	return b.RepoFiles(ctx, &wire.FilesListRequest{Names: slices.Compact(names)}, func(p *wire.RepositoryFiles) error {
		isNew := p.Repo != last.Repo || p.Name != last.Name
		last = p.RepositoryPackage
		if isNew && p.InstalledVersion != p.Version {
			a.noteRepoFiles(&p.RepositoryPackage)
		}
		if !out.json {
			return out.printPaths(p.Name, p.Paths)
		}
		if isNew {
			all.Packages = append(all.Packages, backend.FileList{Name: p.Name, Repo: p.Repo, Version: p.Version})
		}
		list := &all.Packages[len(all.Packages)-1]
		list.Files = append(list.Files, p.Paths...)
		return nil
	})
}

// noteRepoFiles says that the files are not those of an installed package.
func (a *app) noteRepoFiles(p *wire.RepositoryPackage) {
	state := "not installed"
	if p.InstalledVersion != "" {
		state = "installed: " + p.InstalledVersion
	}
	a.printNote(fmt.Sprintf("these are the files of %s/%s %s (%s)", p.Repo, p.Name, p.Version, state))
}

// noFilesError returns the error for packages whose files were not found.
func (a *app) noFilesError(o *filesOptions, repos *wire.FilesListResult, read *wire.Basis) error {
	if len(repos.Missing) == 0 {
		return nil
	}
	lists := fileListsOf(&repos.Basis)
	switch {
	case lists.noneKnown && o.repos:
		return lists.unknownError()
	case lists.noneKnown:
		err := a.notInstalledError(repos.Missing, read)
		a.printNote("the files of packages that are not installed are unknown: " + lists.remedy)
		return err
	case read.Partial:
		return a.notInstalledError(repos.Missing, read)
	}
	return a.notFoundErrors(&repos.Basis, "package %s was not found", repos.Missing)
}

// basisFromReading returns the basis of a result that was computed from the local database, which was read just now.
func basisFromReading(r backend.Reading) *wire.Basis {
	return &wire.Basis{Partial: r.Partial, Why: r.WhyPartial}
}

// printFilesResult prints the files of installed packages. With --json, it prints nothing.
func (o *resultPrinter) printFilesResult(all *backend.FilesResult) error {
	if o.json {
		return nil
	}
	for _, p := range all.Packages {
		if err := o.printPaths(p.Name, p.Files); err != nil {
			return err
		}
	}
	return nil
}

// printPaths prints the files of a package.
func (o *resultPrinter) printPaths(name string, paths []string) error {
	type file struct {
		Name string `json:"name"`
		Path string `json:"path"`
	}
	for _, path := range paths {
		err := o.printElement(&file{name, path}, path, func(w *bufio.Writer) { o.style.PrintPackageFile(w, name, path) })
		if err != nil {
			return err
		}
	}
	return nil
}

// fileLists describes which lists of files of the repositories omg has.
type fileLists struct {
	// noneKnown means that there is no list at all. remedy says what to do about it.
	noneKnown bool
	remedy    string
}

// fileListsOf returns which lists a result was computed from.
func fileListsOf(b *wire.Basis) fileLists {
	l := fileLists{noneKnown: true, remedy: "sudo pacman -Fy downloads the lists, or omgd with sync.files = true"}
	for i := range b.Sources {
		s := &b.Sources[i]
		l.noneKnown = l.noneKnown && s.Unavailable()
		if s.State == wire.SourceFailed {
			l.remedy = s.Name + ": " + s.Why
		}
	}
	return l
}

// unknownError returns the error of a command that needs the lists.
func (l fileLists) unknownError() error {
	return &exit.Error{Code: exit.Failed, Err: fmt.Errorf("the files of the repositories are unknown"), Hint: l.remedy}
}

// notFoundError returns the error for a name that no list has. The parameter text is the error if all lists are known.
func notFoundError(b *wire.Basis, text, hint string) error {
	if !b.Partial {
		return &exit.Error{Code: exit.NotFound, Err: fmt.Errorf("%s", text), Hint: hint}
	}
	return &exit.Error{Code: exit.Failed, Err: fmt.Errorf("%s in the lists that could be read", text), Hint: hint}
}

// notFoundErrors returns the error for names that were not found in the lists of files. The format has the place of the name. If there are
// several names, it prints a line for each.
func (a *app) notFoundErrors(b *wire.Basis, format string, names []string) (last error) {
	for _, name := range names {
		last = notFoundError(b, fmt.Sprintf(format, output.QuoteWords([]string{name})), "")
		if len(names) > 1 {
			a.reportError(last.Error())
			last = exit.QuietError(exit.Code(last))
		}
	}
	return last
}
