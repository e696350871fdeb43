package show

import (
	"bufio"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/omg-arch/omg/shared/clock"
	"github.com/omg-arch/omg/shared/wire"
)

// PrintStatus prints a status: uncertain parts first, and unknown numbers as "unknown". The parameter unreadNews is the number
// of items of the news that the user has not read. Ages are relative to now.
func (s Style) PrintStatus(w *bufio.Writer, st *wire.StatusResult, unreadNews int, now time.Time) {
	p := printer{s, w}
	if st.Stale {
		p.printField("Data", withReason("stale"+lastCheckText(", last checked ", st.ConfirmedAt, now), st.Why))
	} else {
		p.printField("Data", "current"+lastCheckText(", checked ", st.ConfirmedAt, now))
	}
	if st.Partial {
		// The reasons are left out here, because the field Sources shows them.
		p.printField("Partial", missingSourcesText(&st.Basis, false)+" (numbers with ? may change)")
	}
	c := countFormatter{st}
	p.printField("Installed", c.formatCount("installed", st.Counts.Installed))
	p.printField("Explicit", c.formatCount("explicit", st.Counts.Explicit))
	p.printField("Orphans", c.orphansText())
	p.printField("Foreign", c.foreignText())
	p.printField("Updates", c.updatesText()+asOfText(st.ComparedSources, now))
	p.printMultilineField("AUR Updates", c.aurLines())
	if text := c.findingsText(); text != "" {
		p.printField("AUR Findings", text)
	}
	if n := st.Counts.Replacements; n == nil || c.isWorthShowing("replacements", n) {
		p.printField("Replacements", c.formatCount("replacements", st.Counts.Replacements))
	}
	p.printMultilineField("Security", c.securityLines())
	if text := newsText(st, unreadNews); text != "" {
		p.printField("News", text)
	}
	p.printMultilineField("Index", indexLines(&st.Index, now))
	p.printRowsField("Sources", sourceRows(st.Sources, now))
	if st.ComparedSources != nil {
		p.printRowsField("Compared With", sourceRows(st.ComparedSources, now))
	} else if shouldSuggestDownloads(st.Sources) {
		p.printField("Hint", DownloadHint)
	}
	if st.Pulled != nil {
		p.printMultilineField("Pulled", pulledLines(st.Pulled, now))
	}
	if len(st.FileLists) > 0 {
		p.printRowsField("Lists of Files", sourceRows(st.FileLists, now))
	}
	if len(st.Problems) == 0 {
		return
	}
	problems := make([]string, len(st.Problems))
	for i, problem := range st.Problems {
		problems[i] = withReason(problem.Name+": "+problem.State, problem.Why)
	}
	p.printMultilineField("Degraded", problems)
}

// pulledLines describes the published directory from which omgd pulls indexes.
func pulledLines(p *wire.PulledStatus, now time.Time) (lines []string) {
	next := singleLineUnlessEmpty(NextRequestText(p.NextRequestAt, now))
	if p.ConfirmedAt == 0 {
		lines = append(lines, strings.Join(append([]string{"nothing yet"}, next...), ", "))
	} else {
		expiry := "expires " + TimeUntil(p.Expires, now)
		if p.Expires <= now.Unix() {
			expiry = "expired " + RelativeTime(p.Expires, now)
		}
		lines = append(lines,
			strings.Join(slices.Concat([]string{
				fmt.Sprintf("sequence %d", p.Sequence), "published " + RelativeTime(p.Created, now), expiry, "confirmed by a mirror " + RelativeTime(p.ConfirmedAt, now),
			}, next), ", "),
			"from "+p.Mirror+", signed with "+p.Publisher,
			fmt.Sprintf("%s received, %d as patches, %d as a whole", ShortSize(uint64(p.Bytes)), p.Patches, p.Whole),
		)
	}
	if p.LastError != "" {
		lines = append(lines, "the last pull has failed: "+p.LastError)
	}
	return lines
}

// DownloadHint explains how updates can be found although pacman does not synchronize its databases.
const DownloadHint = "set sync.enabled = true in config.toml: omgd then downloads databases itself and counts updates with them"

// shouldSuggestDownloads reports whether to suggest that omgd downloads its own databases, because a repository's database is old.
func shouldSuggestDownloads(sources []wire.Source) bool {
	return slices.ContainsFunc(sources, func(s wire.Source) bool {
		return s.State == wire.SourceStale && s.IsRepository()
	})
}

