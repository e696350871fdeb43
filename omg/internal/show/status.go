package show

import (
	"bufio"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/omg-arch/omg/shared/wire"
)

// Status prints a status: uncertain parts first, and unknown numbers as "unknown". Ages are relative to now.
func (s Style) Status(w *bufio.Writer, st *wire.StatusResult, now time.Time) {
	p := printer{s, w}
	if st.Stale {
		p.field("State", withReason("stale"+checked(", last checked ", st.At, now), st.Why))
	} else {
		p.field("State", "up to date"+checked(", checked ", st.At, now))
	}
	if st.Partial {
		// The reasons are left out here, because the field Sources shows them.
		p.field("Partial", missingSources(&st.Basis, false)+" (numbers with ? may change)")
	}
	c := counter{st}
	p.field("Installed", c.count("installed", st.Counts.Installed))
	p.field("Explicit", c.count("explicit", st.Counts.Explicit))
	p.field("Orphans", c.orphans())
	p.field("Foreign", c.foreign())
	p.field("Updates", c.updates()+asOf(st.Compared, now))
	p.lines("AUR Updates", c.aurLines())
	if n := st.Counts.Replacements; n == nil || c.notable("replacements", n) {
		p.field("Replacements", c.count("replacements", st.Counts.Replacements))
	}
	p.lines("Security", c.securityLines())
	p.lines("Index", indexLines(&st.Index, now))
	p.rows("Sources", sourceRows(st.Sources, now))
	if st.Compared != nil {
		p.rows("Compared With", sourceRows(st.Compared, now))
	} else if suggestOwn(st.Sources) {
		p.field("Hint", DownloadHint)
	}
	if len(st.Problems) == 0 {
		return
	}
	problems := make([]string, len(st.Problems))
	for i, problem := range st.Problems {
		problems[i] = withReason(problem.Name+": "+problem.State, problem.Why)
	}
	p.lines("Degraded", problems)
}

// DownloadHint explains how updates can be found although pacman -Sy is not run.
const DownloadHint = "set sync.enabled = true in config.toml: omgd then downloads databases itself and counts updates with them"

// suggestOwn reports whether to suggest that omgd downloads its own databases, because a repository's database is old.
func suggestOwn(sources []wire.Source) bool {
	return slices.ContainsFunc(sources, func(s wire.Source) bool {
		return s.State == wire.SourceStale && s.IsRepository()
	})
}

// sourceRows returns a row for each source: its name and its state in columns, then the reason for the state and its
// times.
func sourceRows(sources []wire.Source, now time.Time) []row {
	names, states := 0, 0
	for i := range sources {
		names, states = max(names, width(sourceName(&sources[i]))), max(states, len(sources[i].State))
	}
	rows := make([]row, len(sources))
	for i := range sources {
		s := &sources[i]
		name := sourceName(s)
		rows[i] = row{
			name:  name + strings.Repeat(" ", names-width(name)+2),
			state: string(s.State) + strings.Repeat(" ", states-len(s.State)+2),
			color: stateColor(s.State),
			rest:  s.Why,
		}
		if !s.Unavailable() {
			rows[i].rest = strings.Join(append(nonEmpty(s.Why), times(s, now)...), ", ")
		}
	}
	return rows
}

// stateColor returns the colour of a source's state.
func stateColor(state wire.SourceState) string {
	switch state {
	case wire.SourceOK:
		return colorVersion
	case wire.SourceFailed:
		return colorFailed
	}
	return colorWarn
}

func nonEmpty(text string) []string {
	if text == "" {
		return nil
	}
	return []string{text}
}

// asOf returns a text with the time of the downloaded databases that updates are computed from, such as ", as of 2 hours
// ago". The text is empty if updates are computed from the databases that searches use.
func asOf(compared []wire.Source, now time.Time) string {
	if compared == nil {
		return ""
	}
	return ", as of " + strings.TrimPrefix(RelativeTime(wire.UpToDateAsOf(compared), now), "just ")
}

