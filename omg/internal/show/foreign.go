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
	if mark := u.AURFindings; mark != nil && mark.Level != wire.FindingLevelNote {
		p.printMark("aur " + mark.Level)
	} else {
		p.printMark("aur")
	}
	switch u.State {
	case wire.ForeignInstalledNewer:
		p.printMark("newer than " + u.AURVersion)
	case wire.ForeignVCS:
		p.printMark("unknown (VCS)")
	case wire.ForeignGone:
		p.printMark("gone from the AUR")
	case wire.ForeignUnknown:
		p.printMark("unknown")
	}
	if u.OutOfDate != 0 {
		p.printMark("out of date since " + time.Unix(u.OutOfDate, 0).Format(time.DateOnly))
	}
	if u.Orphan {
		p.printMark("orphan")
	}
	if u.Ignored {
		p.printMark("ignored")
	}
	p.writeRaw("\n")
}
