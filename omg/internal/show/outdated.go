package show

import (
	"bufio"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/omg-arch/omg/shared/termtext"
	"github.com/omg-arch/omg/shared/wire"
)

// UpdateTable is what omg outdated shows on a terminal.
type UpdateTable struct {
	Updates        []wire.Update
	Replacements   []wire.Replacement
	InstalledNewer []wire.Update
	Foreign        []wire.ForeignPackage
	// ShowAdvisories means that the advisories that an update fixes are listed. AlwaysShowSizes means that the sizes are shown even if
	// the rows are then wider than the terminal. ShowBuildDates means that the dates of the builds are shown. UnknownForeign is the number of
	// foreign packages of which it is unknown whether there is an update. Partial means that a source that could not be read may have further
	// updates.
	ShowAdvisories, AlwaysShowSizes, ShowBuildDates, Partial bool
	UnknownForeign                                           int
}

// updateRow is a row of the table. Its texts are clean.
type updateRow struct {
	repo, name, installed, version string // version is empty if there is no other version
	download, change               string
	marks                          []string
	isSevere                       bool // the first mark is about a severe advisory
}

// If the rows are wider than the terminal, wider names and versions do not widen their columns.
const (
	maxNameColumn    = 28
	maxVersionColumn = 34
	updateIndent     = 4
	arrow            = " -> "
)

// PrintUpdateTable prints updates in aligned columns, those of the AUR apart, and a line with the totals.
func (s Style) PrintUpdateTable(w *bufio.Writer, t *UpdateTable) {
	p := printer{s, w}
	repositories, foreign := t.repositoryRows(), t.foreignRows()
	all := append(repositories[:len(repositories):len(repositories)], foreign...)
	columns := measureColumns(all, math.MaxInt, math.MaxInt)
	if s.Width > 0 && columns.total() > s.Width {
		columns = measureColumns(all, maxNameColumn, maxVersionColumn)
	}
	columns.hasSizes = t.AlwaysShowSizes || s.Width == 0 || columns.total() <= s.Width
	for i := range repositories {
		p.printUpdateRow(&repositories[i], &columns)
	}
	if len(repositories) > 0 && len(foreign) > 0 {
		p.writeRaw("\n")
	}
	for i := range foreign {
		p.printUpdateRow(&foreign[i], &columns)
	}
	if len(repositories)+len(foreign) > 0 {
		p.writeRaw("\n")
		p.wrap(t.totals(), 0)
		p.writeRaw("\n")
	}
}

func (t *UpdateTable) repositoryRows() (rows []updateRow) {
	for i := range t.Updates {
		u := &t.Updates[i]
		row := updateRow{repo: termtext.Clean(u.Repo), name: termtext.Clean(u.Name), installed: termtext.Clean(u.Installed), version: termtext.Clean(u.Version)}
		if u.DownloadSize != nil {
			row.download = ShortSize(*u.DownloadSize)
		}
		if u.SizeChange != nil {
			row.change = shortSizeChange(*u.SizeChange)
		}
		if len(u.Fixes) > 0 {
			mark := strings.TrimSuffix("security "+u.Severity, " ")
			if t.ShowAdvisories {
				mark += ": " + strings.Join(u.Fixes, " ")
			}
			row.marks = append(row.marks, termtext.Clean(mark))
			row.isSevere = strings.EqualFold(u.Severity, "high") || strings.EqualFold(u.Severity, "critical")
		}
		if t.ShowBuildDates {
			row.marks = append(row.marks, buildDateMark(u.BuiltAt))
		}
		row.addIgnored(u.Ignored)
		rows = append(rows, row)
	}
	for i := range t.Replacements {
		r := &t.Replacements[i]
		row := updateRow{repo: termtext.Clean(r.Repo), name: termtext.Clean(r.By), installed: termtext.Clean(r.Version)}
		row.marks = append(row.marks, termtext.Clean("replaces "+r.ReplacedName+" "+r.Installed))
		row.addIgnored(r.Ignored)
		rows = append(rows, row)
	}
	for i := range t.InstalledNewer {
		u := &t.InstalledNewer[i]
		row := updateRow{repo: termtext.Clean(u.Repo), name: termtext.Clean(u.Name), installed: termtext.Clean(u.Installed)}
		row.marks = append(row.marks, termtext.Clean("newer than "+u.Version))
		row.addIgnored(u.Ignored)
		rows = append(rows, row)
	}
	return rows
}

