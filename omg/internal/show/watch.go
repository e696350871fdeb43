package show

import (
	"bufio"

	"github.com/omg-arch/omg/shared/wire"
)

// PrintStatusLine prints a status in one line, which a narrow terminal wraps: the counts with the names of PrintStatus, and why they are
// uncertain.
func (s Style) PrintStatusLine(w *bufio.Writer, st *wire.StatusResult) {
	p := printer{s, w}
	c := countFormatter{st}
	security, findings := "", ""
	if n := st.Counts.Security; n != nil && n.Critical+n.High > 0 {
		security = failedColor
	}
	if n := st.Counts.AURFindings; n != nil && n.Act > 0 {
		findings = failedColor
	}
	at := 0
	part := func(color, text string) {
		if at > 0 {
			p.writeRaw(";")
			at++
			text = " " + text // the line may end at this space
		}
		if color != "" {
			p.setColor(color)
		}
		at = p.wrapWords(text, at, 4)
		if color != "" {
			p.setColor(resetColor)
		}
	}
	part("", "Updates "+c.updatesText())
	part("", "AUR Updates "+c.formatCount("aur_updates", st.Counts.AURUpdates))
	part(security, "Security "+c.securityLines()[0])
	part(findings, "AUR Findings "+c.shortFindingsText())
	part("", "Orphans "+c.formatCount("orphans", st.Counts.Orphans))
	if c.isWorthShowing("replacements", st.Counts.Replacements) {
		part("", "Replacements "+c.formatCount("replacements", st.Counts.Replacements))
	}
	if st.Stale {
		part(warnColor, withReason("stale", st.Why))
	}
	if st.Partial {
		part(warnColor, "partial: "+missingSourcesText(&st.Basis, false))
	}
	for i := range st.Problems {
		if problem := &st.Problems[i]; wire.ProblemDegrades(problem) {
			part(warnColor, problem.Name+" "+problem.State)
		}
	}
	p.writeRaw("\n")
}

// shortFindingsText returns the numbers of packages of the AUR with findings, also if they are 0.
func (c countFormatter) shortFindingsText() string {
	n, mark := c.Counts.AURFindings, c.uncertainMark("aur_findings")
	switch {
	case n == nil:
		return "unknown"
	case n.Total() == 0:
		return "0" + mark
	}
	return joinCounts([]labeledCount{{n.Act, "", "to act on"}, {n.Look, "", "to look at"}, {n.Note, "", "with notes"}}) + mark
}
