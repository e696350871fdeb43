package show

import (
	"bufio"
	"slices"
	"strings"
	"time"

	"github.com/omg-arch/omg/shared/termtext"
	"github.com/omg-arch/omg/shared/wire"
)

// Dashboard is what omg shows without a command.
type Dashboard struct {
	Status *wire.StatusResult
	// MissingModules is the release of the running kernel if its modules are no longer installed; otherwise empty.
	MissingModules string
	// UnreadNews lists the items of Arch's news that the user has not read, the newest first.
	UnreadNews []NewsEntry
}

// nextCommand is a command that makes sense next, and what it does.
type nextCommand struct{ line, about string }

// The columns and limits of the dashboard, which fits on a terminal with 24 lines and 80 columns.
const (
	dashboardLabelWidth  = 12
	dashboardWidth       = 80
	maxDashboardRowLines = 2
	maxDashboardProblems = 3
	maxDashboardAges     = 4
	dashboardCommands    = 3
)

// PrintDashboard prints a dashboard: a row for each thing to know, and below them the commands that make sense next. Ages are relative
// to now.
func (s Style) PrintDashboard(w *bufio.Writer, d *Dashboard, now time.Time) {
	p := printer{s, w}
	c := countFormatter{d.Status}
	p.printDashboardRow("Updates", "", c.dashboardUpdates(now))
	color := ""
	if n := d.Status.Counts.Security; n != nil && n.Critical+n.High > 0 {
		color = failedColor
	}
	p.printDashboardRow("Security", color, c.dashboardSecurity())
	if n := d.Status.Counts.AURFindings; n != nil && n.Total() > 0 {
		p.printDashboardRow("AUR", warnColor, joinCounts([]labeledCount{
			{n.Act, "", "to act on"}, {n.Look, "", "to look at"}, {n.Note, "", "with notes"},
		})+c.uncertainMark("aur_findings"))
	}
	ages := maxDashboardAges
	if n := len(d.UnreadNews); n > 0 {
		p.printDashboardLines("News", warnColor, formatNumber(uint32(n))+" unread: "+d.UnreadNews[0].Title, 1)
		ages--
	}
	p.printDashboardRow("Orphans", "", c.formatCount("orphans", d.Status.Counts.Orphans))
	if d.MissingModules != "" {
		p.printDashboardRow("Reboot", warnColor, "needed: the modules of the running kernel "+d.MissingModules+" are not installed any more")
	}
	for i, line := range firstLines(dashboardAges(d.Status, now), ages) {
		label := ""
		if i == 0 {
			label = "Data"
		}
		p.printDashboardRow(label, "", line)
	}
	for i, line := range firstLines(dashboardProblems(d.Status), maxDashboardProblems) {
		label := ""
		if i == 0 {
			label = "Problems"
		}
		p.printDashboardRow(label, warnColor, line)
	}
	p.writeRaw("\n")
	next := d.nextCommands()
	width := 0
	for _, n := range next {
		width = max(width, len(n.line))
	}
	for _, n := range next {
		p.setColor(titleColor)
		p.writeRaw(n.line)
		p.setColor(resetColor)
		p.writeRaw(strings.Repeat(" ", width-len(n.line)+2) + n.about + "\n")
	}
}

// firstLines returns at most the given number of lines. If there are more, the last one says so.
func firstLines(lines []string, most int) []string {
	if len(lines) <= most {
		return lines
	}
	rest := uint32(len(lines) - (most - 1))
	return append(slices.Clone(lines[:most-1]), "and "+formatNumber(rest)+" more")
}

// printDashboardRow prints a row, whose text is cut off after two lines.
func (p printer) printDashboardRow(label, color, text string) {
	p.printDashboardLines(label, color, text, maxDashboardRowLines)
}

// printDashboardLines prints a row, whose text is cut off after the given number of lines.
func (p printer) printDashboardLines(label, color, text string, most int) {
	if label != "" {
		p.setColor(titleColor)
		p.writeRaw(label)
		p.setColor(resetColor)
	}
	p.writeRaw(strings.Repeat(" ", dashboardLabelWidth-len(label)))
	width := dashboardWidth
	if p.Width > dashboardLabelWidth+20 {
		width = min(p.Width, dashboardWidth)
	}
	p.setColor(color)
	for i, line := range cutLines(termtext.Clean(text), width-dashboardLabelWidth, most) {
		if i > 0 {
			p.newline(dashboardLabelWidth)
		}
		p.writeRaw(line)
	}
	if color != "" {
		p.setColor(resetColor)
	}
	p.writeRaw("\n")
}

// cutLines wraps a clean text into at most the given number of lines. If the text does not fit, the last line ends with an ellipsis.
func cutLines(text string, width, most int) (lines []string) {
	words := strings.Fields(text)
	for len(words) > 0 {
		line := cutText(words[0], width)
		words = words[1:]
		for len(words) > 0 && textWidth(line)+1+textWidth(words[0]) <= width {
			line, words = line+" "+words[0], words[1:]
		}
		if len(lines) == most-1 && len(words) > 0 {
			return append(lines, cutText(line+" "+strings.Join(words, " "), width))
		}
		lines = append(lines, line)
	}
	return lines
}

// cutText shortens a clean text to a number of columns. A shortened text ends with an ellipsis.
func cutText(text string, width int) string {
	if textWidth(text) <= width {
		return text
	}
	at := 0
	for i, r := range text {
		if at += runeWidth(r); at > width-1 {
			return text[:i] + "…"
		}
	}
	return text
}

