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
		since := "stale"
		if st.At != 0 {
			since = "stale since " + Moment(st.At, now)
		}
		p.field("State", because(since, st.Why))
	} else {
		p.field("State", "right "+Moment(st.At, now))
	}
	if st.Partial {
		p.field("Partial", "a number with ? may change: "+Lacking(&st.Basis))
	}
	c := counter{st}
	p.field("Installed", c.count("installed", st.Counts.Installed))
	p.field("Explicit", c.count("explicit", st.Counts.Explicit))
	p.lines("Orphans", []string{
		c.count("orphans", st.Counts.Orphans) + " (dependencies that nothing requires, even optionally)",
		c.count("orphans_required", st.Counts.OrphansRequired) + " (dependencies that nothing requires)",
	})
	p.field("Foreign", c.count("foreign", st.Counts.Foreign)+" (in no repository)")
	p.field("Updates", c.count("updates", st.Counts.Updates)+" (and "+c.count("ignored", st.Counts.Ignored)+" ignored)"+asOf(st.Compared, now))
	p.lines("AUR Updates", c.aurLines())
	p.field("Replacements", c.count("replacements", st.Counts.Replacements))
	p.lines("Security", c.securityLines())
	p.lines("Index", indexLines(&st.Index, now))
	p.lines("Sources", sourceLines(st.Sources, now))
	if st.Compared != nil {
		p.lines("Compared With", sourceLines(st.Compared, now))
	} else if suggestOwn(st.Sources) {
		p.field("Hint", OwnHint)
	}
	if len(st.Problems) == 0 {
		return
	}
	problems := make([]string, len(st.Problems))
	for i, problem := range st.Problems {
		problems[i] = because(problem.Name+": "+problem.State, problem.Why)
	}
	p.lines("Degraded", problems)
}

// OwnHint explains how updates can be found although pacman -Sy is not run.
const OwnHint = "with own = true in [sync] of config.toml, omgd downloads databases of its own to count updates by"

// suggestOwn reports whether a repository's database is old.
func suggestOwn(sources []wire.Source) bool {
	return slices.ContainsFunc(sources, func(s wire.Source) bool {
		return s.State == wire.SourceStale && s.Repository()
	})
}

func sourceLines(sources []wire.Source, now time.Time) []string {
	lines := make([]string, len(sources))
	for i := range sources {
		lines[i] = Source(&sources[i], now)
	}
	return lines
}

// asOf returns the time of the databases that updates are computed from, if they are not those that are searched.
func asOf(compared []wire.Source, now time.Time) string {
	if compared == nil {
		return ""
	}
	return ", as of " + Moment(wire.Current(compared), now)
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

func (c counter) securityLines() []string {
	n := c.Counts.Security
	if n == nil {
		return []string{"unknown"}
	}
	line := number(n.Vulnerabilities)
	if n.Vulnerabilities > 0 {
		line += " (critical " + number(n.Critical) + ", high " + number(n.High) + ", medium " + number(n.Medium) + ", low " + number(n.Low) +
			", unknown " + number(n.Unknown) + ")"
	}
	// The repositories only decide which advisories an update fixes.
	mark := c.mark("security")
	return []string{line, "fixable " + number(n.Fixable) + mark + ", in testing " + number(n.InTesting) + ", affected " + number(n.Affected) + mark +
		", unconfirmed " + number(n.Unconfirmed)}
}

// aurLines returns lines about the AUR's updates and the other states of installed AUR packages.
func (c counter) aurLines() []string {
	lines := []string{c.count("aur_updates", c.Counts.AURUpdates)}
	aur := c.Counts.AUR
	if aur == nil {
		return lines
	}
	var more []string
	for _, n := range []struct {
		what string
		n    uint32
	}{
		{"ignored", aur.Ignored},
		{"newer here", aur.Newer},
		{"unknown (VCS)", aur.VCS},
		{"unknown", aur.Unknown},
		{"gone from the AUR", aur.Gone},
		{"out of date", aur.OutOfDate},
		{"orphaned", aur.Orphaned},
	} {
		if n.n > 0 {
			more = append(more, number(n.n)+" "+n.what)
		}
	}
	if len(more) > 0 {
		lines = append(lines, strings.Join(more, ", "))
	}
	return lines
}

func because(what, why string) string {
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
		line += ", built " + Moment(x.Built, now)
	}
	return append([]string{line}, x.Files...)
}

// Lacking returns what a partial result lacks: the repositories that could not be read, each with the reason, or
// otherwise the unread part of the local database.
func Lacking(b *wire.Basis) string {
	var missing []string
	for i := range b.Sources {
		if s := &b.Sources[i]; s.Lacking() && s.Repository() {
			missing = append(missing, because(s.Name+" is "+string(s.State), s.Why))
		}
	}
	if b.Why != "" {
		missing = append(missing, b.Why)
	}
	if len(missing) == 0 {
		return "a source could not be read"
	}
	return strings.Join(missing, "; ")
}

// NotChecked describes since when the local database was not checked, for a stale result.
func NotChecked(b *wire.Basis) string {
	note := "what is installed could not be checked"
	if b.At != 0 {
		note += " since " + Moment(b.At, time.Now())
	}
	return note
}

// Reason returns a source's state and the reason for it.
func Reason(s *wire.Source) string { return because(s.Name+": "+string(s.State), s.Why) }

// Source returns a description of a source: its state and its times.
func Source(s *wire.Source, now time.Time) string {
	name, times := s.Name, []struct {
		what string
		at   int64
	}{{"of", s.AsOf}, {"changed here", s.Changed}, {"synchronized", s.Synced}}
	if s.Own {
		name += " (omgd's own)"
		times[1].what, times = "found at a mirror", times[:2]
	}
	line := because(name+": "+string(s.State), s.Why)
	if s.State == wire.SourceOK && s.Why != "" {
		line = name + ": ok, but " + s.Why
	}
	for _, t := range times {
		line += "; " + t.what + " " + Moment(t.at, now)
	}
	return line
}

// Moment returns a time with its age, or "unknown".
func Moment(unix int64, now time.Time) string {
	if unix == 0 {
		return "unknown"
	}
	t := time.Unix(unix, 0)
	return t.Format("2006-01-02 15:04:05") + " (" + Age(now.Sub(t)) + ")"
}

// Age returns a duration in its largest whole unit.
func Age(d time.Duration) string {
	const day = 24 * time.Hour
	if d < -time.Second {
		return "in the future"
	}
	for _, u := range []struct {
		unit time.Duration
		name string
	}{{365 * day, "year"}, {day, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}, {time.Second, "second"}} {
		n := int64(d / u.unit)
		switch {
		case n == 1:
			return "1 " + u.name + " ago"
		case n > 1:
			return fmt.Sprintf("%d %ss ago", n, u.name)
		}
	}
	return "now"
}
