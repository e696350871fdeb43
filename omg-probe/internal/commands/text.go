package commands

import (
	"path"
	"slices"
	"strings"
	"time"
)

// oldAfter is the age of the lists after which a person should know it.
const oldAfter = 30 * 24 * time.Hour

// Text returns an answer about a command as lines for a person, or "" if nothing is known. searchPath is the content of PATH,
// and now the time.
func (f Finder) Text(name string, a Answer, searchPath string, now time.Time) string {
	text := f.packagesText(name, a, searchPath)
	if asOf := time.Unix(a.AsOf, 0); text != "" && now.Sub(asOf) > oldAfter {
		text += "The lists of files are from " + asOf.UTC().Format(time.DateOnly) + ".\n"
	}
	return text
}

func (f Finder) packagesText(name string, a Answer, searchPath string) string {
	if o := firstInstalled(a.Owners); o != nil {
		text, dir := name+" is installed: "+o.Path, path.Dir(o.Path)
		if !slices.Contains(strings.Split(searchPath, ":"), dir) {
			text += ", but " + dir + " is not in PATH"
		}
		return text + "\n"
	}
	title := name + " is in:\n"
	var rows [][]string
	for _, o := range a.Owners {
		rows = append(rows, f.row(o))
	}
	if len(rows) == 0 {
		title = "did you mean:\n"
	}
	for _, c := range a.Close {
		row := []string{c.Name, "installed"}
		if !c.isInstalled() {
			row = append(row[:1], f.row(c.Owners[0])...)
		}
		rows = append(rows, row)
	}
	if len(rows) == 0 {
		return ""
	}
	return title + table(rows)
}

// row returns a package and the command line that installs it.
func (f Finder) row(o Owner) []string {
	install := "pacman -S " + o.Package
	if f.Env.UID != 0 {
		install = "sudo " + install
	}
	return []string{o.Repository + "/" + o.Package, install}
}

// table aligns the cells of rows, whose characters are all one column wide.
func table(rows [][]string) string {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], len(cell))
		}
	}
	var b strings.Builder
	for _, row := range rows {
		for i, cell := range row {
			b.WriteString("  " + cell)
			if i < len(row)-1 {
				b.WriteString(strings.Repeat(" ", widths[i]-len(cell)))
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}
