package pacman

import (
	"slices"

	"github.com/omg-arch/omg/shared/wire"
)

// repositoryNames returns the names of the repositories that could be read, in order.
func (r *Runner) repositoryNames() (names []string) {
	repos := r.Snapshot.Inputs().Repositories
	for i := range repos {
		if repos[i].Index != nil {
			names = append(names, repos[i].Name)
		}
	}
	return names
}

// isInRepository reports whether one of the repositories has a package with a name.
func (r *Runner) isInRepository(name string, repos []string) (bool, error) {
	if len(repos) == 0 {
		return false, nil
	}
	found, err := r.Snapshot.Lookup(&wire.InfoRequest{Names: []string{name}})
	if err != nil {
		return false, err
	}
	has := false
	err = r.Snapshot.EachPackage(found.Hits, false, func(p *wire.Package) error {
		has = has || p.AUR == nil && slices.Contains(repos, p.Repo)
		return nil
	})
	return has, err
}
