package show

import (
	"bufio"
	"time"

	"github.com/omg-arch/omg/shared/wire"
)

// Foreign prints a line about a package that is in no repository: its newer version in the AUR, or another state, such
// as deleted from the AUR.
func (s Style) Foreign(w *bufio.Writer, u *wire.ForeignPackage) {
	p := printer{s, w}
	p.nameVersion(u.Name, u.Installed)
	if u.State == wire.ForeignUpdate {
		p.raw(" -> ")
		p.version(u.Version)
	}
	p.mark("aur")
	switch u.State {
	case wire.ForeignNewer:
		p.mark("newer than " + u.Version)
	case wire.ForeignVCS:
		p.mark("unknown (VCS)")
	case wire.ForeignGone:
		p.mark("gone from the AUR")
	case wire.ForeignUnknown:
		p.mark("unknown")
	}
	if u.OutOfDate != 0 {
		p.mark("out of date since " + time.Unix(u.OutOfDate, 0).Format(time.DateOnly))
	}
	if u.Orphan {
		p.mark("orphan")
	}
	if u.Ignored {
		p.mark("ignored")
	}
	p.raw("\n")
}