func buildDateMark(unix int64) string {
	if unix == 0 {
		return "build date unknown"
	}
	return "built " + time.Unix(unix, 0).Local().Format(time.DateOnly)
}

func (r *updateRow) addIgnored(is bool) {
	if is {
		r.marks = append(r.marks, "ignored")
	}
}

func (t *UpdateTable) foreignRows() (rows []updateRow) {
	for i := range t.Foreign {
		u := &t.Foreign[i]
		row := updateRow{repo: wire.SourceAUR, name: termtext.Clean(u.Name), installed: termtext.Clean(u.Installed)}
		if u.State == wire.ForeignUpdate {
			row.version = termtext.Clean(u.AURVersion)
		}
		if level := findingLevel(u.AURFindings); level != "" {
			row.marks = append(row.marks, termtext.Clean(level))
			row.isSevere = level == wire.FindingLevelAct
		}
		for _, mark := range foreignMarks(u) {
			row.marks = append(row.marks, termtext.Clean(mark))
		}
		rows = append(rows, row)
	}
	return rows
}

// updateColumns holds the widths of the columns.
type updateColumns struct {
	repo, name, versions, download, change int
	hasSizes                               bool
}

func (c *updateColumns) total() int {
	return c.repo + c.name + c.versions + c.download + c.change + 4*2
}

func (r *updateRow) versionsWidth() int {
	if r.version == "" {
		return textWidth(r.installed)
	}
	return textWidth(r.installed) + len(arrow) + textWidth(r.version)
}

// measureColumns returns the widths of the columns. Names wider than maxName and versions wider than maxVersions do not widen theirs.
func measureColumns(rows []updateRow, maxName, maxVersions int) (c updateColumns) {
	for i := range rows {
		r := &rows[i]
		c.repo = max(c.repo, min(textWidth(r.repo), maxName))
		c.name = max(c.name, min(textWidth(r.name), maxName))
		c.versions = max(c.versions, min(r.versionsWidth(), maxVersions))
		c.download, c.change = max(c.download, len(r.download)), max(c.change, len(r.change))
	}
	return c
}

// rowPrinter prints the cells of a row. A cell that would not fit on the line is printed on the next one.
type rowPrinter struct {
	printer
	at     int // the column after the last cell
	column int // the column in which the next cell begins
}

// cell prints a cell of the given width in a column that is columnWidth wide.
func (r *rowPrinter) cell(width, columnWidth int, print func()) {
	if r.Width > 0 && r.at > 0 && max(r.column, r.at+1)+width > r.Width {
		r.newline(updateIndent)
		r.at, r.column = updateIndent, updateIndent
	} else if r.at > 0 {
		blanks := max(r.column-r.at, 1)
		r.writeRaw(strings.Repeat(" ", blanks))
		r.at += blanks
	}
	print()
	r.at += width
	r.column += columnWidth + 2
}

// text prints a cell with a clean text, which is cut off if it is wider than a line.
func (r *rowPrinter) text(text, color string, columnWidth int) {
	if r.Width > updateIndent+1 {
		text = cutText(text, r.Width-updateIndent)
	}
	r.cell(textWidth(text), columnWidth, func() {
		r.setColor(color)
		r.writeRaw(text)
		if color != "" {
			r.setColor(resetColor)
		}
	})
}

