package pacman

import (
	"context"
	"slices"
	"strings"

	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/wire"
)

// sync runs pacman -S with an option that only reads.
func (r *Runner) sync(ctx context.Context) (int, error) {
	if !r.checkRepositories() {
		return 1, nil
	}
	switch l := r.Line; {
	case l.Has("search"):
		return r.searchRepositories()
	case l.Has("groups"):
		return r.repositoryGroups()
	case l.Has("info"):
		return r.repositoryInfo(ctx)
	}
	return r.listRepositories()
}

// packagesOf returns all packages of a repository in pacman's order, the order of their names.
func (r *Runner) packagesOf(repo string, details bool) ([]wire.Package, error) {
	return r.readPackages(r.Snapshot.HitsOfRepo(repo), details)
}

// readPackages returns the packages of hits of one repository in the order of their names.
func (r *Runner) readPackages(hits []pkgindex.Hit, details bool) ([]wire.Package, error) {
	packages := make([]wire.Package, 0, len(hits))
	err := r.Snapshot.EachPackage(hits, details, func(p *wire.Package) error {
		packages = append(packages, *p)
		return nil
	})
	slices.SortStableFunc(packages, func(a, b wire.Package) int { return strings.Compare(a.Name, b.Name) })
	return packages, err
}

// searchRepositories runs pacman -Ss.
func (r *Runner) searchRepositories() (int, error) {
	if _, ok, err := r.searchWords(r.Line.Targets); !ok {
		return 1, err
	}
	found := map[string][]pkgindex.Hit{}
	if len(r.Line.Targets) > 0 && len(r.repositoryNames()) > 0 {
		all, err := r.Snapshot.Search(r.Line.SearchRequest())
		if err != nil {
			return 1, err
		}
		for _, h := range all.Hits {
			repo := r.Snapshot.RepoOf(h)
			found[repo] = append(found[repo], h)
		}
	}
	code := 1
	for _, repo := range r.repositoryNames() {
		hits := found[repo]
		if len(r.Line.Targets) == 0 { // pacman lists even the packages of repositories that it does not search
			hits = r.Snapshot.HitsOfRepo(repo)
		}
		packages, err := r.readPackages(hits, false)
		if err != nil {
			return 1, err
		}
		for i := range packages {
			code = 0
			if r.Line.Has("quiet") {
				r.Style.PrintText(r.Out, packages[i].Name)
			} else {
				r.Style.PrintSearchResult(r.Out, &packages[i])
			}
		}
	}
	return code, nil
}

// listRepositories runs pacman -Sl.
func (r *Runner) listRepositories() (code int, err error) {
	names := r.Line.Targets
	if len(names) == 0 {
		names = r.repositoryNames()
	}
	for _, repo := range names {
		if !r.isConfigured(repo) {
			r.errorf("repository \"%s\" was not found.", repo)
			code = 1
			continue
		}
		packages, err := r.packagesOf(repo, false)
		if err != nil {
			return 1, err
		}
		for i := range packages {
			if r.Line.Has("quiet") {
				r.Style.PrintText(r.Out, packages[i].Name)
			} else {
				r.Style.PrintPacmanListed(r.Out, &packages[i])
			}
		}
	}
	return code, nil
}

func (r *Runner) isConfigured(repo string) bool {
	return slices.ContainsFunc(r.Setup.Config.Repos, func(c pacmandb.Repo) bool { return c.Name == repo })
}

// repositoryGroups runs pacman -Sg.
func (r *Runner) repositoryGroups() (code int, err error) {
	list := make([]groups, 0, len(r.repositoryNames()))
	for _, repo := range r.repositoryNames() {
		packages, err := r.packagesOf(repo, false)
		if err != nil {
			return 1, err
		}
		var all groups
		for i := range packages {
			for _, g := range packages[i].Groups {
				all.add(g, packages[i].Name)
			}
		}
		list = append(list, all)
	}
	if len(r.Line.Targets) > 0 {
		return r.namedGroups(list), nil
	}
	code = 1
	printed := map[string]bool{}
	for _, all := range list {
		for _, g := range all.names {
			code = 0
			switch {
			case r.Line.Count("groups") > 1:
				for _, name := range all.members[g] {
					r.Style.PrintPacmanGroup(r.Out, g, name)
				}
			case !printed[g]:
				printed[g] = true
				r.Style.PrintText(r.Out, g)
			}
		}
	}
	return code, nil
}

// namedGroups prints the members of the groups that the targets name.
func (r *Runner) namedGroups(list []groups) (code int) {
	for _, g := range r.Line.Targets {
		found := false
		for _, all := range list {
			members, ok := all.members[g]
			found = found || ok
			for _, name := range members {
				if r.Line.Has("quiet") {
					r.Style.PrintText(r.Out, name)
				} else {
					r.Style.PrintPacmanGroup(r.Out, g, name)
				}
			}
		}
		if !found {
			code = 1
		}
	}
	return code
}

// repositoryInfo runs pacman -Si and -Sii.
func (r *Runner) repositoryInfo(ctx context.Context) (code int, err error) {
	print := func(p *wire.Package) error {
		r.Style.PrintPacmanRepo(r.Out, p, nil)
		return nil
	}
	if r.Line.Count("info") > 1 {
		if print, err = r.extendedInfo(ctx); err != nil {
			return 1, err
		}
	}
	if len(r.Line.Targets) == 0 {
		for _, repo := range r.repositoryNames() {
			packages, err := r.packagesOf(repo, true)
			if err != nil {
				return 1, err
			}
			for i := range packages {
				if err := print(&packages[i]); err != nil {
					return 1, err
				}
			}
		}
		return 0, nil
	}
	for _, target := range r.Line.Targets {
		repo, name, hasRepo := strings.Cut(target, "/")
		if !hasRepo {
			name = target
		}
		foundRepo, foundPackage := false, false
		for i := range r.Setup.Config.Repos {
			configured := r.Setup.Config.Repos[i].Name
			if hasRepo && configured != repo {
				continue
			}
			foundRepo = true
			p, err := r.findInRepository(configured, name)
			if err == nil && p != nil {
				foundPackage = true
				err = print(p)
			}
			if err != nil {
				return 1, err
			}
		}
		if !foundRepo {
			r.errorf("repository '%s' does not exist", repo)
			code++
		}
		if !foundPackage {
			r.errorf("package '%s' was not found", target)
			code++
		}
	}
	return code, nil
}

// findInRepository returns a package of a repository, or nil.
func (r *Runner) findInRepository(repo, name string) (found *wire.Package, err error) {
	if name == "" || !slices.Contains(r.repositoryNames(), repo) {
		return nil, nil
	}
	matches, err := r.Snapshot.Lookup(&wire.InfoRequest{Names: []string{repo + "/" + name}})
	if err != nil {
		return nil, err
	}
	err = r.Snapshot.EachPackage(matches.Hits, true, func(p *wire.Package) error {
		copied := *p
		found = &copied
		return nil
	})
	return found, err
}