// sourceRows returns a row for each source: its name and its state in columns, then the reason for the state and its
// times.
func sourceRows(sources []wire.Source, now time.Time) []row {
	names, states := 0, 0
	for i := range sources {
		names, states = max(names, textWidth(sourceName(&sources[i]))), max(states, len(sources[i].State))
	}
	rows := make([]row, len(sources))
	for i := range sources {
		s := &sources[i]
		name := sourceName(s)
		rows[i] = row{
			name:  name + strings.Repeat(" ", names-textWidth(name)+2),
			state: string(s.State) + strings.Repeat(" ", states-len(s.State)+2),
			color: sourceStateColor(s.State),
			rest:  strings.Join(slices.Concat(singleLineUnlessEmpty(s.Form), singleLineUnlessEmpty(s.Why), sourceTimes(s, now), singleLineUnlessEmpty(NextRequestText(s.NextRequestAt, now))), ", "),
		}
	}
	return rows
}

// sourceStateColor returns the colour of a source's state.
func sourceStateColor(state wire.SourceState) string {
	switch state {
	case wire.SourceOK:
		return versionColor
	case wire.SourceFailed:
		return failedColor
	}
	return warnColor
}

func singleLineUnlessEmpty(text string) []string {
	if text == "" {
		return nil
	}
	return []string{text}
}

// asOfText returns a text with the time of the downloaded databases that updates are computed from, such as ", as of 2 hours
// ago". The text is empty if updates are computed from the databases that searches use.
func asOfText(compared []wire.Source, now time.Time) string {
	if compared == nil {
		return ""
	}
	return ", as of " + strings.TrimPrefix(RelativeTime(wire.UpToDateAsOf(compared), now), "just ")
}

// countFormatter prints the counts of a status.
type countFormatter struct{ *wire.StatusResult }

// formatCount returns a number, with a question mark if a source that could not be read could change it.
func (c countFormatter) formatCount(name string, n *uint32) string {
	if n == nil {
		return "unknown"
	}
	return formatNumber(*n) + c.uncertainMark(name)
}

func (c countFormatter) uncertainMark(name string) string {
	if slices.Contains(c.PartialCounts, name) {
		return "?"
	}
	return ""
}

func formatNumber(n uint32) string { return strconv.FormatUint(uint64(n), 10) }

// isWorthShowing reports whether a count is shown at all. A count of zero is shown only if a source that could not be read
// could change it.
func (c countFormatter) isWorthShowing(name string, n *uint32) bool {
	return n != nil && *n > 0 || c.uncertainMark(name) != ""
}

func (c countFormatter) orphansText() string {
	none, required := c.Counts.Orphans, c.Counts.OrphansOrOptional
	line := c.formatCount("orphans", none)
	switch {
	case required == nil:
	case none == nil:
		line += ", " + c.formatCount("orphans_required", required) + " including packages that are only optionally required"
	case *required > *none || c.uncertainMark("orphans_required") != "":
		more := *required - min(*none, *required)
		line += ", and " + c.formatCount("orphans_required", &more) + " only optionally required"
	}
	return line
}

func (c countFormatter) foreignText() string {
	line := c.formatCount("foreign", c.Counts.Foreign)
	if c.isWorthShowing("foreign", c.Counts.Foreign) {
		line += " not from a repository (AUR or local)"
	}
	return line
}

func (c countFormatter) updatesText() string {
	line := c.formatCount("updates", c.Counts.Updates)
	if c.isWorthShowing("ignored", c.Counts.Ignored) {
		line += " (and " + c.formatCount("ignored", c.Counts.Ignored) + " ignored)"
	}
	return line
}

// labeledCount is a count with a text that says what is counted.
type labeledCount struct {
	n             uint32
	uncertainMark string
	noun          string
}

// joinCounts lists the counts in a line. A count of zero is left out, unless the count has a question mark.
func joinCounts(counts []labeledCount) string {
	var parts []string
	for _, c := range counts {
		if c.n > 0 || c.uncertainMark != "" {
			parts = append(parts, formatNumber(c.n)+c.uncertainMark+" "+c.noun)
		}
	}
	return strings.Join(parts, ", ")
}

