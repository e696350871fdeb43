package show

import (
	"bufio"
	"cmp"
	"strconv"
	"strings"
	"time"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/shared/wire"
)

// PrintChecked prints a package of the AUR with its findings, one per line. Times are in the local time zone.
func (s Style) PrintChecked(w *bufio.Writer, pkg *backend.CheckedPackage) {
	p := printer{s, w}
	p.setColor(titleColor)
	p.writeClean(visibleName(pkg.Name))
	if pkg.Installed != "" {
		p.writeRaw(" ")
		p.printVersion(pkg.Installed)
	}
	p.setColor(resetColor)
	if pkg.Base != pkg.Name {
		p.writeClean(" (" + visibleName(pkg.Base) + ")")
	}
	if pkg.RequiredBy != "" {
		p.writeClean(", required by " + pkg.RequiredBy)
	}
	p.writeRaw("\n")
	for i := range pkg.Findings {
		f := &pkg.Findings[i]
		p.writeRaw("    ")
		if f.Level != backend.FindingLevelNote {
			p.setColor(warnColor)
		}
		p.writeClean(f.Level)
		p.setColor(resetColor)
		text := ": " + findingText(pkg, f)
		if f.Acknowledged != nil {
			text += " (acknowledged " + f.Acknowledged.Local().Format(time.DateOnly) + ")"
		}
		p.wrapWords(text, 4+textWidth(f.Level), 8)
		p.writeRaw("\n")
		p.printScriptlet(f.Scriptlet)
	}
	p.printEvidence(pkg.Evidence)
}

// visibleName returns a name of a package or package base. If it has characters that are not visible, such as a zero-width space, it
// is quoted and these characters are escaped, because two different names could otherwise look alike.
func visibleName(name string) string {
	if quoted := strconv.Quote(name); quoted != `"`+name+`"` {
		return quoted
	}
	return name
}

// PrintAck prints an acknowledged finding about a package, in one line.
func (s Style) PrintAck(w *bufio.Writer, name string, f *backend.AURFinding, at time.Time) {
	p := printer{s, w}
	p.setColor(titleColor)
	p.writeClean(visibleName(name))
	p.setColor(resetColor)
	p.writeClean(": " + f.Level + ": " + f.Reason + ", acknowledged " + at.Local().Format(time.DateOnly))
	p.writeRaw("\n")
}

// printMarkField prints the level and the reasons of the findings about a package, unless there are none.
func (p printer) printMarkField(m *wire.AURMark) {
	if m != nil {
		p.printField("AUR Findings", m.Level+": "+strings.Join(m.Reasons, ", ")+" (see omg aur check)")
	}
}

// findingText returns the facts of a finding about a package in words.
func findingText(pkg *backend.CheckedPackage, f *backend.AURFinding) (text string) {
	if f.Incident != nil {
		return incidentText(pkg, f.Incident)
	}
	if what := scriptletTexts[f.Reason]; what != "" {
		return "the install scriptlet " + what
	}
	if f.Build != nil {
		return buildChangeText(f)
	}
	if f.Reason == "moved-to-another-base" {
		return "now in the package base " + visibleName(pkg.Base) + ", but the installed package was built from " + visibleName(pkg.BuiltBase)
	}
	add := func(fact string) {
		if text != "" {
			text += ", "
		}
		text += fact
	}
	for i := range f.Events {
		e := &f.Events[i]
		what, more := eventText(e)
		if f.Reason == "appeared-after-installation" {
			what = "seen for the first time, after the installation,"
		}
		if e.Base == pkg.BuiltBase {
			what = "the package base " + visibleName(e.Base) + " " + what
		}
		add(what + " between " + e.Between[0].Local().Format(zonedMinuteFormat) + " and " + e.Between[1].Local().Format(zonedMinuteFormat) + more)
	}
	if f.Updated != nil {
		updated := "last updated " + f.Updated.Local().Format(zonedMinuteFormat)
		switch f.Reason {
		case "updated-without-maintainer":
			updated += ", although the dumps before and after it show no maintainer"
		case "updated-since-dump":
			updated += ", after the last dump"
		}
		add(updated)
	}
	if f.Flagged != nil {
		add("flagged out of date " + f.Flagged.Local().Format(zonedMinuteFormat))
	}
	if f.LookAlikeOf != "" {
		add("one edit from the name of " + strconv.Quote(f.LookAlikeOf) + ", which is older and has at least 100 times as many votes")
	}
	if fact := liveFact(f); fact != "" {
		add(fact)
	}
	if text == "" {
		return "without a maintainer"
	}
	return text
}

// incidentText returns the facts of a finding that follows from a known incident: the dates of the installed package, the days of the
// harmful builds, what happened and where this was published.
func incidentText(pkg *backend.CheckedPackage, i *backend.AURIncident) (text string) {
	if pkg.Installed != "" {
		text = "build date unknown"
		if i.Built != nil {
			text = "built " + i.Built.Local().Format(zonedMinuteFormat)
		}
		if i.InstalledAt != nil {
			text += ", installed " + i.InstalledAt.Local().Format(zonedMinuteFormat)
		}
		text += "; "
	}
	text += "builds from " + i.First + " to " + i.Last + " (UTC) are harmful"
	if i.Versions != "" {
		text += ", versions " + i.Versions
	}
	return text + ": " + i.What + " " + i.Source
}

// zonedMinuteFormat is the format of times in findings. The offset keeps their order clear when daylight saving time ends.
const zonedMinuteFormat = minuteFormat + " -0700"

// quoteValue puts a value of an event in quotation marks, and escapes what is not printable, so that it cannot be taken for a part of
// the sentence.
func quoteValue(value *string) string {
	if value == nil {
		return "nobody"
	}
	return strconv.Quote(*value)
}

// maintainer returns the name of a maintainer in quotation marks. A published journal can leave names out.
func maintainer(name *string) string {
	if name == nil {
		return "somebody"
	}
	return quoteValue(name)
}

// eventText returns what happened to a package base, for an event from which a finding follows. The text more follows the
// interval of the event; it is usually empty.
func eventText(e *backend.AUREvent) (what, more string) {
	switch e.Event {
	case "adopted":
		what = "adopted by " + maintainer(e.To)
	case "maintainer-changed":
		what = "maintainer changed"
		if e.From != nil && e.To != nil {
			what += " from " + quoteValue(e.From) + " to " + quoteValue(e.To)
		}
	case "comaintainer-added":
		what = "co-maintainer added"
		if e.To != nil {
			what = "co-maintainer " + quoteValue(e.To) + " added"
		}
	case "recreated":
		what = "deleted and created again"
	case "first-seen":
		what = "created again"
	case "young-dependency-added":
		what = "new dependency " + quoteValue(e.To) + ", which was then new in the AUR, added"
	case "updated-after-dormancy":
		what, more = "updated", " for the first time since "+localTime(*cmp.Or(e.From, new(string)))
	case "orphaned":
		what = "orphaned by " + maintainer(e.From)
	default:
		what = e.Event
	}
	return what, more
}