func (p printer) printUpdateRow(row *updateRow, c *updateColumns) {
	r := &rowPrinter{printer: p}
	r.text(row.repo, repoColor, c.repo)
	r.text(row.name, titleColor, c.name)
	if row.version == "" {
		r.text(row.installed, versionColor, c.versions)
	} else if p.Width > 0 && row.versionsWidth() > p.Width-updateIndent {
		r.text(row.installed, "", c.versions)
		r.text(strings.TrimLeft(arrow, " ")+row.version, "", 0)
	} else {
		r.cell(row.versionsWidth(), c.versions, func() { p.printVersionChange(row.installed, row.version) })
	}
	if c.hasSizes && (row.download != "" || row.change != "") {
		r.text(fmt.Sprintf("%*s  %*s", c.download, row.download, c.change, row.change), "", c.download+2+c.change)
	}
	if r.column > 0 && len(row.marks) > 0 {
		r.column = 0 // marks follow the last cell
	}
	for i, mark := range row.marks {
		color := markColor
		if i == 0 && row.isSevere {
			color = failedColor
		}
		r.text("["+mark+"]", color, 0)
	}
	p.writeRaw("\n")
}

// printVersionChange prints two clean versions. The part from the first difference on is coloured.
func (p printer) printVersionChange(installed, version string) {
	same := commonVersionPrefix(installed, version)
	p.writeRaw(installed[:same])
	p.setColor(failedColor)
	p.writeRaw(installed[same:])
	p.setColor(resetColor)
	p.writeRaw(arrow + version[:same])
	p.setColor(versionColor)
	p.writeRaw(version[same:])
	p.setColor(resetColor)
}

// commonVersionPrefix returns the length of the beginning that two versions share. It ends after a separator, so that a number is not
// divided: 1.19 and 1.2 share "1.".
func commonVersionPrefix(a, b string) int {
	same := 0
	for i := 0; i < min(len(a), len(b)) && a[i] == b[i]; i++ {
		if strings.IndexByte(".:-_+~", a[i]) >= 0 {
			same = i + 1
		}
	}
	return same
}

// ShortSize returns a number of bytes with one decimal.
func ShortSize(bytes uint64) string {
	v, unit := float64(bytes), 0
	for v >= 1000 && unit < len(sizeUnits)-1 {
		v, unit = v/1024, unit+1
	}
	if unit == 0 {
		return fmt.Sprintf("%d %s", bytes, sizeUnits[0])
	}
	return fmt.Sprintf("%.1f %s", v, sizeUnits[unit])
}

func shortSizeChange(bytes int64) string {
	if bytes < 0 {
		return "-" + ShortSize(uint64(-bytes))
	}
	return "+" + ShortSize(uint64(bytes))
}

// totals returns a line with the number of updates and the sum of their sizes. Ignored updates do not count for the sizes.
func (t *UpdateTable) totals() string {
	var download, unknown uint64
	var change int64
	ignored := 0
	for i := range t.Updates {
		switch u := &t.Updates[i]; {
		case u.Ignored:
			ignored++
		case u.DownloadSize == nil || u.SizeChange == nil:
			unknown++
		default:
			download, change = download+*u.DownloadSize, change+*u.SizeChange
		}
	}
	mark := ""
	if t.Partial {
		mark = "?"
	}
	parts := []string{countNoun(len(t.Updates), mark, "update")}
	if ignored > 0 {
		parts[0] += fmt.Sprintf(" (%d ignored)", ignored)
	}
	if n := len(t.Replacements); n > 0 {
		parts = append(parts, countNoun(n, mark, "replacement"))
	}
	fromAUR := 0
	for i := range t.Foreign {
		if t.Foreign[i].State == wire.ForeignUpdate {
			fromAUR++
		}
	}
	switch {
	case fromAUR > 0 && len(t.Updates) == 0:
		parts[0] = countNoun(fromAUR, mark, "update") + " from the AUR"
	case fromAUR > 0:
		parts = append(parts, fmt.Sprintf("%d%s from the AUR", fromAUR, mark))
	}
	if t.UnknownForeign > 0 {
		parts = append(parts, fmt.Sprintf("unknown for %d of the AUR", t.UnknownForeign))
	}
	if len(t.Updates)-ignored > int(unknown) {
		sizes := "download " + ShortSize(download) + ", installed size " + shortSizeChange(change)
		if unknown > 0 {
			sizes += fmt.Sprintf(" (without %d of unknown size)", unknown)
		}
		parts = append(parts, sizes)
	}
	return strings.Join(parts, ", ")
}

func countNoun(n int, mark, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d%s %s", n, mark, noun)
}
