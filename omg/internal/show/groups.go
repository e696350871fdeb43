package show

import (
	"bufio"
	"fmt"
	"strings"

	"github.com/omg-arch/omg/omg/internal/backend"
)

// PrintGroups prints a line for each group, with the number of its packages.
func (s Style) PrintGroups(w *bufio.Writer, groups []backend.Group) {
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
