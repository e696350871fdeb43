package show

import (
	"bufio"
	"fmt"
	"strconv"

	"github.com/omg-arch/omg/shared/wire"
)

// PrintSearchResult prints a package as a search result: a line with name and version, and the description below.
func (s Style) PrintSearchResult(w *bufio.Writer, pkg *wire.Package) {
	p := printer{s, w}
	p.printRepoPackage(pkg.Repo, pkg.Name, pkg.Version)
	p.printGroups(pkg.Groups)
	p.printAURMarks(pkg)
	p.printInstalledMark(pkg)
	p.newline(4)
	p.wrap(pkg.Desc, 4)
	p.writeRaw("\n")
	if pkg.Rank != nil {
		p.writeRaw("    ")
		p.wrapWords(describeRank(pkg.Rank), 4, 4)
		p.writeRaw("\n")
	}
}

// placeTexts describes where the words of a search were found.
var placeTexts = map[string]string{
	wire.PlaceName:       "equal to the name",
	wire.PlaceProvides:   "equal to a provided name",
	wire.PlaceNamePrefix: "at the start of the name",
	wire.PlaceNameWord:   "at the start of a word in the name",
	wire.PlaceKind:       "the kind that the description names",
	wire.PlaceInName:     "in the name",
	wire.PlaceGroup:      "in a group or provided name",
	wire.PlaceDesc:       "in the description",
}

// describeRank describes a rank in a line.
func describeRank(r *wire.SearchRank) string {
	place, ok := placeTexts[r.Place]
	if !ok {
		place = "in " + r.Place
	}
	text := fmt.Sprintf("%s: closeness %d + prominence %d = %d", place, r.Closeness, r.Prominence, int(r.Closeness)+int(r.Prominence))
	if r.Share != nil && r.SharePoints != nil {
		text += fmt.Sprintf(" (%d of the prominence because pkgstats found it on %.2f %% of machines)", *r.SharePoints, *r.Share)
	}
	return text
}

func (p printer) printAURMarks(pkg *wire.Package) {
	if pkg.AUR == nil {
		return
	}
	p.writeRaw(" (+")
	p.writeRaw(strconv.FormatUint(uint64(pkg.AUR.Votes), 10))
	p.writeRaw(" ")
	p.writeRaw(strconv.FormatFloat(pkg.AUR.Popularity, 'f', 2, 64))
	p.writeRaw(")")
	if pkg.AUR.OutOfDate != 0 {
		p.printMark("out of date")
	}
	if pkg.Shadowed {
		p.printMark("shadowed")
	}
}

func (p printer) printInstalledMark(pkg *wire.Package) {
	p.printInstalledVersion(pkg.InstalledVersion, pkg.Version)
}

// printInstalledVersion prints a mark with the installed version of a package, if it is installed.
func (p printer) printInstalledVersion(installed, version string) {
	switch installed {
	case "":
	case version:
		p.printMark("installed")
	default:
		p.printMark("installed: " + installed)
	}
}

func (p printer) printMark(s string) {
	p.writeRaw(" ")
	p.setColor(markColor)
	p.writeRaw("[")
	p.writeClean(s)
	p.writeRaw("]")
	p.setColor(resetColor)
}
