package direct

import (
	"cmp"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/shared/aurlevel"
	"github.com/omg-arch/omg/shared/config"
	"github.com/omg-arch/omg/shared/incidents"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/paths"
	"github.com/omg-arch/omg/shared/snapshot"
)

// maxConfirmedAge is the age of the last confirmation of a list by its server from which incidents may be missing. omgd asks once a
// day.
const maxConfirmedAge = 48 * time.Hour

// incidentLists holds the lists of known incidents that could be read, and a description of each list.
type incidentLists struct {
	readable  []*incidents.List
	described []backend.IncidentList
}

// readIncidentLists reads the list that is installed with omg, and the lists in the settings.
func (b *Backend) readIncidentLists(now time.Time) *incidentLists {
	found := &incidentLists{described: []backend.IncidentList{}}
	loaded, err := config.Load(b.env, false)
	if err != nil {
		found.add("aur.incidents.lists", nil, "the settings cannot be read: "+err.Error(), now)
		loaded = &config.Loaded{Config: config.Default()}
	}
	if loaded.AUR.Incidents.Shipped {
		path, err := paths.SharedFilePath(incidents.ShippedName)
		var list *incidents.List
		if err == nil {
			list, err = incidents.ReadFile(path, b.env.Trusts)
		}
		found.add(cmp.Or(path, incidents.ShippedName), list, errorText(err), now)
	}
	for _, element := range loaded.AUR.Incidents.Lists {
		location, err := incidents.ParseLocation(element)
		switch {
		case err != nil:
			found.add(element, nil, err.Error(), now)
		case location.Path != "":
			list, err := incidents.ReadFile(location.Path, b.env.Trusts)
			found.add(location.Path, list, errorText(err), now)
		default:
			list, problem := b.readDownloadedList(&location, now)
			found.add(location.Address, list, problem, now)
		}
	}
	return found
}

// readDownloadedList reads the list of a server that omgd has downloaded, and verifies its signature. If several data directories have
// the list, it returns the one with the highest sequence number.
func (b *Backend) readDownloadedList(location *incidents.Location, now time.Time) (newest *incidents.List, problem string) {
	var confirmedAt time.Time
	for _, dir := range b.indexDirs() {
		list, at, err := incidents.ReadSigned(location, filepath.Join(dir, location.FileName()), b.env.Trusts)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			problem = err.Error()
		case newest == nil || list.Sequence > newest.Sequence || list.Sequence == newest.Sequence && at.After(confirmedAt):
			newest, confirmedAt = list, at
		}
	}
	switch {
	case newest == nil:
		return nil, cmp.Or(problem, "not downloaded yet: omgd downloads it")
	case now.Sub(confirmedAt) > maxConfirmedAge:
		return newest, "its server last confirmed it on " + confirmedAt.Local().Format(time.DateOnly)
	}
	return newest, ""
}

// errorText returns the text of an error, or an empty string if there is none.
func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// add adds a list, which is nil if it could not be read.
func (l *incidentLists) add(location string, list *incidents.List, problem string, now time.Time) {
	described := backend.IncidentList{Location: location, Problem: problem}
	if list != nil {
		l.readable = append(l.readable, list)
		described.Name, described.Sequence, described.Expires, described.Warnings = list.Name, list.Sequence, list.Expires.String(), list.Warnings
		if list.IsExpired(now) {
			described.Problem = "expired after " + described.Expires + ": later incidents are unknown"
		}
	}
	l.described = append(l.described, described)
}

// match returns the findings about a package that follow from the lists, the highest level first.
func (l *incidentLists) match(p *incidents.Package, now time.Time) (findings []backend.AURFinding) {
	for _, list := range l.readable {
		for _, m := range list.Match(p, now) {
			f := aurlevel.FindIncident(m.Kind)
			findings = append(findings, backend.AURFinding{
				Level: f.Level.String(), Reason: string(f.Reason), Events: []backend.AUREvent{},
				Incident: &backend.AURIncident{
					What: m.Incident.What, Source: m.Incident.Source, List: list.Path, First: m.Incident.First.String(), Last: m.Incident.Last.String(),
					Versions: m.Incident.VersionText(), Built: timeOrNil(p.BuildDate), InstalledAt: timeOrNil(p.InstallDate),
				},
			})
		}
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
	checked := lists.matchAll(s.Inputs().Local.Packages, names, now)
	if err != nil {
		if len(checked) == 0 {
			return nil, err
		}
		result = &backend.AURCheckResult{Unavailable: err.Error()}
	}
	result.IncidentLists = lists.described
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

// matchAll returns the installed packages, and the named packages that are not installed, that match an incident. If names are given,
// it returns no others.
func (l *incidentLists) matchAll(local *pacmandb.Local, names []string, now time.Time) (checked []backend.CheckedPackage) {
	installed := map[string]bool{}
	add := func(p *incidents.Package) {
		if findings := l.match(p, now); len(findings) > 0 {
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
