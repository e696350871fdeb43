package show

import (
	"bufio"
	"fmt"
	"strings"
)

// Group is a group of packages.
type Group struct {
	Name     string         `json:"name"`
	Packages []GroupPackage `json:"packages"`
}

// GroupPackage is a package of a group.
type GroupPackage struct {
	// Repo is the repository of the package, or local.
	Repo    string `json:"repo"`
	Name    string `json:"name"`
	Version string `json:"version"`
	// Installed is the installed version; empty if the package is not installed.
	Installed string `json:"installed,omitempty"`
}

// PrintGroups prints a line for each group, with the number of its packages.
func (s Style) PrintGroups(w *bufio.Writer, groups []Group) {
	p := printer{s, w}
	const maxWidth = 40
	width := 0
	for i := range groups {
		width = max(width, min(maxWidth, textWidth(p.clean(groups[i].Name))))
	}
	for i := range groups {
		g := &groups[i]
		name, installed := p.clean(g.Name), 0
		for k := range g.Packages {
			if g.Packages[k].Installed != "" {
				installed++
			}
		}
		p.setColor(titleColor)
		p.writeRaw(name)
		p.setColor(resetColor)
		p.writeRaw(strings.Repeat(" ", max(0, width-textWidth(name))) + "  " + countNoun(len(g.Packages), "", "package"))
		switch installed {
		case 0:
		case len(g.Packages):
			p.writeRaw(", all installed")
		default:
			fmt.Fprintf(w, ", %d installed", installed)
		}
		p.writeRaw("\n")
	}
}
