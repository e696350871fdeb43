package show

import (
	"bufio"
	"strconv"

	"github.com/omg-arch/omg/shared/inventory"
)

// PrintInventory prints a summary of an inventory.
func (s Style) PrintInventory(w *bufio.Writer, v *inventory.Inventory) {
	p := printer{s, w}
	p.printDashboardRow("Host", "", v.Host)
	identity := v.Identity
	if identity == "" {
		identity = "unknown: the host has no machine ID"
	}
	p.printDashboardRow("Identity", "", identity)
	parts := []struct {
		label string
		name  inventory.PartName
		count int
	}{
		{"Packages", inventory.PartPackages, len(v.Packages)},
		{"Updates", inventory.PartUpdates, len(v.Updates)},
		{"Advisories", inventory.PartAdvisories, len(v.Advisories)},
		{"AUR", inventory.PartFindings, len(v.Findings)},
	}
	for _, row := range parts {
		part := v.FindPart(row.name)
		if part.State == inventory.PartUnknown {
			p.printDashboardRow(row.label, "", "unknown: "+part.Why)
			continue
		}
		text := strconv.Itoa(row.count)
		switch row.name {
		case inventory.PartAdvisories:
			text += " packages with advisories"
		case inventory.PartFindings:
			text += " packages with findings"
		}
		if part.State != inventory.PartOK {
			text += " (" + part.String() + ")"
		}
		p.printDashboardRow(row.label, "", text)
	}
	if v.RebootNeeded != nil && *v.RebootNeeded {
		p.printDashboardRow("Reboot", warnColor, "needed: the modules of the running kernel "+v.Kernel+" are not installed any more")
	}
}
