package pacmandb

import "iter"

// SyncFacts is what Updates and Locality need to know of the repositories,
// from the databases themselves or from an index. A repository is named by
// its place in Config.Repos.
type SyncFacts interface {
	// Lookup returns the version of the package of that name, which is one of
	// an installed package.
	Lookup(repo int, name string) (version string, ok bool)
	// Replacers yields, in order of name, the packages that have %REPLACES%;
	// those that replace nothing installed may be left out.
	Replacers(repo int) iter.Seq[Replacer]
}

// Replacer is a package of a repository that replaces others.
type Replacer struct {
	Name, Version    string
	Groups, Replaces []string
}

// Update is an installed package that its repository has in another version.
type Update struct {
	Name      string
	Installed string
	Version   string
	Repo      string
	// Ignored is pacman's mark [ignored].
	Ignored bool
}

// Replacement is an installed package that pacman -Su would offer to replace.
type Replacement struct {
	Name      string
	Installed string
	// By, Version and Repo are the package that comes instead.
	By      string
	Version string
	Repo    string
	// Ignored means that pacman would pass over it with a warning.
	Ignored bool
}

// Outdated is what the repositories have for the installed packages; each
// list is in order of name.
type Outdated struct {
	// Updates are the lines of pacman -Qu.
	Updates []Update
	// Newer are the packages whose installed version is newer than their
	// repository's.
	Newer []Update
	// Replacements are not among the lines of pacman -Qu.
	Replacements []Replacement
}

// Updates compares the installed packages with the repositories of c.
//
// The first repository in order that has a package of the name decides,
// whatever the others have and whatever its Usage. Ignored are packages that
// IgnorePkg or (by the groups they were installed with) IgnoreGroup name, and
// those whose repository is not used for upgrades. Replacements follow
// pacman -Su: repositories used for upgrades, in order, up to the first that
// has a package of the name; a package is replaced by name and version, never
// by what it provides.
func Updates(pkgs []*Installed, c *Config, facts SyncFacts) Outdated {
	var out Outdated
	for _, p := range pkgs {
		for i := range c.Repos {
			version, ok := facts.Lookup(i, p.Name)
			if !ok {
				continue
			}
			u := Update{Name: p.Name, Installed: p.Version, Version: version, Repo: c.Repos[i].Name}
			u.Ignored = !upgradable(c, i) || ignored(c, p.Name, p.Groups)
			switch order := Compare(version, p.Version); {
			case order > 0:
				out.Updates = append(out.Updates, u)
			case order < 0:
				out.Newer = append(out.Newer, u)
			}
			break
		}
	}
	out.Replacements = replacements(pkgs, c, facts)
	return out
}

func upgradable(c *Config, repo int) bool { return c.Repos[repo].Usage&UsageUpgrade != 0 }

// Ignored says that IgnorePkg or, by the groups it was installed with, IgnoreGroup
// names an installed package.
func Ignored(c *Config, p *Installed) bool { return ignored(c, p.Name, p.Groups) }

func ignored(c *Config, name string, groups []string) bool {
	for _, pattern := range c.IgnorePkg {
		if globMatch(pattern, name) {
			return true
		}
	}
	for _, pattern := range c.IgnoreGroup {
		for _, g := range groups {
			if globMatch(pattern, g) {
				return true
			}
		}
	}
	return false
}

// candidate is a package that says it replaces another.
type candidate struct {
	repo int
	why  Depend
	by   Replacer
}

func replacements(pkgs []*Installed, c *Config, facts SyncFacts) []Replacement {
	byName := map[string][]candidate{}
	for i := range c.Repos {
		if !upgradable(c, i) {
			continue
		}
		for by := range facts.Replacers(i) {
			for _, s := range by.Replaces {
				d := ParseDepend(s)
				byName[d.Name] = append(byName[d.Name], candidate{i, d, by})
			}
		}
	}
	var out []Replacement
	chosen := map[string]int{} // the repository that a replacer was taken from
	for _, p := range pkgs {
		if _, comes := chosen[p.Name]; comes {
			continue // pacman leaves alone what it already installs
		}
		out = append(out, replace(p, byName[p.Name], c, facts, chosen)...)
	}
	return out
}

// replace lists what replaces p. The candidates are in the order of the
// repositories; chosen is updated with those taken.
func replace(p *Installed, candidates []candidate, c *Config, facts SyncFacts, chosen map[string]int) []Replacement {
	var out []Replacement
	for i := 0; i < len(c.Repos) && len(candidates) > 0; i++ {
		if !upgradable(c, i) {
			continue
		}
		settled, last := false, ""
		for len(candidates) > 0 && candidates[0].repo == i {
			k := candidates[0]
			candidates = candidates[1:]
			if !k.why.Allows(p.Version) || k.by.Name == last {
				continue // last: one package may name p twice
			}
			last = k.by.Name
			r := Replacement{
				Name: p.Name, Installed: p.Version,
				By: k.by.Name, Version: k.by.Version, Repo: c.Repos[i].Name,
				Ignored: ignored(c, k.by.Name, k.by.Groups) || ignored(c, p.Name, p.Groups),
			}
			if from, taken := chosen[r.By]; taken && from != i {
				continue // pacman cannot take one package from two repositories
			}
			if !r.Ignored {
				settled = true
				chosen[r.By] = i
			}
			if r.By != r.Name { // a package that replaces itself is an update
				out = append(out, r)
			}
		}
		if _, holds := facts.Lookup(i, p.Name); settled || holds {
			break
		}
	}
	return out
}

// Locality parts the packages into those that a repository of c has, whatever
// its Usage, and the others: pacman -Qn and -Qm.
func Locality(pkgs []*Installed, c *Config, facts SyncFacts) (native, foreign []*Installed) {
	for _, p := range pkgs {
		found := false
		for i := 0; i < len(c.Repos) && !found; i++ {
			_, found = facts.Lookup(i, p.Name)
		}
		if found {
			native = append(native, p)
		} else {
			foreign = append(foreign, p)
		}
	}
	return native, foreign
}
