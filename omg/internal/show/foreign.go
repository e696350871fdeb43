package show

import (
	"bufio"
	"time"

	"github.com/omg-arch/omg/shared/wire"
)

// PrintForeign prints a line about a package that is in no repository: its newer version in the AUR, or another state, such
// as deleted from the AUR.
func (s Style) PrintForeign(w *bufio.Writer, u *wire.ForeignPackage) {
	p := printer{s, w}
	p.printNameVersion(u.Name, u.Installed)
	if u.State == wire.ForeignUpdate {
		p.writeRaw(" -> ")
		p.printVersion(u.AURVersion)
	}
	p.printMark("aur")
	for _, mark := range foreignMarks(u) {
		p.printMark(mark)
	}
	p.writeRaw("\n")
}

// findingLevel returns the level of the findings about a package; empty if there is nothing to look at.
func findingLevel(mark *wire.AURMark) string {
	if mark == nil || mark.Level == wire.FindingLevelNote {
		return ""
	}
	return mark.Level
}

// foreignMarks returns the marks for the state of a package that is in no repository.
func foreignMarks(u *wire.ForeignPackage) (marks []string) {
	switch u.State {
	case wire.ForeignInstalledNewer:
		marks = append(marks, "newer than "+u.AURVersion)
	case wire.ForeignVCS:
		marks = append(marks, "unknown (VCS)")
	case wire.ForeignGone:
		marks = append(marks, "gone from the AUR")
	case wire.ForeignUnknown:
		marks = append(marks, "unknown")
	}
	if u.OutOfDate != 0 {
		marks = append(marks, "out of date since "+time.Unix(u.OutOfDate, 0).Format(time.DateOnly))
	}
	if u.Orphan {
		marks = append(marks, "orphan")
	}
	if u.Ignored {
		marks = append(marks, "ignored")
	}
	return marks
}
