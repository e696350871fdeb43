package direct

import (
	"cmp"
	"slices"
	"time"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/shared/aurlevel"
	"github.com/omg-arch/omg/shared/config"
	"github.com/omg-arch/omg/shared/incidents"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/snapshot"
)

// readIncidentLists reads the list that is installed with omg, and the lists in the settings.
func (b *Backend) readIncidentLists(now time.Time) []incidents.State {
	var lists []incidents.State
	loaded, err := config.Load(b.env, false)
	if err != nil {
		lists = append(lists, incidents.State{Location: "aur.incidents.lists", Problem: "the settings cannot be read: " + err.Error()})
		loaded = &config.Loaded{Config: config.Default()}
	}
	wanted := incidents.Sources{
		HasShipped: loaded.AUR.Incidents.Shipped, Elements: loaded.AUR.Incidents.Lists, Dirs: b.indexDirs(), IsTrusted: b.env.Trusts,
	}
	return append(lists, wanted.Read(now)...)
}

// describeLists returns the lists in the form in which the backend returns them.
func describeLists(lists []incidents.State) []backend.IncidentList {
	described := []backend.IncidentList{}
	for _, l := range lists {
		d := backend.IncidentList{Location: l.Location, Problem: l.Problem}
		if l.List != nil {
			d.Name, d.Sequence, d.Expires, d.Warnings = l.List.Name, l.List.Sequence, l.List.Expires.String(), l.List.Warnings
		}
		described = append(described, d)
	}
	return described
}

// findIncidents returns the findings about a package that follow from the lists, the highest level first.
func findIncidents(lists []incidents.State, p *incidents.Package, now time.Time) (findings []backend.AURFinding) {
	for _, m := range incidents.MatchAll(lists, p, now) {
		f := aurlevel.FindIncident(m.Kind)
		findings = append(findings, backend.AURFinding{
			Level: f.Level.String(), Reason: string(f.Reason), Events: []backend.AUREvent{},
			Incident: &backend.AURIncident{
				What: m.Incident.What, Source: m.Incident.Source, List: m.List.Path, First: m.Incident.First.String(), Last: m.Incident.Last.String(),
				Versions: m.Incident.VersionText(), Built: timeOrNil(p.BuildDate), InstalledAt: timeOrNil(p.InstallDate),
			},
		})
	}
	slices.SortStableFunc(findings, func(a, b backend.AURFinding) int { return compareLevels(b.Level, a.Level) })
	return findings
}

// levels lists the levels of findings in ascending order.
var levels = []string{backend.FindingLevelNote, backend.FindingLevelLook, backend.FindingLevelAct}

func compareLevels(a, b string) int {
	return cmp.Compare(slices.Index(levels, a), slices.Index(levels, b))
}

// addIncidents adds the findings that follow from the lists of known incidents to the result of checkEvents. All installed packages
// are compared, also those of a repository: it can have built a package of the AUR. If the other findings are unavailable because of
// the error err, and a package matches an incident, the result has only this finding and the reason.
func (b *Backend) addIncidents(s *snapshot.Snapshot, names []string, now time.Time, result *backend.AURCheckResult, err error) (*backend.AURCheckResult, error) {
	lists := b.readIncidentLists(now)
	checked := checkIncidents(lists, s.Inputs().Local.Packages, names, now)
	if err != nil {
		if len(checked) == 0 {
			return nil, err
		}
		result = &backend.AURCheckResult{Unavailable: err.Error()}
	}
	result.IncidentLists = describeLists(lists)
	for i := range checked {
		at := slices.IndexFunc(result.Packages, func(p backend.CheckedPackage) bool { return p.Name == checked[i].Name })
		if at < 0 {
			result.Packages = append(result.Packages, checked[i])
			continue
		}
		p := &result.Packages[at]
		p.Findings = append(checked[i].Findings, p.Findings...)
		slices.SortStableFunc(p.Findings, func(a, b backend.AURFinding) int { return compareLevels(b.Level, a.Level) })
		p.Level = p.Findings[0].Level
	}
	if len(checked) > 0 {
		slices.SortStableFunc(result.Packages, compareChecked)
	}
	return result, nil
}

// compareChecked compares packages by the levels of their findings, the highest level first, and then by their names.
func compareChecked(a, b backend.CheckedPackage) int {
	return cmp.Or(
		slices.CompareFunc(b.Findings, a.Findings, func(b, a backend.AURFinding) int { return compareLevels(b.Level, a.Level) }),
		cmp.Compare(a.Name, b.Name),
	)
}

// checkIncidents returns the installed packages, and the named packages that are not installed, that match an incident. If names are given,
// it returns no others.
func checkIncidents(lists []incidents.State, local *pacmandb.Local, names []string, now time.Time) (checked []backend.CheckedPackage) {
	installed := map[string]bool{}
	add := func(p *incidents.Package) {
		if findings := findIncidents(lists, p, now); len(findings) > 0 {
			checked = append(checked, backend.CheckedPackage{
				Name: p.Name, Base: cmp.Or(p.Base, p.Name), Installed: p.Version, Level: findings[0].Level, Findings: findings,
			})
		}
	}
	if local != nil {
		for _, p := range local.Packages {
			installed[p.Name] = true
			if len(names) == 0 || slices.Contains(names, p.Name) {
				add(&incidents.Package{Name: p.Name, Base: p.Base, Version: p.Version, BuildDate: p.BuildDate, InstallDate: p.InstallDate})
			}
		}
	}
	for _, name := range slices.Compact(slices.Sorted(slices.Values(names))) {
		if !installed[name] {
			add(&incidents.Package{Name: name})
		}
	}
	return checked
}