// counter prints the counts of a status.
type counter struct{ *wire.StatusResult }

// count returns a number, with a question mark if a source that could not be read could change it.
func (c counter) count(name string, n *uint32) string {
	if n == nil {
		return "unknown"
	}
	return number(*n) + c.mark(name)
}

func (c counter) mark(name string) string {
	if slices.Contains(c.PartialCounts, name) {
		return "?"
	}
	return ""
}

func number(n uint32) string { return strconv.FormatUint(uint64(n), 10) }

// notable reports whether a count is shown at all. A count of zero is shown only if a source that could not be read
// could change it.
func (c counter) notable(name string, n *uint32) bool {
	return n != nil && *n > 0 || c.mark(name) != ""
}

func (c counter) orphans() string {
	none, required := c.Counts.Orphans, c.Counts.OrphansRequired
	line := c.count("orphans", none)
	switch {
	case required == nil:
	case none == nil:
		line += ", " + c.count("orphans_required", required) + " including packages that are only optionally required"
	case *required > *none || c.mark("orphans_required") != "":
		more := *required - min(*none, *required)
		line += ", and " + c.count("orphans_required", &more) + " only optionally required"
	}
	return line
}

func (c counter) foreign() string {
	line := c.count("foreign", c.Counts.Foreign)
	if c.notable("foreign", c.Counts.Foreign) {
		line += " not from a repository (AUR or local)"
	}
	return line
}

func (c counter) updates() string {
	line := c.count("updates", c.Counts.Updates)
	if c.notable("ignored", c.Counts.Ignored) {
		line += " (and " + c.count("ignored", c.Counts.Ignored) + " ignored)"
	}
	return line
}

// numbered is a count with a text that says what is counted.
type numbered struct {
	n    uint32
	mark string
	what string
}

// join lists the counts in a line. A count of zero is left out, unless the count has a question mark.
func join(counts []numbered) string {
	var parts []string
	for _, c := range counts {
		if c.n > 0 || c.mark != "" {
			parts = append(parts, number(c.n)+c.mark+" "+c.what)
		}
	}
	return strings.Join(parts, ", ")
}

func (c counter) securityLines() []string {
	n := c.Counts.Security
	if n == nil {
		return []string{"unknown"}
	}
	line := number(n.Vulnerabilities)
	if n.Vulnerabilities > 0 {
		line += " (" + join([]numbered{
			{n.Critical, "", "critical"},
			{n.High, "", "high"},
			{n.Medium, "", "medium"},
			{n.Low, "", "low"},
			{n.Unknown, "", "of unknown severity"},
		}) + ")"
	}
	// An unreadable repository does not change the number of advisories, only the number of those that an update fixes.
	mark := c.mark("security")
	verdicts := join([]numbered{
		{n.Fixable, mark, "fixable"},
		{n.InTesting, "", "fixed in testing"},
		{n.Affected, mark, "without a fix"},
		{n.Unconfirmed, "", "unconfirmed"},
	})
	return append([]string{line}, nonEmpty(verdicts)...)
}

// aurLines returns lines about the AUR's updates and the other states of installed AUR packages.
func (c counter) aurLines() []string {
	lines := []string{c.count("aur_updates", c.Counts.AURUpdates)}
	aur := c.Counts.AUR
	if aur == nil {
		return lines
	}
	more := join([]numbered{
		{aur.Ignored, "", "ignored"},
		{aur.Newer, "", "newer here"},
		{aur.VCS, "", "unknown (VCS)"},
		{aur.Unknown, "", "unknown"},
		{aur.Gone, "", "gone from the AUR"},
		{aur.OutOfDate, "", "out of date"},
		{aur.Orphaned, "", "orphaned"},
	})
	return append(lines, nonEmpty(more)...)
}

func withReason(what, why string) string {
	if why == "" {
		return what
	}
	return what + ": " + why
}

