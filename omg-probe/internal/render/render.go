// Package render formats a report for a prompt, a status bar or a program. Text from repositories is only shown if it
// is runtimes.Showable. Besides, each format escapes the characters that are special in its output.
package render

import (
	"strings"

	"github.com/omg-arch/omg/shared/runtimes"
	"github.com/omg-arch/omg/shared/statusfile"
)

// LoadedStatus is the content of the status file. The numbers are unknown unless Fresh is set.
type LoadedStatus struct {
	statusfile.Status
	Fresh   bool
	WasRead bool // the status file could be read
}

// Report contains what was found by the deadline.
type Report struct {
	Runtimes    []runtimes.Active
	WantsStatus bool
	Status      LoadedStatus
	Complete    bool // all data was read before the deadline
}

// Format returns a report as text; "" if there is nothing to show.
type Format func(Report) (string, error)

// ParseFormat returns the format that the flag --format selects: a format's name, such as json, or a template.
func ParseFormat(name string) (Format, error) {
	switch name {
	case "plain":
		return newOneLineFormat(plainText, noEscape), nil
	case "starship":
		return newOneLineFormat(briefText, noEscape), nil
	case "tmux":
		return newOneLineFormat(briefText, escapeTmux), nil
	case "polybar":
		return newOneLineFormat(briefText, escapePolybar), nil
	case "i3blocks":
		return i3blocks, nil
	case "waybar":
		return waybar, nil
	case "json":
		return asJSON, nil
	}
	return parseTemplate(name)
}

func newOneLineFormat(text func(Report) string, escape func(string) string) Format {
	return func(a Report) (string, error) {
		if s := text(a); s != "" {
			return escape(s) + "\n", nil
		}
		return "", nil
	}
}

func noEscape(s string) string { return s }

// missingMark follows a version that is declared but not installed.
const missingMark = "*"

// runtimeLabel returns the name and the version of a runtime, with missingMark if the version is not installed.
func runtimeLabel(a runtimes.Active) string {
	s := a.Runtime + " " + runtimes.Sanitize(a.Version)
	if a.Missing {
		s += missingMark
	}
	return s
}

func runtimeLabels(a Report) []string {
	var all []string
	for _, r := range a.Runtimes {
		all = append(all, runtimeLabel(r))
	}
	return all
}

type namedNumber struct {
	name string
	n    statusfile.Number
}

// actionableNumbers returns the numbers of things that the user may want to act on, such as updates and orphans.
func actionableNumbers(s LoadedStatus) []namedNumber {
	return []namedNumber{
		{"updates", s.Updates}, {"aur", s.AURUpdates}, {"vulnerabilities", s.Vulnerabilities}, {"orphans", s.Orphans},
	}
}

// shownNumbers returns the numbers for a prompt or a bar. The packages of the AUR to look at are left out if there are none, because
// that is usual. If nothing is known about the AUR, the question mark of its updates says so.
func shownNumbers(s LoadedStatus) []namedNumber {
	numbers, n := actionableNumbers(s), s.AURFindings.ToLookAt()
	if n.Known && (n.N > 0 || n.Partial) || !n.Known && s.AURUpdates.Known {
		numbers = append(numbers, namedNumber{findingsName, n})
	}
	return numbers
}

// findingsName is the name of the number of packages of the AUR to look at.
const findingsName = "findings"

// FormatNumbers returns all numbers of a status, one per line.
func FormatNumbers(s LoadedStatus) string {
	var b strings.Builder
	for _, c := range append(actionableNumbers(s), namedNumber{findingsName, s.AURFindings.ToLookAt()}, namedNumber{"explicit", s.Explicit}, namedNumber{"installed", s.Installed}) {
		b.WriteString("  " + c.name + " " + c.n.String() + "\n")
	}
	if degraded := s.Degraded.Names(); len(degraded) > 0 {
		b.WriteString("  degraded: " + strings.Join(degraded, ", ") + "\n")
	}
	return b.String()
}

// plainText prints every requested version and number.
func plainText(a Report) string {
	all := runtimeLabels(a)
	if a.WantsStatus && (a.Complete || a.Status.WasRead) {
		for _, c := range shownNumbers(a.Status) {
			all = append(all, c.name+" "+c.n.String())
		}
	}
	return strings.Join(all, " ")
}

// briefText returns the versions and numbers in one line, without the numbers that are certainly 0. If all numbers are
// unknown, the line has only one question mark.
func briefText(a Report) string {
	all := runtimeLabels(a)
	if !a.WantsStatus || !a.Complete && !a.Status.WasRead {
		return strings.Join(all, " ")
	}
	numbers := shownNumbers(a.Status)
	unknown := 0
	var some []string
	for _, c := range numbers {
		switch {
		case !c.n.Known:
			unknown++
			some = append(some, c.name+" ?")
		case c.n.N > 0 || c.n.Partial:
			some = append(some, c.name+" "+c.n.String())
		}
	}
	if unknown == len(numbers) {
		some = []string{"updates ?"}
	}
	return strings.Join(append(all, some...), " ")
}

// escapeTmux keeps tmux from interpreting #[style] and #(command).
func escapeTmux(s string) string { return strings.ReplaceAll(s, "#", "##") }

// escapePolybar keeps polybar from interpreting %{tag}.
func escapePolybar(s string) string { return strings.ReplaceAll(s, "%{", "%%{") }

// escapePango keeps Pango from interpreting text as markup.
func escapePango(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "'", "&#39;", `"`, "&#34;").Replace(s)
}

// i3blocks prints a full text and a short text. Both are correct with and without markup=pango.
func i3blocks(a Report) (string, error) {
	full, short := briefText(a), ""
	if len(a.Runtimes) > 0 {
		short = runtimeLabel(a.Runtimes[0])
	} else {
		short, _, _ = strings.Cut(full, " ")
		if rest := strings.Fields(full); len(rest) > 1 {
			short += " " + rest[1]
		}
	}
	if full == "" {
		return "", nil
	}
	return escapePango(full) + "\n" + escapePango(short) + "\n", nil
}
