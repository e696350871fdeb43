package direct

import (
	"time"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/shared/aurlevel"
	"github.com/omg-arch/omg/shared/config"
	"github.com/omg-arch/omg/shared/incidents"
)

// readIncidentLists reads the list that is installed with omg, and the lists in the settings. It also returns the levels in the settings.
func (b *Backend) readIncidentLists(now time.Time) ([]incidents.State, aurlevel.Levels) {
	var lists []incidents.State
	loaded, err := config.Load(b.env, false)
	if err != nil {
		lists = append(lists, incidents.State{Location: "aur.incidents.lists", Problem: "the settings cannot be read: " + err.Error()})
		loaded = &config.Loaded{Config: config.Default()}
	}
	wanted := incidents.Sources{
		HasShipped: loaded.AUR.Incidents.Shipped, Elements: incidents.ParseElements(loaded.AUR.Incidents.Lists), Dirs: b.indexDirs(), IsTrusted: b.env.Trusts,
	}
	return append(lists, wanted.Read(now)...), aurlevel.ParseLevels(loaded.AUR.Levels.ByReason())
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

// describeIncident returns an incident and the package that matches it in the form in which the backend returns them.
func describeIncident(i *aurlevel.Incident) *backend.AURIncident {
	if i == nil {
		return nil
	}
	return &backend.AURIncident{
		What: i.Incident.What, Source: i.Incident.Source, List: i.List.Path, First: i.Incident.First.String(), Last: i.Incident.Last.String(),
		Versions: i.Incident.VersionText(), Built: timeOrNil(i.Package.BuildDate), InstalledAt: timeOrNil(i.Package.InstallDate),
	}
}