func (c countFormatter) securityLines() []string {
	n := c.Counts.Security
	if n == nil {
		return []string{"unknown"}
	}
	line := formatNumber(n.Vulnerabilities)
	if n.Vulnerabilities > 0 {
		line += " (" + joinCounts([]labeledCount{
			{n.Critical, "", "critical"},
			{n.High, "", "high"},
			{n.Medium, "", "medium"},
			{n.Low, "", "low"},
			{n.Unknown, "", "of unknown severity"},
		}) + ")"
	}
	// An unreadable repository does not change the number of advisories, only the number of those that an update fixes.
	mark := c.uncertainMark("security")
	verdicts := joinCounts([]labeledCount{
		{n.Fixable, mark, "fixable"},
		{n.InTesting, "", "fixed in testing"},
		{n.Affected, mark, "without a fix"},
		{n.Unconfirmed, "", "unconfirmed"},
	})
	return append([]string{line}, singleLineUnlessEmpty(verdicts)...)
}

// aurLines returns lines about the AUR's updates and the other states of installed AUR packages.
func (c countFormatter) aurLines() []string {
	lines := []string{c.formatCount("aur_updates", c.Counts.AURUpdates)}
	aur := c.Counts.AUR
	if aur == nil {
		return lines
	}
	more := joinCounts([]labeledCount{
		{aur.Ignored, "", "ignored"},
		{aur.InstalledNewer, "", "newer here"},
		{aur.VCS, "", "unknown (VCS)"},
		{aur.Unknown, "", "unknown"},
		{aur.Gone, "", "gone from the AUR"},
		{aur.OutOfDate, "", "out of date"},
		{aur.Orphaned, "", "orphaned"},
	})
	return append(lines, singleLineUnlessEmpty(more)...)
}

// findingsText returns the numbers of packages of the AUR with findings. It returns "" if there is nothing to act on or to look at:
// notes are common, and the command aur check lists them.
func (c countFormatter) findingsText() string {
	n, mark := c.Counts.AURFindings, c.uncertainMark("aur_findings")
	const where = " (see omg aur check)"
	switch {
	case n == nil:
		return "unknown" + where
	case n.Act == 0 && n.Look == 0 && mark == "":
		return ""
	}
	return joinCounts([]labeledCount{{n.Act, mark, "to act on"}, {n.Look, mark, "to look at"}, {n.Note, mark, "with notes"}}) + where
}

// newsText returns the number of unread items of the news. It returns "" if the news are disabled.
func newsText(st *wire.StatusResult, unread int) string {
	switch {
	case st.News == nil && wire.FindSourceByKind(st.Sources, wire.KindNews) == nil:
		return ""
	case st.News == nil:
		return "unknown"
	case unread == 0:
		return "0 unread"
	}
	return formatNumber(uint32(unread)) + " unread (see omg news)"
}

func withReason(what, why string) string {
	if why == "" {
		return what
	}
	return what + ": " + why
}

func indexLines(x *wire.IndexStatus, now time.Time) []string {
	if x.Packages == 0 && x.BuiltAt == 0 {
		return nil // there is neither an index nor a database, which is not the same as an empty index
	}
	line := formatNumber(x.Packages) + " packages"
	if x.BuiltAt != 0 {
		line += ", built " + RelativeTime(x.BuiltAt, now)
	}
	return append([]string{line}, x.Files...)
}

// MissingSourcesText returns a text that says why a result is partial. It lists the repositories that could not be read, each
// with the reason, and says why a part of the local database could not be read.
func MissingSourcesText(b *wire.Basis) string { return missingSourcesText(b, true) }

func missingSourcesText(b *wire.Basis, reasons bool) string {
	var missing []string
	for i := range b.Sources {
		s := &b.Sources[i]
		if !s.Unavailable() || !s.IsRepository() && s.Kind != wire.KindFiles {
			continue
		}
		line := s.Name + " " + string(s.State)
		if s.Kind == wire.KindFiles {
			line = "list of files of " + line
		}
		if reasons {
			line = withReason(line, s.Why)
		}
		missing = append(missing, line)
	}
	if b.Why != "" {
		missing = append(missing, b.Why)
	}
	if len(missing) == 0 {
		return "a source could not be read"
	}
	return strings.Join(missing, "; ")
}

// NotCheckedNote returns the note on a stale result. It says that the installed packages could not be checked, and how long
// ago the last check was.
func NotCheckedNote(b *wire.Basis) string {
	return "the installed packages could not be checked" + lastCheckText(", last checked ", b.ConfirmedAt, clock.Now())
}