func indexLines(x *wire.IndexStatus, now time.Time) []string {
	if x.Packages == 0 && x.Built == 0 {
		return nil // there is neither an index nor a database, which is not the same as an empty index
	}
	line := number(x.Packages) + " packages"
	if x.Built != 0 {
		line += ", built " + RelativeTime(x.Built, now)
	}
	return append([]string{line}, x.Files...)
}

// MissingSources returns a text that says why a result is partial. It lists the repositories that could not be read, each
// with the reason, and says why a part of the local database could not be read.
func MissingSources(b *wire.Basis) string { return missingSources(b, true) }

func missingSources(b *wire.Basis, reasons bool) string {
	var missing []string
	for i := range b.Sources {
		s := &b.Sources[i]
		if !s.Unavailable() || !s.IsRepository() {
			continue
		}
		line := s.Name + " " + string(s.State)
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

// NotChecked returns the note on a stale result. It says that the installed packages could not be checked, and how long
// ago the last check was.
func NotChecked(b *wire.Basis) string {
	return "the installed packages could not be checked" + checked(", last checked ", b.At, time.Now())
}

// checked returns the given prefix, followed by how long ago the last check was. It returns "" if the time of the check is
// unknown.
func checked(prefix string, at int64, now time.Time) string {
	if at == 0 {
		return ""
	}
	return prefix + RelativeTime(at, now)
}

// Reason returns a source's state and the reason for it.
func Reason(s *wire.Source) string {
	return withReason(sourceName(s)+": "+string(s.State), s.Why)
}

func sourceName(s *wire.Source) string {
	if s.Downloaded {
		return s.Name + " (downloaded by omgd)"
	}
	return s.Name
}

// Source returns a description of a source: its state and its times, as far as they are known.
func Source(s *wire.Source, now time.Time) string {
	return strings.Join(append([]string{Reason(s)}, times(s, now)...), ", ")
}

// times returns the known times of a source in words.
func times(s *wire.Source, now time.Time) []string {
	var list []string
	if s.AsOf != 0 {
		list = append(list, TimeAndAge(s.AsOf, now))
	}
	changed := "downloaded "
	if s.Downloaded {
		changed = "confirmed by a mirror "
	}
	if s.Changed != 0 {
		list = append(list, changed+RelativeTime(s.Changed, now))
	}
	if s.Synced != 0 && !s.Downloaded {
		list = append(list, "last pacman -Sy "+RelativeTime(s.Synced, now))
	}
	return list
}

// AURState returns a note on data of the AUR that is missing or not current. If the data is missing, the note contains
// the text consequence, which says what could not be done.
func AURState(s *wire.Source, consequence string) string {
	if s.State == wire.SourceStale {
		return withReason("AUR: old data", s.Why)
	}
	if s.Why != "" {
		consequence += " (" + s.Why + ")"
	}
	return "AUR: " + consequence
}

// TimeAndAge returns how old data of the given time is, such as "2 days old".
func TimeAndAge(unix int64, now time.Time) string {
	moment := RelativeTime(unix, now)
	if age, found := strings.CutSuffix(moment, " ago"); found {
		return age + " old"
	}
	return map[string]string{"just now": "new", "in the future": "with a time in the future"}[moment]
}

// RelativeTime returns how long ago a time was, or "unknown".
func RelativeTime(unix int64, now time.Time) string {
	if unix == 0 {
		return "unknown"
	}
	return Age(now.Sub(time.Unix(unix, 0)))
}

// Age returns how long ago something was, in the largest unit that fits, from minutes to years.
func Age(d time.Duration) string {
	const day = 24 * time.Hour
	if d < -time.Second {
		return "in the future"
	}
	for _, u := range []struct {
		unit time.Duration
		name string
	}{{365 * day, "year"}, {day, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}} {
		n := int64(d / u.unit)
		switch {
		case n == 1:
			return "1 " + u.name + " ago"
		case n > 1:
			return fmt.Sprintf("%d %ss ago", n, u.name)
		}
	}
	return "just now"
}
