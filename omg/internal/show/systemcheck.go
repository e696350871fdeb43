package show

import (
	"bufio"
	"fmt"
	"strings"

	"github.com/omg-arch/omg/omg/internal/backend"
)

// problemTitles lists the kinds of problems in the order in which they are printed, with their titles.
var problemTitles = []struct{ kind, title string }{
	{backend.ProblemReboot, "Reboot needed"},
	{backend.ProblemStaleLock, "Lock of pacman that no process holds"},
	{backend.ProblemMissingDependency, "Dependencies that are not installed"},
	{backend.ProblemRebuild, "Packages to build again"},
	{backend.ProblemNoFileList, "Packages whose files could not be checked"},
	{backend.ProblemMissingFile, "Missing files"},
	{backend.ProblemAlteredFile, "Altered files"},
	{backend.ProblemConfigFile, "Configuration files to merge or remove"},
}

// PrintSystemCheck prints the result of a check of the system: the problems of each kind, and how much was checked.
func (s Style) PrintSystemCheck(w *bufio.Writer, c *backend.SystemCheck) {
	p := printer{s, w}
	for _, t := range problemTitles {
		count := 0
		for i := range c.Problems {
			if c.Problems[i].Kind == t.kind {
				count++
			}
		}
		if count == 0 {
			continue
		}
		p.setColor(warnColor)
		fmt.Fprintf(w, "%s: %d\n", t.title, count)
		p.setColor(resetColor)
		for i := range c.Problems {
			if one := &c.Problems[i]; one.Kind == t.kind {
				p.printSystemProblem(one)
			}
		}
		p.writeRaw("\n")
	}
	p.printCheckSummary(c)
}

func (p printer) printSystemProblem(one *backend.SystemProblem) {
	p.writeRaw("  ")
	var parts []string
	for _, part := range []string{one.Package, one.Path} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	details := strings.Join(one.Details, ", ")
	if one.Path != "" && details != "" {
		parts[len(parts)-1] += " (" + details + ")"
	} else if details != "" {
		parts = append(parts, details)
	}
	p.writeClean(strings.Join(parts, ": "))
	p.writeRaw("\n")
}

func (p printer) printCheckSummary(c *backend.SystemCheck) {
	text := "Checked " + countNoun(c.FileCount, "", "file") + " of " + countNoun(c.PackageCount, "", "package")
	if c.UnreadableCount > 0 {
		text += "; " + countNoun(c.UnreadableCount, "", "file") + " could not be read without root"
	}
	if c.UncheckedCount > 0 {
		text += "; " + countNoun(c.UncheckedCount, "", "package") + " without an mtree file not checked"
	}
	if len(c.Problems) == 0 {
		text += ": no problem found"
	}
	p.wrap(text, 0)
	p.writeRaw("\n")
	if c.Cache == nil {
		return
	}
	text = "Package cache: " + ShortSize(uint64(c.Cache.Size)) + " in " + countNoun(c.Cache.FileCount, "", "package")
	if c.Cache.OldCount > 0 {
		text += ", " + ShortSize(uint64(c.Cache.OldSize)) + " of them in " + countNoun(c.Cache.OldCount, "", "version") + chooseByCount(c.Cache.OldCount, " that is not installed", " that are not installed")
	}
	if len(c.Cache.Problems) > 0 {
		text += "; not read: " + strings.Join(c.Cache.Problems, ", ")
	}
	p.wrap(text, 0)
	p.writeRaw("\n")
}

// chooseByCount returns the first text for 1, otherwise the second.
func chooseByCount(n int, one, several string) string {
	if n == 1 {
		return one
	}
	return several
}
