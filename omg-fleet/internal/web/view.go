package web

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/omg-arch/omg/omg-fleet/internal/question"
	"github.com/omg-arch/omg/omg-fleet/internal/resident"
	"github.com/omg-arch/omg/shared/clock"
)

// row is a host in the list of hosts. A nil number is unknown.
type row struct {
	resident.Answer
	Packages, Updates, Advisories, Findings *uint32
	// Reboot is nil if it is unknown.
	Reboot *bool
}

// IsSilent reports whether the host has not answered.
func (r *row) IsSilent() bool { return r.State != question.Answered }

// IsUnsure reports whether a count may be wrong.
func (r *row) IsUnsure(name string) bool { return slices.Contains(r.PartialCounts, name) }

// RebootText says whether the host needs a reboot.
func (r *row) RebootText() string {
	switch {
	case r.Reboot == nil:
		return "unknown"
	case *r.Reboot:
		return "needed"
	}
	return "no"
}

// View is the state of all hosts at one moment.
type View struct {
	Version uint64
	At      time.Time
	Problem string
	Summary *question.Summary
	Totals  totals
	rows    []row // by name
}

// total is a sum over all hosts.
type total struct {
	Sum uint64
	// Hosts is the number of hosts with at least one, and Known and Unknown those of the hosts whose number is known or not.
	Hosts, Known, Unknown int
}

func (t *total) add(n *uint32) {
	if n == nil {
		t.Unknown++
		return
	}
	t.Known++
	if t.Sum += uint64(*n); *n > 0 {
		t.Hosts++
	}
}

// totals are the sums over all hosts.
type totals struct{ Updates, Advisories, Findings, Reboot total }

// viewCache keeps the last view, because most requests come while nothing changes.
type viewCache struct {
	mu   sync.Mutex
	last *View
}

// maxViewAge limits how old the ages in a view are.
const maxViewAge = 10 * time.Second

// current returns a view of the present states.
func (s *Server) current() *View {
	c := &s.view
	c.mu.Lock()
	defer c.mu.Unlock()
	now := clock.Now()
	version := s.fleet.Version()
	if c.last == nil || c.last.Version != version || now.Sub(c.last.At) > maxViewAge || now.Before(c.last.At) {
		c.last = makeView(s.fleet, version, s.options.Stale, now)
	}
	return c.last
}

func makeView(fleet *resident.Fleet, version uint64, stale time.Duration, now time.Time) *View {
	answers, summary := fleet.Ask(question.Status(), nil, stale, now)
	v := &View{Version: version, At: now, Problem: fleet.Problem(), Summary: summary, rows: make([]row, len(answers))}
	for i, a := range answers {
		r := row{Answer: a}
		if c := a.Counts; c != nil {
			r.Packages, r.Updates, r.Reboot = c.Installed, c.Updates, a.RebootNeeded
			if c.Security != nil {
				r.Advisories = &c.Security.Vulnerabilities
			}
			if f := c.AURFindings; f != nil {
				sum := f.Total()
				r.Findings = &sum
			}
		}
		v.Totals.Updates.add(r.Updates)
		v.Totals.Advisories.add(r.Advisories)
		v.Totals.Findings.add(r.Findings)
		var reboot *uint32
		if r.Reboot != nil {
			reboot = new(uint32)
			if *r.Reboot {
				*reboot = 1
			}
		}
		v.Totals.Reboot.add(reboot)
		v.rows[i] = r
	}
	slices.SortStableFunc(v.rows, func(a, b row) int { return strings.Compare(a.Host, b.Host) })
	return v
}

// moment returns the view itself. Pages that embed a view are loaded again when something has changed.
func (v *View) moment() *View { return v }
