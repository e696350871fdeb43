package pacmandb

// IsSatisfiedByPackage reports whether a package satisfies the dependency d, by its name or by what it provides.
func (d Depend) IsSatisfiedByPackage(name, version string, provides []string) bool {
	if name == d.Name && d.Allows(version) {
		return true
	}
	for _, s := range provides {
		if d.isSatisfiedBy(ParseDepend(s)) {
			return true
		}
	}
	return false
}
