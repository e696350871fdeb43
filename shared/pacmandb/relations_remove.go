package pacmandb

import "slices"

// OnlyNeededBy returns the packages that pacman -Rs removes together with the package with the given name: the packages that were not
// explicitly installed, that this package needs, directly or through other such packages, and that no remaining package requires. They
// are in the order in which they are found. Optional dependencies do not count. Packages that need the package itself are ignored,
// although pacman would refuse to remove it.
func (r *Relations) OnlyNeededBy(name string) []*Installed {
	root := r.indexOf(name)
	if root < 0 {
		return nil
	}
	removed := []int32{root} // first all candidates, as in libalpm's _alpm_recursedeps
	isRemoved := map[int32]bool{root: true}
	for at := 0; at < len(removed); at++ {
		for _, dependency := range r.pkgs[removed[at]].Depends {
			r.visitSatisfiers(ParseDepend(dependency), func(to int32) {
				if !isRemoved[to] && r.pkgs[to].Reason != ReasonExplicit {
					isRemoved[to] = true
					removed = append(removed, to)
				}
			})
		}
	}
	isRequired := func(i int32) bool {
		return i != root && slices.ContainsFunc(r.dependants.dependantsOf(i), func(from int32) bool { return !isRemoved[from] })
	}
	for count := 0; count != len(removed); { // a package that stays may require others
		count = len(removed)
		removed = slices.DeleteFunc(removed, func(i int32) bool {
			isRemoved[i] = !isRequired(i)
			return !isRemoved[i]
		})
	}
	list := make([]*Installed, len(removed)-1)
	for k, i := range removed[1:] {
		list[k] = r.pkgs[i]
	}
	return list
}
