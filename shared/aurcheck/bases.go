package aurcheck

import (
	"slices"

	"github.com/omg-arch/omg/shared/wire"
)

// resolveBases returns the names of packages for a list of names of packages and package bases. A name that is neither an installed
// package nor one in the latest dump, but the package base of others, is replaced by these packages. Any other name stays.
func (c *Check) resolveBases(names []string) ([]string, error) {
	installed, err := c.snapshot.Installed(&wire.InstalledRequest{})
	if err != nil {
		return nil, err
	}
	members := map[string][]string{} // by package base, for names that can only be package bases
	for _, name := range names {
		hits, err := c.snapshot.LookupAUR(name)
		if err != nil {
			return nil, err
		}
		if len(hits) == 0 {
			members[name] = nil
		}
	}
	for _, p := range installed.Packages {
		delete(members, p.Name)
	}
	if len(members) == 0 {
		return names, nil
	}
	add := func(p *wire.Package) {
		if list, wanted := members[p.Base]; wanted && !slices.Contains(list, p.Name) {
			members[p.Base] = append(list, p.Name)
		}
	}
	for _, p := range installed.Packages {
		add(&p.Package)
	}
	// An index has no list of package bases, so all packages are read. This takes a moment, and few people name a package base.
	for p, err := range c.snapshot.Inputs().AUR.Index.Packages() {
		if err != nil {
			return nil, err
		}
		if p.AUR != nil {
			add(&p)
		}
	}
	var resolved []string
	for _, name := range names {
		if found := members[name]; len(found) > 0 {
			resolved = append(resolved, found...)
		} else {
			resolved = append(resolved, name)
		}
	}
	return resolved, nil
}
