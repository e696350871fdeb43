package app

import (
	"bufio"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/wire"
)

// ownsOptions holds the flags of omg owns.
type ownsOptions struct {
	outputOptions
	repos, regex bool
}

func ownsCommand(a *app) *cli.Command {
	o := &ownsOptions{}
	return &cli.Command{
		Name:      "owns",
		Usage:     "show which packages own files, like pacman -Qo and -F",
		ArgsUsage: "PATH...",
		Description: `Without --repos, shows which installed packages own files. A name without a slash that is
not a file in this directory is searched in PATH.

With --repos, shows which packages of the repositories have files, also of packages that
are not installed. PATH is then a whole path, or a name without directories, and with
--regex a POSIX extended regular expression, which ignores case.

` + fileListsHelp + exitCodesHelp(),
		Flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "repos", Destination: &o.repos, Usage: "search the packages of the repositories"},
			&cli.BoolFlag{Name: "regex", Aliases: []string{"x"}, Destination: &o.regex, Usage: "with --repos: PATH is a POSIX extended regular expression"},
		}, o.listFlags("{{.path}} {{.name}} {{.version}}")...),
		Action: func(c *cli.Context) error { return a.runOwns(c, o) },
	}
}

func (a *app) runOwns(c *cli.Context, o *ownsOptions) error {
	paths := c.Args().Slice()
	switch {
	case (len(paths) == 0 || slices.Contains(paths, "")) && o.repos:
		return command.Usagef("owns --repos needs a path or the name of a file, e.g. omg owns --repos vim")
	case len(paths) == 0 || slices.Contains(paths, ""):
		return command.Usagef("owns needs the path of a file, e.g. omg owns /usr/bin/vim")
	case o.regex && !o.repos:
		return command.Usagef("--regex needs --repos")
	}
	out, err := a.newOutput(c, o.outputOptions)
	if err != nil {
		return err
	}
	if o.repos {
		out.usePager()
		return a.findRepoOwners(c.Context, out, &wire.FilesOwnerRequest{Names: slices.Compact(paths), Regex: o.regex})
	}
	b := a.newBackend()
	all, err := b.Owns(c.Context, paths)
	if err != nil {
		return err
	}
	if out.json {
		err = out.printDocument(all)
	} else {
		err = out.printOwners(all)
	}
	if err == nil {
		err = out.finish()
	}
	if err != nil {
		return err
	}
	return a.unownedError(c.Context, b, paths, all)
}

// unownedError returns the error for paths that no installed package owns. If packages of the repositories have such files, it says so.
func (a *app) unownedError(ctx context.Context, b backend.Backend, named []string, all *backend.Owners) error {
	var unowned, queries []string
	for i, p := range all.Paths {
		if len(p.Owners) > 0 {
			continue
		}
		unowned = append(unowned, p.Path)
		if p.Exists || strings.Contains(named[i], "/") {
			queries = append(queries, p.Path)
		} else {
			queries = append(queries, named[i])
		}
	}
	switch {
	case len(unowned) == 0:
		return nil
	case all.UnreadCount > 0: // a package with an unreadable file list may own the file
		return fmt.Errorf("cannot find the owner of %s: the file lists of %d packages cannot be read", strings.Join(unowned, ", "), all.UnreadCount)
	}
	for i, path := range unowned {
		line := "no package owns " + path
		if name := firstRepoOwner(ctx, b, queries[i]); name != "" {
			line = fmt.Sprintf("no installed package owns %s, but %s has it", path, name)
			if !strings.Contains(queries[i], "/") {
				line = fmt.Sprintf("no installed package owns %s, but %s has a file named %s", path, name, queries[i])
			}
		}
		a.reportError(line)
	}
	return exit.QuietError(exit.NotFound)
}

// firstRepoOwner returns the first package of the repositories that has a file, as "repository/name". It returns "" if none has it, or if
// that is unknown.
func firstRepoOwner(ctx context.Context, b backend.Backend, path string) (name string) {
	r := &backend.RepoOwnersRequest{FilesOwnerRequest: wire.FilesOwnerRequest{Names: []string{path}}, IndexedOnly: true}
	_, err := b.RepoOwners(ctx, r, func(o *wire.FileOwner) error {
		if name == "" {
			name = o.Repo + "/" + o.Name
		}
		return nil
	})
	if err != nil {
		return ""
	}
	return name
}

func (o *resultPrinter) printOwners(all *backend.Owners) error {
	type owned struct {
		Path string `json:"path"`
		backend.Owner
	}
	for _, p := range all.Paths {
		for _, owner := range p.Owners {
			err := o.printElement(&owned{p.Path, owner}, o.safePackageName(owner.Name), func(w *bufio.Writer) {
				o.style.PrintOwner(w, p.Path, owner.Name, owner.Version)
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// findRepoOwners prints the packages of the repositories that have files, as pacman -F prints them.
func (a *app) findRepoOwners(ctx context.Context, out *resultPrinter, r *wire.FilesOwnerRequest) error {
	p := &ownersPrinter{resultPrinter: out, owners: []wire.FileOwner{}}
	found, err := a.newBackend().RepoOwners(ctx, &backend.RepoOwnersRequest{FilesOwnerRequest: *r}, p.print)
	if err != nil {
		return err
	}
	lists := fileListsOf(&found.Basis)
	if lists.noneKnown {
		return lists.unknownError()
	}
	if out.json {
		found.Owners = p.owners
		if err := out.printDocument(found); err != nil {
			return err
		}
	}
	if err := out.finishWithBasis(&found.Basis); err != nil {
		return err
	}
	return a.notFoundErrors(&found.Basis, "no package in the repositories has %s", found.Missing)
}

// ownersPrinter prints packages of the repositories with the files that were found.
type ownersPrinter struct {
	*resultPrinter
	last   wire.FileOwner // the package that was printed last, without its paths
	owners []wire.FileOwner
}

// print prints a package, or further files of the package that was printed last. With --json, it adds them to the list owners. It would
// take the same name twice in a row for one name.
func (p *ownersPrinter) print(o *wire.FileOwner) error {
	isNew := o.Query != p.last.Query || o.Repo != p.last.Repo || o.Name != p.last.Name
	p.last = *o
	p.last.Paths = nil
	switch {
	case p.json && isNew:
		p.owners = append(p.owners, *o)
		return nil
	case p.json:
		list := &p.owners[len(p.owners)-1].Paths
		*list = append(*list, o.Paths...)
		return nil
	case p.quiet:
		if isNew {
			p.printLine(o.Repo + "/" + o.Name)
		}
		return nil
	}
	// pacman prints a heading only if it has searched names without directories.
	hasHeading := !strings.Contains(o.Query, "/")
	if hasHeading && isNew && p.tmpl == nil {
		p.style.PrintRepoFinds(p.w, &o.RepositoryPackage)
	}
	type owned struct {
		Path string `json:"path"`
		*wire.RepositoryPackage
	}
	for _, path := range o.Paths {
		err := p.printElement(&owned{path, &o.RepositoryPackage}, p.safePackageName(o.Name), func(w *bufio.Writer) {
			if hasHeading {
				p.style.PrintFoundFile(w, path)
			} else {
				p.style.PrintRepoOwner(w, &o.RepositoryPackage, path)
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}
