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

// Status prints a status: what is not known as "unknown", what is not certain
// first. Ages are counted up to now.
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
	c := &st.Counts
	p.field("Installed", count(c.Installed))
	p.field("Explicit", count(c.Explicit))
	p.lines("Orphans", []string{
		count(c.Orphans) + " (dependencies that nothing requires, even optionally)",
		count(c.OrphansRequired) + " (dependencies that nothing requires)",
	})
	p.field("Foreign", count(c.Foreign)+" (in no repository)")
	p.field("Updates", count(c.Updates)+" (and "+count(c.Ignored)+" ignored)"+asOf(st.Compared, now))
	p.lines("AUR Updates", aurLines(c))
	p.field("Replacements", count(c.Replacements))
	p.lines("Security", securityLines(c.Security))
	p.lines("Index", indexLines(&st.Index, now))
	p.lines("Sources", sourceLines(st.Sources, now))
	if st.Compared != nil {
		p.lines("Compared With", sourceLines(st.Compared, now))
	} else if suggestOwn(st.Sources) {
		p.field("Hint", OwnHint)
	}
	if len(st.Parts) == 0 {
		return
	}
	parts := make([]string, len(st.Parts))
	for i, part := range st.Parts {
		parts[i] = because(part.Name+": "+part.State, part.Why)
	}
	p.lines("Degraded", parts)
}

// OwnHint says how updates can be known though nobody runs pacman -Sy.
const OwnHint = "with own = true in [sync] of config.toml, omgd downloads databases of its own to count updates by"

// suggestOwn says that a repository's database is old.
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

// asOf says when the databases that updates are counted by were current, where those
// are not what is searched.
func asOf(compared []wire.Source, now time.Time) string {
	if compared == nil {
		return ""
	}
	return ", as of " + Moment(wire.Current(compared), now)
}

func securityLines(c *wire.SecurityCounts) []string {
	if c == nil {
		return []string{"unknown"}
	}
	number := func(n uint32) string { return strconv.FormatUint(uint64(n), 10) }
	line := number(c.Vulnerabilities)
	if c.Vulnerabilities > 0 {
		line += " (critical " + number(c.Critical) + ", high " + number(c.High) + ", medium " + number(c.Medium) + ", low " + number(c.Low) +
			", unknown " + number(c.Unknown) + ")"
	}
	return []string{line, "fixable " + number(c.Fixable) + ", in testing " + number(c.InTesting) + ", affected " + number(c.Affected) +
		", unconfirmed " + number(c.Unconfirmed)}
}

// aurLines are the AUR's updates and, if there is any, what else is to be known of
// what is installed from there.
func aurLines(c *wire.Counts) []string {
	lines := []string{count(c.AURUpdates)}
	if c.AUR == nil {
		return lines
	}
	var more []string
	for _, n := range []struct {
		what string
		n    uint32
	}{
		{"ignored", c.AUR.Ignored},
		{"newer here", c.AUR.Newer},
		{"unknown (VCS)", c.AUR.VCS},
		{"unknown", c.AUR.Unknown},
		{"gone from the AUR", c.AUR.Gone},
		{"out of date", c.AUR.OutOfDate},
		{"orphaned", c.AUR.Orphaned},
	} {
		if n.n > 0 {
			more = append(more, strconv.FormatUint(uint64(n.n), 10)+" "+n.what)
		}
	}
	if len(more) > 0 {
		lines = append(lines, strings.Join(more, ", "))
	}
	return lines
}

func count(n *uint32) string {
	if n == nil {
		return "unknown"
	}
	return strconv.FormatUint(uint64(*n), 10)
}

func because(what, why string) string {
	if why == "" {
		return what
	}
	return what + ": " + why
}

func indexLines(x *wire.IndexStatus, now time.Time) []string {
	if x.Packages == 0 && x.Built == 0 {
		return nil // neither an index nor databases: not one that is empty
	}
	line := strconv.FormatUint(uint64(x.Packages), 10) + " packages"
	if x.Built != 0 {
		line += ", built " + Moment(x.Built, now)
	}
	return append([]string{line}, x.Files...)
}

// Source describes a source: its state and its times.
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

// Moment is a time with its age, or unknown.
func Moment(unix int64, now time.Time) string {
	if unix == 0 {
		return "unknown"
	}
	t := time.Unix(unix, 0)
	return t.Format("2006-01-02 15:04:05") + " (" + Age(now.Sub(t)) + ")"
}

// Age says how long ago something was, in its largest whole unit.
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