// lastCheckText returns the given prefix, followed by how long ago the last check was. It returns "" if the time of the check is
// unknown.
func lastCheckText(prefix string, at int64, now time.Time) string {
	if at == 0 {
		return ""
	}
	return prefix + RelativeTime(at, now)
}

// SourceStateAndReason returns a source's state and the reason for it.
func SourceStateAndReason(s *wire.Source) string {
	return withReason(sourceOrListName(s)+": "+string(s.State), s.Why)
}

// sourceOrListName returns the name of a source, and says so if the source is a list of files.
func sourceOrListName(s *wire.Source) string {
	if s.Kind == wire.KindFiles {
		return "list of files of " + sourceName(s)
	}
	return sourceName(s)
}

func sourceName(s *wire.Source) string {
	switch {
	case s.Publisher != "":
		return s.Name + " (pulled)"
	case s.Downloaded:
		return s.Name + " (downloaded by omgd)"
	}
	return s.Name
}

// DescribeSource returns a description of a source: its state and its times, as far as they are known.
func DescribeSource(s *wire.Source, now time.Time) string {
	return strings.Join(append([]string{SourceStateAndReason(s)}, sourceTimes(s, now)...), ", ")
}

// NextRequestText says when the next request to a server is planned. It returns "" if this is not known, or if the request is
// being sent.
func NextRequestText(at int64, now time.Time) string {
	if at <= now.Unix() {
		return ""
	}
	return "next request " + TimeUntil(at, now)
}

// DescribeRefresh says what became of a request to the server of a source.
func DescribeRefresh(s *wire.SourceRefresh, now time.Time) string {
	next := singleLineUnlessEmpty(NextRequestText(s.NextRequestAt, now))
	switch s.State {
	case wire.RefreshDone:
		return strings.Join(append([]string{s.Name + ": up to date"}, next...), ", ")
	case wire.RefreshFailed:
		return strings.Join(append([]string{s.Name + ": failed: " + s.Why}, next...), ", ")
	case wire.RefreshRunning:
		return s.Name + ": the request is still running: omg status shows the result"
	}
	last := "the last request was " + RelativeTime(s.LastRequestAt, now)
	if s.Why != "" {
		last += " and has failed: " + s.Why
	}
	return fmt.Sprintf("%s: no new request: %s, and the next one is possible %s", s.Name, last, TimeUntil(s.AllowedAt, now))
}

// sourceTimes returns the known times of a source in words. A source that is unavailable has none.
func sourceTimes(s *wire.Source, now time.Time) []string {
	var list []string
	if s.Unavailable() {
		return nil
	}
	if s.AsOf != 0 {
		list = append(list, DataAge(s.AsOf, now))
	}
	changed := "downloaded "
	if s.Downloaded || s.Publisher != "" {
		changed = "confirmed by a mirror "
	}
	if s.ChangedAt != 0 {
		list = append(list, changed+RelativeTime(s.ChangedAt, now))
	}
	if s.SyncedAt != 0 && !s.Downloaded {
		list = append(list, "synchronized by pacman "+RelativeTime(s.SyncedAt, now))
	}
	if s.Publisher != "" {
		list = append(list, "signed with "+s.Publisher)
	}
	return list
}

// AURNote returns a note on data of the AUR that is missing or not current. If the data is missing, the note contains
// the text consequence, which says what could not be done.
func AURNote(s *wire.Source, consequence string) string {
	if s.State == wire.SourceStale {
		return withReason("AUR: old data", s.Why)
	}
	if s.Why != "" {
		consequence += " (" + s.Why + ")"
	}
	return "AUR: " + consequence
}

// DataAge returns how old data of the given time is, such as "2 days old".
func DataAge(unix int64, now time.Time) string {
	moment := RelativeTime(unix, now)
	if age, found := strings.CutSuffix(moment, " ago"); found {
		return age + " old"
	}
	return map[string]string{"just now": "new", "in the future": "with a time in the future"}[moment]
}

// TimeUntil returns in which time a moment will be, such as "in 5 minutes".
func TimeUntil(unix int64, now time.Time) string {
	if wait, found := strings.CutSuffix(clock.FormatAge(time.Unix(unix, 0).Sub(now)), " ago"); found {
		return "in " + wait
	}
	return "in less than a minute"
}

// RelativeTime returns how long ago a time was, or "unknown".
func RelativeTime(unix int64, now time.Time) string {
	if unix == 0 {
		return "unknown"
	}
	return clock.FormatAge(now.Sub(time.Unix(unix, 0)))
}
