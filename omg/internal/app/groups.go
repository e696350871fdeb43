package app

import (
	"bufio"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/omg/internal/output"
	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/exit"
	"github.com/omg-arch/omg/shared/wire"
)

// groupsOptions holds the flags of omg groups.
type groupsOptions struct {
	outputOptions
	installed bool
}

func groupsCommand(a *app) *cli.Command {
	o := &groupsOptions{}
	return &cli.Command{
		Name:      "groups",
		Usage:     "list the groups of packages, or the packages of groups",
		ArgsUsage: "[NAME...]",
		Description: `Without NAME, all groups of the repositories are listed. On a terminal the list says how
many packages each group has, and how many of them are installed; otherwise the output
is that of pacman -Sg or, with --installed, that of pacman -Qg. With NAME, the packages
of these groups are listed. NAME is the whole name of a group, as for pacman.

With --quiet, only names are printed: of the groups or, with NAME, of the packages.
With --format, each line is a package of a group.

` + exitCodesHelp(),
		Flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "installed", Aliases: []string{"i"}, Destination: &o.installed, Usage: "the groups of the installed packages"},
		}, o.listFlags("{{.group}} {{.name}}")...),
		Action: func(c *cli.Context) error { return a.runGroups(c, o) },
	}
}

func (a *app) runGroups(c *cli.Context, o *groupsOptions) error {
	names := c.Args().Slice()
	if slices.Contains(names, "") {
		return command.Usagef("the name of a group must not be empty")
	}
	out, err := a.newOutput(c, o.outputOptions)
	if err != nil {
		return err
	}
	out.usePager()
	find := a.repositoryGroups
	if o.installed {
		find = a.installedGroups
	}
	all, err := find(c, names)
	if err != nil {
		return err
	}
	if err := out.printGroups(all, len(names) > 0, o.installed); err != nil {
		return err
	}
	if err := out.finishWithBasis(&all.Basis); err != nil {
		return err
	}
	return out.missingGroupsError(names, all)
}

// repositoryGroups returns the groups of the repositories, or those with the given names.
func (a *app) repositoryGroups(c *cli.Context, names []string) (*backend.GroupsResult, error) {
	request := &wire.SearchRequest{Words: []string{"group:."}, Regex: true, NoAUR: true}
	if len(names) == 1 {
		request.Words, request.Regex = []string{"group:=" + names[0]}, false
	}
	result, err := a.searchLikePacman(c.Context, request)
	if err != nil {
		return nil, err
	}
	return &backend.GroupsResult{Basis: result.Basis, Groups: groupPackages(result.Packages, names)}, nil
}

// installedGroups returns the groups of the installed packages, or those with the given names.
func (a *app) installedGroups(c *cli.Context, names []string) (*backend.GroupsResult, error) {
	all, err := a.newBackend().Installed(c.Context, &wire.InstalledRequest{})
	if err != nil {
		return nil, err
	}
	packages := make([]wire.Package, len(all.Packages))
	for i := range all.Packages {
		packages[i] = all.Packages[i].Package
		packages[i].InstalledVersion = packages[i].Version
	}
	return &backend.GroupsResult{Basis: all.Basis, Groups: groupPackages(packages, names)}, nil
}

// groupPackages returns the groups of packages. If names is empty, they are in the order in which pacman lists them: that of the packages.
// Otherwise they are the groups with these names, in their order.
func groupPackages(packages []wire.Package, names []string) []backend.Group {
	groups := []backend.Group{}
	index := map[string]int{}
	for _, name := range names {
		if _, ok := index[name]; !ok {
			index[name] = len(groups)
			groups = append(groups, backend.Group{Name: name})
		}
	}
	for i := range packages {
		p := &packages[i]
		for k, name := range p.Groups {
			at, ok := index[name]
			switch {
			case slices.Contains(p.Groups[:k], name):
				continue
			case !ok && len(names) > 0:
				continue
			case !ok:
				at = len(groups)
				index[name] = at
				groups = append(groups, backend.Group{Name: name})
			}
			groups[at].Packages = append(groups[at].Packages, backend.GroupPackage{Repo: p.Repo, Name: p.Name, Version: p.Version, Installed: p.InstalledVersion})
		}
	}
	return slices.DeleteFunc(groups, func(g backend.Group) bool { return len(g.Packages) == 0 })
}

// printGroups prints groups. The packages of each are printed if isNamed or installed is true.
func (o *resultPrinter) printGroups(all *backend.GroupsResult, isNamed, installed bool) error {
	switch {
	case o.json:
		return o.printDocument(all)
	case o.quiet && !isNamed:
		for i := range all.Groups {
			if name := all.Groups[i].Name; o.isSafeGroupName(name) {
				o.printLine(name)
			}
		}
		return nil
	case o.tmpl == nil && !isNamed && o.isForPeople():
		o.style.PrintGroups(o.w, all.Groups)
		return nil
	case o.tmpl == nil && !isNamed && !installed:
		for i := range all.Groups {
			o.printLine(all.Groups[i].Name)
		}
		return nil
	}
	for i := range all.Groups {
		g := &all.Groups[i]
		if o.tmpl != nil && !o.isSafeGroupName(g.Name) {
			continue
		}
		err := printList(o, nil, groupMembers(g), func(p *groupMember) string { return o.safePackageName(p.Name) },
			func(w *bufio.Writer, p *groupMember) { o.style.PrintPacmanGroup(w, p.Group, p.Name) })
		if err != nil {
			return err
		}
	}
	return nil
}

// groupMember is a package of a group, for --format.
type groupMember struct {
	Group string `json:"group"`
	backend.GroupPackage
}

func groupMembers(g *backend.Group) []groupMember {
	list := make([]groupMember, len(g.Packages))
	for i, p := range g.Packages {
		list[i] = groupMember{g.Name, p}
	}
	return list
}

// missingGroupsError returns the error for names that no group has.
func (o *resultPrinter) missingGroupsError(names []string, all *backend.GroupsResult) error {
	var missing []string
	for _, name := range names {
		if !slices.ContainsFunc(all.Groups, func(g backend.Group) bool { return g.Name == name }) && !slices.Contains(missing, name) {
			missing = append(missing, name)
		}
	}
	switch {
	case len(missing) == 0:
		return o.emptyListError(&all.Basis, len(all.Groups), "no groups")
	case all.Partial || all.Stale:
		return exit.WithCode(exit.Failed, fmt.Errorf("no group %s in what could be read", output.QuoteWords(missing)))
	}
	err := &exit.Error{Code: exit.NotFound, Err: fmt.Errorf("no group %s", output.QuoteWords(missing))}
	if len(missing) == 1 && wire.IsSafeName(missing[0]) {
		err.Hint = "omg search group:" + strings.ToLower(missing[0]) + " finds groups that contain the word"
	}
	return err
}
