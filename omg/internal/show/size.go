package show

import (
	"bufio"
	"fmt"
	"strings"

	"github.com/omg-arch/omg/omg/internal/backend"
)

const sizeWidth = 10

// PrintSizeHeader prints the line above the sizes of packages or, if groups is set, of groups.
func (s Style) PrintSizeHeader(w *bufio.Writer, groups bool) {
	header := fmt.Sprintf("%*s %*s  Package", sizeWidth, "Size", sizeWidth, "-Rs frees")
	if groups {
		header = fmt.Sprintf("%*s  Group", sizeWidth, "Size")
	}
	p := printer{s, w}
	p.setColor(titleColor)
	p.writeRaw(header)
	p.setColor(resetColor)
	p.writeRaw("\n")
}

// PrintPackageSize prints the sizes of a package. With names, it prints the names of the packages that only this one needs.
func (s Style) PrintPackageSize(w *bufio.Writer, pkg *backend.PackageSize, names bool) {
	p := printer{s, w}
	p.writeRaw(fmt.Sprintf("%*s %*s  ", sizeWidth, ShortSize(pkg.Size), sizeWidth, ShortSize(pkg.RemovedSize)))
	p.setColor(titleColor)
	p.writeClean(pkg.Name)
	p.setColor(resetColor)
	if n := len(pkg.OnlyNeeded); n > 0 {
		p.writeRaw(" and " + countNoun(n, "", "package") + " that only it needs")
	}
	if pkg.RequiredBy > 0 && names {
		p.printMark("required by " + countNoun(pkg.RequiredBy, "", "package"))
	}
	p.writeRaw("\n")
	if names && len(pkg.OnlyNeeded) > 0 {
		indent := 2*sizeWidth + 3
		p.writeRaw(strings.Repeat(" ", indent))
		p.wrap(strings.Join(pkg.OnlyNeeded, " "), indent)
		p.writeRaw("\n")
	}
}

// PrintTotalSize prints the size of all installed packages.
func (s Style) PrintTotalSize(w *bufio.Writer, all *backend.SizeResult) {
	printer{s, w}.writeRaw("All installed packages: " + countNoun(all.PackageCount, "", "package") + ", " + ShortSize(all.TotalSize) + "\n")
}

// PrintGroupSize prints the size of a group.
func (s Style) PrintGroupSize(w *bufio.Writer, g *backend.GroupSize) {
	p := printer{s, w}
	p.writeRaw(fmt.Sprintf("%*s  ", sizeWidth, ShortSize(g.Size)))
	p.setColor(titleColor)
	p.writeClean(g.Name)
	p.setColor(resetColor)
	p.writeRaw(" (" + countNoun(g.PackageCount, "", "package") + ")\n")
}
