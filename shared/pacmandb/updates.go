package pacmandb

import "iter"

// SyncPackageFacts provides facts about the packages of the repositories for FindOutdated and SplitForeign. The facts come from the
// databases or from an index. The parameter repo is the position of a repository in Config.Repos.
type SyncPackageFacts interface {
	// Lookup returns the version of a package in a repository. The name must be the name of an installed package.
	Lookup(repo int, name string) (version string, ok bool)
	// Groups returns the groups of a package in a repository. Lookup must have found the package.
	Groups(repo int, name string) []string
	// Replacers yields, in order of name, the packages that have %REPLACES%. Packages that replace no installed package
	// may be left out.
	Replacers(repo int) iter.Seq[Replacer]
}

// Replacer is a package of a repository that replaces other packages.
type Replacer struct {
	Name, Version    string
	Groups, Replaces []string
}

// Update is an installed package that has another version in the repository.
type Update struct {
	Name      string
	Installed string
	Version   string
	Repo      string
	// Ignored reports whether pacman marks the update as [ignored].
	Ignored bool
}

// Replacement is an installed package that pacman -Su would offer to replace.
type Replacement struct {
	ReplacedName string
	Installed    string
	// By, Version and Repo identify the package that replaces the installed one.
	By      string
	Version string
	Repo    string
	// Ignored reports whether pacman would skip the replacement with a warning.
	Ignored bool
}

// Outdated is the result of comparing the installed packages with the repositories. Each list is in order of name.
type Outdated struct {
	// Updates are the updates in the output of pacman -Qu.
	Updates []Update
	// LocalNewer are the packages whose installed version is newer than the version in the repository.
	LocalNewer []Update
	// Replacements are packages that pacman -Su would replace. They are not part of the output of pacman -Qu.
	Replacements []Replacement
}

// FindOutdated compares the installed packages with the repositories of c.
//
// An installed package is compared only with the first repository that has a package of the same name, whatever the
// Usage of that repository is. A package is ignored if it matches IgnorePkg, if a group with which it was installed
// matches IgnoreGroup, or if its repository is not used for upgrades. Replacements are the replacements that pacman -Su
// makes if each of its questions is answered with yes.
func FindOutdated(pkgs []*Installed, c *Config, facts SyncPackageFacts) Outdated {
	var out Outdated
	for _, p := range pkgs {
		for i := range c.Repos {
			version, ok := facts.Lookup(i, p.Name)
			if !ok {
				continue
			}
			u := Update{Name: p.Name, Installed: p.Version, Version: version, Repo: c.Repos[i].Name}
			u.Ignored = !isUpgradeRepo(c, i) || isIgnored(c, p.Name, p.Groups)
			switch order := Compare(version, p.Version); {
			case order > 0:
				out.Updates = append(out.Updates, u)
			case order < 0:
				out.LocalNewer = append(out.LocalNewer, u)
			}
			break
		}
	}
	out.Replacements = replacements(pkgs, c, facts)
	return out
}

func isUpgradeRepo(c *Config, repo int) bool { return c.Repos[repo].Usage&UsageUpgrade != 0 }

// IsIgnored reports whether an installed package matches IgnorePkg, or a group with which it was installed matches
// IgnoreGroup.
func IsIgnored(c *Config, p *Installed) bool { return isIgnored(c, p.Name, p.Groups) }

func isIgnored(c *Config, name string, groups []string) bool {
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

// replacementCandidate is a package with %REPLACES% that may replace another package.
type replacementCandidate struct {
	repo     int
	replaces Depend
	replacer Replacer
}

// replacements goes through the installed packages as alpm_sync_sysupgrade does. For each package it searches, in
// order, the repositories that are used for upgrades, up to the first that has a replacement or a package of the same
// name. Replacements are found by name and version, never by provides. A package that is chosen as a replacement or as
// an update becomes a target. An installed package that is already a target is skipped, and a target comes from only
// one repository.
func replacements(pkgs []*Installed, c *Config, facts SyncPackageFacts) (out []Replacement) {
	candidates := map[string][]replacementCandidate{} // the key is the name of the package to replace
	replacers := map[string]bool{}
	for i := range c.Repos {
		if !isUpgradeRepo(c, i) {
			continue
		}
		for by := range facts.Replacers(i) {
			for _, s := range by.Replaces {
				d := ParseDepend(s)
				candidates[d.Name] = append(candidates[d.Name], replacementCandidate{i, d, by})
				replacers[by.Name] = true
			}
		}
	}
	targets := map[string]int{} // maps each target's name to the index of the target's repository
	for _, p := range pkgs {
		mine := candidates[p.Name]
		if _, is := targets[p.Name]; is || len(mine) == 0 && !replacers[p.Name] {
			continue // p is already a target, or p neither replaces a package nor is replaced
		}
		for i := range c.Repos {
			if !isUpgradeRepo(c, i) {
				continue
			}
			found, chosen := repoReplacements(p, i, mine, c, targets)
			out = append(out, found...)
			for _, name := range chosen {
				targets[name] = i
			}
			if len(chosen) > 0 {
				break
			}
			version, has := facts.Lookup(i, p.Name)
			if !has {
				continue
			}
			if Compare(version, p.Version) > 0 && !isIgnored(c, p.Name, p.Groups) && !isIgnored(c, p.Name, facts.Groups(i, p.Name)) {
				targets[p.Name] = i
			}
			break
		}
	}
	return out
}

// repoReplacements finds the packages in a repository that replace p. It returns the replacements (out), and the names of those
// packages that become targets now (chosen). A package that already was a target can be in out, but not in chosen.
func repoReplacements(p *Installed, repo int, candidates []replacementCandidate, c *Config, targets map[string]int) (out []Replacement, chosen []string) {
	last := ""
	for _, k := range candidates {
		// If k.replacer.Name == last, the package k.replacer lists p twice in %REPLACES%.
		if k.repo != repo || k.replacer.Name == last || !k.replaces.Allows(p.Version) {
			continue
		}
		last = k.replacer.Name
		r := Replacement{
			ReplacedName: p.Name, Installed: p.Version,
			By: k.replacer.Name, Version: k.replacer.Version, Repo: c.Repos[repo].Name,
			Ignored: isIgnored(c, k.replacer.Name, k.replacer.Groups) || isIgnored(c, p.Name, p.Groups),
		}
		from, is := targets[r.By]
		switch {
		case r.Ignored:
		case is && from != repo:
			continue // pacman cannot install one package from two repositories
		case !is:
			chosen = append(chosen, r.By)
		}
		if r.By != r.ReplacedName { // a package that replaces itself is an update, not a replacement
			out = append(out, r)
		}
	}
	return out, chosen
}

// SplitForeign separates the packages that are in a repository of c, whatever the repository's Usage is, from all other
// packages: pacman -Qn and -Qm.
func SplitForeign(pkgs []*Installed, c *Config, facts SyncPackageFacts) (native, foreign []*Installed) {
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
