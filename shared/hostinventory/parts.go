package hostinventory

import (
	"cmp"
	"slices"

	"github.com/omg-arch/omg/shared/inventory"
	"github.com/omg-arch/omg/shared/wire"
)

// inventory returns the inventory that follows from the answers, without what does not depend on them.
func (a *answers) inventory() *inventory.Inventory {
	v := &inventory.Inventory{
		Schema: inventory.Schema, Daemon: a.fromDaemon, Counts: a.status.Counts, PartialCounts: a.status.PartialCounts,
		Sources: a.status.Sources, Problems: a.status.Problems,
	}
	if v.Sources == nil {
		v.Sources = []wire.Source{}
	}
	v.Packages = a.packages()
	v.Parts = append(v.Parts, partOf(inventory.PartPackages, &a.installed.Basis))
	if a.outdated != nil {
		v.Updates = a.updates()
		v.Parts = append(v.Parts, partOf(inventory.PartUpdates, &a.outdated.Basis))
	}
	if a.security != nil {
		v.Advisories = a.advisories()
		part := partOf(inventory.PartAdvisories, &a.security.Basis)
		if tracker := wire.FindSourceByKind(a.security.Sources, wire.KindTracker); part.State == inventory.PartOK && tracker != nil && tracker.State != wire.SourceOK {
			part.State, part.Why = inventory.PartStale, cmp.Or(tracker.Why, "the data of the security tracker is old")
		}
		v.Parts = append(v.Parts, part)
	}
	if a.findings != nil {
		v.Findings = a.findingsList()
		v.Parts = append(v.Parts, partOf(inventory.PartFindings, &a.findings.Basis))
	}
	for _, name := range []inventory.PartName{inventory.PartUpdates, inventory.PartAdvisories, inventory.PartFindings} {
		if why := a.why[name]; why != "" {
			v.Parts = append(v.Parts, inventory.Part{Name: name, State: inventory.PartUnknown, Why: why})
		}
	}
	return v
}

// partOf returns the state of a part that was computed from a basis.
func partOf(name inventory.PartName, b *wire.Basis) inventory.Part {
	p := inventory.Part{Name: name, State: inventory.PartOK, Why: b.Why}
	switch {
	case b.Partial:
		p.State = inventory.PartPartial
	case b.Stale:
		p.State = inventory.PartStale
	default:
		p.Why = ""
	}
	for i := range b.Sources {
		s := &b.Sources[i]
		if p.Why == "" && p.State != inventory.PartOK && s.State != wire.SourceOK && s.Why != "" {
			p.Why = s.Name + ": " + s.Why
		}
	}
	return p
}

// packages returns the installed packages by name.
func (a *answers) packages() []inventory.HostPackage {
	foreign, isCertain := map[string]bool{}, a.foreign != nil && !a.foreign.Partial
	if a.foreign != nil {
		for i := range a.foreign.Packages {
			foreign[a.foreign.Packages[i].Name] = true
		}
	}
	all := make([]inventory.HostPackage, len(a.installed.Packages))
	for i := range a.installed.Packages {
		p := &a.installed.Packages[i]
		all[i] = inventory.HostPackage{
			Name: p.Name, Version: p.Version, Arch: p.Arch, Reason: p.Reason, InstalledAt: p.InstallDate, BuiltAt: p.BuildDate,
			Desc: p.Desc, Groups: p.Groups, Provides: p.Provides,
		}
		// If a repository could not be read, it could have each of the foreign packages.
		if !foreign[p.Name] {
			all[i].Repo = a.repos[p.Name]
		} else {
			all[i].Foreign = isCertain
		}
	}
	slices.SortFunc(all, func(x, y inventory.HostPackage) int { return cmp.Compare(x.Name, y.Name) })
	return all
}

// updates returns the updates from the repositories, and those from the AUR.
func (a *answers) updates() []inventory.HostUpdate {
	all := []inventory.HostUpdate{}
	for _, u := range a.outdated.Updates {
		all = append(all, inventory.HostUpdate{Name: u.Name, Installed: u.Installed, Version: u.Version, Repo: u.Repo, Ignored: u.Ignored, Severity: u.Severity})
	}
	for _, p := range a.outdated.Foreign {
		if p.State == wire.ForeignUpdate {
			all = append(all, inventory.HostUpdate{Name: p.Name, Installed: p.Installed, Version: p.AURVersion, Repo: wire.SourceAUR, Ignored: p.Ignored})
		}
	}
	return all
}

func (a *answers) advisories() []inventory.Vulnerable {
	all := []inventory.Vulnerable{}
	for _, p := range a.security.Packages {
		v := inventory.Vulnerable{Name: p.Name, Installed: p.Installed, Update: p.Update, Foreign: p.Foreign, Advisories: []inventory.HostAdvisory{}}
		for _, advisory := range p.Advisories {
			v.Advisories = append(v.Advisories, inventory.HostAdvisory{Name: advisory.Name, Severity: advisory.Severity, Verdict: advisory.Verdict})
		}
		all = append(all, v)
	}
	return all
}

func (a *answers) findingsList() []inventory.HostFinding {
	all := []inventory.HostFinding{}
	for _, p := range a.findings.Packages {
		f := inventory.HostFinding{Name: p.Name, Installed: p.Installed, Reasons: []string{}}
		for i, finding := range p.Findings {
			if i == 0 {
				f.Level = finding.Level
			}
			if !slices.Contains(f.Reasons, finding.Reason) {
				f.Reasons = append(f.Reasons, finding.Reason)
			}
		}
		all = append(all, f)
	}
	return all
}
