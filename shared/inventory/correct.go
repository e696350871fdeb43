package inventory

import "github.com/omg-arch/omg/shared/pacmandb"

// Verdict is what another reader of the databases says of an installed package.
type Verdict struct {
	Name, Version string
	Reason        pacmandb.Reason
	Need          Need
	// Repo is the repository that counts, "" for a foreign package, and Offered the
	// version there: an update if Order is above 0, older if it is below.
	Repo, Offered string
	Order         int8
	Ignored       bool
}

// Need is how much other packages need one.
type Need uint8

// The needs.
const (
	NeedNone Need = iota
	NeedOptional
	NeedRequired
)

// Correct returns the picture as another reader has it, whose verdicts are in order
// of name: what is installed, why, which are orphans and, with repositories, which
// are foreign or outdated. What it says nothing of stays.
func (inv *Inventory) Correct(verdicts []Verdict, repositories bool) *Inventory {
	packages := make([]*pacmandb.Installed, len(verdicts))
	next := *inv
	next.needs = make(map[string]Need, len(verdicts))
	next.Versions = make(map[string]string, len(verdicts))
	for i, v := range verdicts {
		packages[i] = correct(inv.Local.Find(v.Name), v)
		next.needs[v.Name] = v.Need
		next.Versions[v.Name] = v.Version
	}
	local := *inv.Local
	local.Packages = packages
	next.Local = &local
	next.Relations = pacmandb.Relate(packages)
	if !repositories {
		return &next
	}
	next.Foreign = nil
	next.Outdated = pacmandb.Outdated{Replacements: inv.Outdated.Replacements}
	for i, v := range verdicts {
		u := pacmandb.Update{Name: v.Name, Installed: v.Version, Version: v.Offered, Repo: v.Repo, Ignored: v.Ignored}
		switch {
		case v.Repo == "":
			next.Foreign = append(next.Foreign, packages[i])
		case v.Order > 0:
			next.Outdated.Updates = append(next.Outdated.Updates, u)
		case v.Order < 0:
			next.Outdated.Newer = append(next.Outdated.Newer, u)
		}
	}
	return &next
}

// correct is a package as a verdict has it.
func correct(p *pacmandb.Installed, v Verdict) *pacmandb.Installed {
	if p != nil && p.Version == v.Version && p.Reason == v.Reason {
		return p
	}
	next := &pacmandb.Installed{}
	if p != nil && p.Version == v.Version {
		*next = *p
	}
	next.Name, next.Version, next.Reason = v.Name, v.Version, v.Reason
	return next
}

// Orphans are the packages that were installed as dependencies and that no package
// requires or, unless onlyRequired, optionally uses: pacman -Qdt, and -Qdtt with
// onlyRequired.
func (inv *Inventory) Orphans(onlyRequired bool) []*pacmandb.Installed {
	if inv.needs == nil {
		return inv.Relations.Orphans(onlyRequired)
	}
	most := NeedNone
	if onlyRequired {
		most = NeedOptional
	}
	var out []*pacmandb.Installed
	for _, p := range inv.Local.Depends() {
		if inv.needs[p.Name] <= most {
			out = append(out, p)
		}
	}
	return out
}
