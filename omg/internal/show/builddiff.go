package show

import (
	"bufio"
	"fmt"
	"strconv"
	"strings"

	"github.com/omg-arch/omg/omg/internal/backend"
	"github.com/omg-arch/omg/shared/termtext"
)

// PrintDiff prints what differs between two copies of build files: first the facts, one per line, and then the lines of each file.
func (s Style) PrintDiff(w *bufio.Writer, d *backend.AURDiff) {
	p := printer{s, w}
	p.setColor(titleColor)
	p.writeClean(visibleName(d.Base))
	p.setColor(resetColor)
	p.wrapWords(fmt.Sprintf(": %s and %s", copyText(d.From), copyText(d.To)), textWidth(p.clean(visibleName(d.Base))), 4)
	p.writeRaw("\n")
	for i := range d.Changes {
		c := &d.Changes[i]
		p.writeRaw("    ")
		if isWarning(c.Change) {
			p.setColor(warnColor)
		}
		p.writeClean(changeLabel(c.Change))
		p.setColor(resetColor)
		p.wrapWords(": "+valuesText(c.Old, c.New), 4+textWidth(changeLabel(c.Change)), 8)
		p.writeRaw("\n")
	}
	for _, unknown := range d.Unknown {
		p.writeRaw("    ")
		p.setColor(warnColor)
		p.writeRaw("unknown")
		p.setColor(resetColor)
		p.wrapWords(": "+unknown, 4+len("unknown"), 8)
		p.writeRaw("\n")
	}
	for i := range d.Files {
		p.printFileDiff(&d.Files[i])
	}
}

// copyText describes a copy of build files.
func copyText(c *backend.BuildCopy) string {
	version := "version unknown"
	if c.Version != "" {
		version = c.Version
	}
	if c.Number == 0 {
		return termtext.Clean(fmt.Sprintf("the AUR's PKGBUILD (%s, of %s)", version, c.Copied.Local().Format(minuteFormat)))
	}
	return termtext.Clean(fmt.Sprintf("copy %d (%s, of %s)", c.Number, version, c.Copied.Local().Format(minuteFormat)))
}

// isWarning reports whether a change is a reason to look at the build files.
func isWarning(change string) bool {
	switch change {
	case "source-host-changed", "checksum-skipped", "install-script-added", "install-script-changed", "srcinfo-differs":
		return true
	}
	return false
}

// changeLabel returns a change in words.
func changeLabel(change string) string {
	switch change {
	case "checksum-skipped":
		return "no checksum any more"
	case "srcinfo-differs":
		return ".SRCINFO differs from the PKGBUILD"
	}
	return strings.ReplaceAll(change, "-", " ")
}

// buildChangeText returns the facts of a finding that follows from a difference between two copies of build files.
func buildChangeText(f *backend.AURFinding) string {
	return changeLabel(f.Reason) + ": " + valuesText(nil, f.Build.Values) + ", between the copies of the build files of " +
		f.Build.Copies[0].Local().Format(zonedMinuteFormat) + " and " + f.Build.Copies[1].Local().Format(zonedMinuteFormat)
}

// maxValues is the maximum number of values of a change that are printed.
const maxValues = 20

// valuesText returns the old and the new values of a change.
func valuesText(old, now []string) string {
	quote := func(list []string) string {
		var quoted []string
		for i, value := range list {
			if i == maxValues {
				quoted = append(quoted, fmt.Sprintf("%d more", len(list)-maxValues))
				break
			}
			quoted = append(quoted, strconv.Quote(value))
		}
		return strings.Join(quoted, ", ")
	}
	switch {
	case len(old) == 0:
		return quote(now)
	case len(now) == 0:
		return "no longer " + quote(old)
	}
	return quote(old) + " -> " + quote(now)
}

// printFileDiff prints the differences of a file.
func (p printer) printFileDiff(f *backend.FileDiff) {
	p.writeRaw("\n")
	p.setColor(titleColor)
	p.writeClean(visibleName(f.Name))
	p.setColor(resetColor)
	p.writeRaw(" " + f.State)
	if f.IsTooLong {
		p.writeRaw(", with too many lines to compare\n")
		return
	}
	p.writeRaw("\n")
	for line := range strings.Lines(f.Diff) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "+"):
			p.setColor(versionColor)
		case strings.HasPrefix(line, "-"):
			p.setColor(failedColor)
		case strings.HasPrefix(line, "@@"):
			p.setColor(markColor)
		}
		for i, part := range strings.Split(line, "\t") {
			if i > 0 {
				p.writeRaw("\t")
			}
			p.writeClean(part)
		}
		p.setColor(resetColor)
		p.writeRaw("\n")
	}
}
