package direct

import (
	"time"

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