func (c countFormatter) dashboardUpdates(now time.Time) string {
	line := c.formatCount("updates", c.Counts.Updates)
	repositories := make([]labeledCount, len(c.RepositoryUpdates))
	for i, r := range c.RepositoryUpdates {
		repositories[i] = labeledCount{r.Count, "", r.Repo}
	}
	if len(repositories) > 0 {
		line += " (" + joinCounts(repositories) + ")"
	}
	parts := []string{line}
	switch n := c.Counts.AURUpdates; {
	case c.isWorthShowing("aur_updates", n):
		parts = append(parts, c.formatCount("aur_updates", n)+" from the AUR")
	case n == nil && c.Counts.Foreign != nil && *c.Counts.Foreign > 0:
		parts = append(parts, "unknown from the AUR")
	}
	if c.isWorthShowing("ignored", c.Counts.Ignored) {
		parts = append(parts, c.formatCount("ignored", c.Counts.Ignored)+" ignored")
	}
	if c.isWorthShowing("replacements", c.Counts.Replacements) {
		parts = append(parts, c.formatCount("replacements", c.Counts.Replacements)+" replaced")
	}
	return strings.Join(parts, ", ") + asOfText(c.ComparedSources, now)
}

func (c countFormatter) dashboardSecurity() string {
	lines := c.securityLines()
	if n := c.Counts.Security; n != nil && n.Fixable > 0 {
		return lines[0] + ", an update fixes " + formatNumber(n.Fixable) + c.uncertainMark("security")
	}
	return lines[0]
}

// dashboardAges returns a line for each group of sources of the same age. A source that cannot be used has no age: it is a problem.
func dashboardAges(st *wire.StatusResult, now time.Time) (lines []string) {
	var ages []string
	names := map[string][]string{}
	for _, list := range [][]wire.Source{st.Sources, st.ComparedSources} {
		for i := range list {
			s := &list[i]
			if s.Unavailable() && !isNotSetUp(s) {
				continue
			}
			age := "of unknown age"
			switch {
			case isNotSetUp(s):
				age = "not downloaded"
			case s.Downloaded && s.ChangedAt != 0:
				age = "confirmed by a mirror " + RelativeTime(s.ChangedAt, now)
			case s.SyncedAt != 0:
				age = "synchronized by pacman " + RelativeTime(s.SyncedAt, now)
			case s.AsOf != 0:
				age = DataAge(s.AsOf, now)
			case s.Kind == wire.KindNews, s.Kind == wire.KindPopularity:
				age = "downloaded " + RelativeTime(s.ChangedAt, now)
			}
			if names[age] == nil {
				ages = append(ages, age)
			}
			names[age] = append(names[age], sourceTitle(s))
		}
	}
	if st.Stale {
		lines = append(lines, "the installed packages are not current"+lastCheckText(", last checked ", st.ConfirmedAt, now))
	}
	for _, age := range ages {
		lines = append(lines, strings.Join(names[age], ", ")+" "+age)
	}
	return lines
}

// isNotSetUp reports whether there has never been any data of a source other than a repository, which omg can do without.
func isNotSetUp(s *wire.Source) bool { return s.State == wire.SourceMissing && !s.IsRepository() }

// sourceTitle returns the name of a source in a sentence.
func sourceTitle(s *wire.Source) string {
	switch s.Kind {
	case wire.KindAUR:
		return "AUR"
	case wire.KindTracker:
		return "advisories"
	}
	return s.Name
}

// dashboardProblems returns a line for each problem, and for each source that cannot be used or is old.
func dashboardProblems(st *wire.StatusResult) (lines []string) {
	for _, problem := range st.Problems {
		if wire.ProblemDegrades(&problem) {
			lines = append(lines, withReason(problem.Name+": "+problem.State, problem.Why))
		}
	}
	for _, list := range [][]wire.Source{st.Sources, st.ComparedSources} {
		for i := range list {
			if s := &list[i]; s.State != wire.SourceOK && !isNotSetUp(s) {
				lines = append(lines, withReason(sourceTitle(s)+": "+string(s.State), s.Why))
			}
		}
	}
	if st.Stale && st.Why != "" {
		lines = append(lines, st.Why)
	}
	return lines
}

// nextCommands returns the three commands that make sense next, the most urgent first.
func (d *Dashboard) nextCommands() []nextCommand {
	counts := &d.Status.Counts
	isPositive := func(n *uint32) bool { return n != nil && *n > 0 }
	security, findings := counts.Security, counts.AURFindings
	var next []nextCommand
	for _, c := range []struct {
		makesSense bool
		nextCommand
	}{
		{findings != nil && findings.Act > 0, nextCommand{"omg aur check", "show the AUR packages that are known to be harmful"}},
		{len(dashboardProblems(d.Status)) > 0 || d.Status.Stale, nextCommand{"omg doctor", "check for common problems and suggest fixes"}},
		{security != nil && security.Vulnerabilities > 0, nextCommand{"omg security", "list the security advisories for installed packages"}},
		{len(d.UnreadNews) > 0, nextCommand{"omg news", "list Arch's news that you have not read"}},
		{isPositive(counts.Updates) || isPositive(counts.AURUpdates), nextCommand{"omg outdated", "list the updates"}},
		{findings != nil && findings.Act == 0 && findings.Look > 0, nextCommand{"omg aur check", "list packages of the AUR to look at before the next build"}},
		{
			slices.ContainsFunc(d.Status.Sources, func(s wire.Source) bool { return isNotSetUp(&s) }),
			nextCommand{"omg setup", "set up the daemon, its sources and the shell prompt"},
		},
		{isPositive(counts.Orphans), nextCommand{"omg orphans", "list dependencies that nothing needs"}},
		{true, nextCommand{"omg browse", "find packages while you type"}},
		{true, nextCommand{"omg status", "show all counts and sources"}},
		{true, nextCommand{"omg help", "list all commands"}},
	} {
		if c.makesSense && len(next) < dashboardCommands {
			next = append(next, c.nextCommand)
		}
	}
	return next
}
