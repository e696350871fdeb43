package app

import (
	"bufio"
	"context"
	"errors"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/wire"
)

func listCommand(a *app) *cli.Command {
	o := &outputOptions{}
	return &cli.Command{
		Name:      "list",
		Usage:     "list all packages of repositories, like pacman -Sl",
		ArgsUsage: "[REPO...]",
		Description: `Without REPO, the packages of all repositories are listed, without those of the AUR.
Repositories are in the order of pacman.conf or, with REPO, in the order of the
arguments, and packages in the order of their names. The REPO aur is the AUR.

` + exitCodesHelp(),
		Flags:  o.listFlags(packageTemplateExample),
		Action: func(c *cli.Context) error { return a.runList(c, o) },
	}
}

func (a *app) runList(c *cli.Context, o *outputOptions) error {
	repos := c.Args().Slice()
	if slices.Contains(repos, "") {
		return command.Usagef("the name of a repository must not be empty")
	}
	out, err := a.newOutput(c, *o)
	if err != nil {
		return err
	}
	out.usePager()
	all, err := a.searchLikePacman(c.Context, &wire.SearchRequest{Repos: repos, NoAUR: len(repos) == 0, Offline: true})
	if err != nil {
		return noRepositoryError(err, repos)
	}
	if len(repos) > 1 {
		slices.SortStableFunc(all.Packages, func(a, b wire.Package) int { return slices.Index(repos, a.Repo) - slices.Index(repos, b.Repo) })
	}
	err = printList(out, all, all.Packages, out.safeRepoPackageName,
		func(w *bufio.Writer, p *wire.Package) { out.style.PrintPacmanListed(w, p) })
	if err == nil {
		err = out.finishWithBasis(&all.Basis)
	}
	if err != nil {
		return err
	}
	return out.emptyListError(&all.Basis, len(all.Packages), "no packages")
}

// searchLikePacman returns the packages of a search in pacman's order, also those of the repositories that pacman.conf excludes from searches.
func (a *app) searchLikePacman(ctx context.Context, r *wire.SearchRequest) (*wire.SearchResult, error) {
	r.Sort, r.AllRepos = wire.SortRepo, true
	packages := []wire.Package{}
	all, err := a.newBackend().Search(ctx, r, func(p *wire.Package) error {
		packages = append(packages, *p)
		return nil
	}, func() {})
	if err != nil {
		return nil, err
	}
	backend.SortLikePacman(packages)
	all.Packages = packages
	return all, nil
}

// noRepositoryError adds a hint to the error for an unknown repository if its name is that of a runtime: omg list once listed runtimes.
func noRepositoryError(err error, repos []string) error {
	if wire.CodeOf(err) != wire.CodeInvalid || !slices.ContainsFunc(repos, func(name string) bool { return slices.Contains(runtimeNames, name) }) {
		return err
	}
	refused := new(wire.Error)
	errors.As(err, &refused)
	return &exit.Error{Code: exit.Usage, Err: errors.New(refused.Message), Hint: "omg runtime list shows the installed versions of node, python, go and others"}
}
