package question

import (
	"slices"
	"strings"

	"github.com/omg-arch/omg/shared/command"
	"github.com/omg-arch/omg/shared/inventory"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/wire"
)

// clonePackage returns a copy of a package that does not keep its document in memory.
func clonePackage(p *inventory.HostPackage) inventory.HostPackage {
	return inventory.HostPackage{
		Name: strings.Clone(p.Name), Version: strings.Clone(p.Version), Arch: strings.Clone(p.Arch), Reason: strings.Clone(p.Reason), InstalledAt: p.InstalledAt,
		BuiltAt: p.BuiltAt, Repo: strings.Clone(p.Repo), Foreign: p.Foreign, Desc: strings.Clone(p.Desc),
	}
}

// Hosts asks for the hosts themselves.
func Hosts() *Question {
	return &Question{fill: func(a *Answer, v *inventory.Inventory) {
		a.found, a.Counts = 1, &wire.Counts{Installed: v.Counts.Installed}
	}}
}

// Status asks for the counts of each host, and whether it needs a reboot.
func Status() *Question {
	return &Question{fill: func(a *Answer, v *inventory.Inventory) {
		a.found, a.Counts, a.PartialCounts, a.RebootNeeded = 1, &v.Counts, v.PartialCounts, v.RebootNeeded
		if problem := v.Problem(); problem != "" && len(v.PartialCounts) > 0 {
			a.State, a.Why = Partial, problem
		}
	}}
}

// Outdated asks for the updates of the named packages or, without names, for all updates.
func Outdated(names []string) *Question {
	return &Question{part: inventory.PartUpdates, fill: func(a *Answer, v *inventory.Inventory) {
		a.Updates = slices.DeleteFunc(v.Updates, func(u inventory.HostUpdate) bool { return len(names) > 0 && !slices.Contains(names, u.Name) })
		a.found = len(a.Updates)
	}}
}

// Severities lists the tracker's severities in ascending order. An advisory without one of them is treated as low.
var Severities = []string{"low", "medium", "high", "critical"}

// verdictUnconfirmed is the verdict on an advisory that was reported for an older version, and is not counted.
const verdictUnconfirmed = "unconfirmed"

// Security asks for the packages with advisories of at least a severity, an index of Severities. With unconfirmed, advisories that may not
// concern the installed version are included.
func Security(severity int, unconfirmed bool) *Question {
	return &Question{part: inventory.PartAdvisories, fill: func(a *Answer, v *inventory.Inventory) {
		for _, p := range v.Advisories {
			p.Advisories = slices.DeleteFunc(p.Advisories, func(one inventory.HostAdvisory) bool {
				return one.Verdict == verdictUnconfirmed && !unconfirmed || max(0, slices.Index(Severities, strings.ToLower(one.Severity))) < severity
			})
			if len(p.Advisories) > 0 {
				a.Advisories = append(a.Advisories, p)
			}
		}
		a.found = len(a.Advisories)
	}}
}

// AUR asks for the findings about packages of the AUR.
func AUR() *Question {
	return &Question{part: inventory.PartFindings, fill: func(a *Answer, v *inventory.Inventory) {
		a.Findings, a.found = v.Findings, len(v.Findings)
	}}
}

// Has asks for installed packages by name, each with or without comparisons of its version, as in "xz>=5.6". All comparisons with the same
// name must hold.
func Has(targets []string) (*Question, error) {
	wanted, names := map[string][]pacmandb.Depend{}, map[string]bool{}
	for _, target := range targets {
		d := pacmandb.ParseDepend(target)
		if !wire.IsPossibleName(d.Name) || d.Desc != "" || strings.ContainsAny(target, " \t\n") || d.Comparison != pacmandb.AnyVersion && (d.Version == "" || strings.ContainsAny(d.Version, "<>=")) {
			return nil, command.Usagef("%q is neither PKG nor PKG=VERSION, with =, <, <=, > or >=", target)
		}
		wanted[d.Name], names[d.Name] = append(wanted[d.Name], d), true
	}
	return &Question{part: inventory.PartPackages, onlyNames: true, names: names, wants: func(p *inventory.HostPackage) bool {
		conditions := wanted[p.Name]
		return len(conditions) > 0 && !slices.ContainsFunc(conditions, func(d pacmandb.Depend) bool { return !d.Allows(p.Version) })
	}}, nil
}

// notInInventory lists the fields that words can search in an index, but not in inventories.
var notInInventory = []string{"depends:", "maint:", "keyword:"}

// Search asks for installed packages that match all words, in the language of omg search.
func Search(words []string, regex, nameOnly bool) (*Question, error) {
	for _, word := range words {
		for _, field := range notInInventory {
			if strings.HasPrefix(strings.TrimPrefix(word, "not:"), field) {
				return nil, command.Usagef("%s: inventories do not have this field", field)
			}
		}
	}
	q, err := pkgindex.ParseQuery(&wire.SearchRequest{Words: words, Regex: regex, NameOnly: nameOnly})
	if err != nil {
		return nil, command.Usagef("%w", err)
	}
	return &Question{part: inventory.PartPackages, wants: func(p *inventory.HostPackage) bool {
		installed := p.Installed()
		return q.MatchInstalled(&installed)
	}}, nil
}
