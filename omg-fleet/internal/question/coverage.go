package question

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/omg-arch/omg/shared/clock"
)

// Summary is the last line of each answer.
type Summary struct {
	// Schema is the version of this line.
	Schema int `json:"schema"`
	// Asked is the number of hosts that were asked: those of the roster, and those that have a file.
	Asked int `json:"asked"`
	// Answered is the number of hosts with a recent and complete answer.
	Answered int `json:"answered"`
	// Found is the number of hosts that have what was asked for, including those with an old or incomplete answer.
	Found int `json:"found"`
	// Silent lists the other hosts, by name.
	Silent []Silent `json:"silent"`
	// Duplicates says which hosts have the same name or the same identity. They are not merged.
	Duplicates []string `json:"duplicates,omitempty"`
	// Unexpected lists the hosts that have a file, but are not in the roster.
	Unexpected []string `json:"not_in_roster,omitempty"`
}

// Silent is a host without a recent and complete answer.
type Silent struct {
	Host  string `json:"host"`
	State State  `json:"state"`
	// Why says what is wrong.
	Why string `json:"why"`
	// At is when the last known state was recorded, in Unix seconds by the host's clock; absent if there is none.
	At int64 `json:"at,omitempty"`
}

// maxAhead is how far the time of an inventory may be in the future. Clocks of hosts may differ by this much.
const maxAhead = 10 * time.Minute

// Coverage records which hosts have answered.
type Coverage struct {
	// MissingWhy says what is missing of a host of the roster that has not answered at all.
	MissingWhy string

	roster     []string // sorted
	hasRoster  bool
	stale      time.Duration
	now        time.Time
	states     map[string]State // the best state by host
	silent     map[string]Silent
	identities map[string]string // the first host by identity
	reported   map[string]string // the first host by the name that the host gives itself
	summary    Summary
}

// The values of MissingWhy: where a host was looked for.
const (
	MissingFile = "it has no file"
	NeverHeard  = "the server has never heard of it"
)

// NewCoverage returns a coverage for a roster, which is nil if there is none. Inventories that are older than stale are old.
func NewCoverage(roster []string, stale time.Duration, now time.Time) *Coverage {
	return &Coverage{
		MissingWhy: MissingFile, roster: roster, hasRoster: roster != nil, stale: stale, now: now, states: map[string]State{}, silent: map[string]Silent{},
		identities: map[string]string{}, reported: map[string]string{}, summary: Summary{Schema: Schema, Silent: []Silent{}},
	}
}

// Add records the answer of a host, and changes its state if it is too old. The parameter file is the path of its file, or its name.
func (c *Coverage) Add(a *Answer, file string) {
	host := a.Host
	switch at := time.Unix(a.At, 0); {
	case a.At == 0, a.State == NotHeard: // the reason is known
	case at.Sub(c.now) > maxAhead:
		a.State, a.Why = Future, "the time of its inventory is in the future: its clock or that of this host is wrong"
	case c.now.Sub(at) > c.stale:
		a.State, a.Why = Old, "its inventory was made "+clock.FormatAge(c.now.Sub(at))
	}
	c.noteDuplicates(a, file)
	if a.Reported == host {
		a.Reported = ""
	}
	if a.Found() {
		c.summary.Found++
	}
	c.record(Silent{host, a.State, a.Why, a.At})
}

// Refuse records that the file of a host was refused.
func (c *Coverage) Refuse(host, file string, err error) {
	why := err.Error()
	if !strings.Contains(why, file) { // an error of the system has the path
		why = file + ": " + why
	}
	c.record(Silent{Host: host, State: Unreadable, Why: why})
}

// String returns a text about the host.
func (s Silent) String() string { return s.Host + " has not answered: " + s.Why }

// record records the state of a host. One that has several files has answered if one of them is an answer.
func (c *Coverage) record(s Silent) {
	if _, seen := c.states[s.Host]; seen {
		c.summary.Duplicates = append(c.summary.Duplicates, fmt.Sprintf("%s has two files", s.Host))
		if c.states[s.Host] == Answered {
			return
		}
	}
	c.states[s.Host] = s.State
	if delete(c.silent, s.Host); s.State != Answered {
		c.silent[s.Host] = s
	}
}

// maxDuplicates limits how many duplicates are described.
const maxDuplicates = 1000

// NoteAgents notes that several agents publish with the name of a host.
func (c *Coverage) NoteAgents(host string) {
	if len(c.summary.Duplicates) < maxDuplicates {
		c.summary.Duplicates = append(c.summary.Duplicates, host+" is the name of several agents: each answer is that of one of them")
	}
}

// noteDuplicates notes hosts with the same identity, and hosts that give themselves the same name.
func (c *Coverage) noteDuplicates(a *Answer, file string) {
	if len(c.summary.Duplicates) >= maxDuplicates {
		return
	}
	if other, seen := c.identities[a.Identity]; seen && a.Identity != "" {
		c.summary.Duplicates = append(c.summary.Duplicates, fmt.Sprintf("%s and %s have the same identity: one is a copy of the other, or of its machine ID", other, file))
	} else if a.Identity != "" {
		c.identities[a.Identity] = file
		if other, seen := c.reported[a.Reported]; seen {
			c.summary.Duplicates = append(c.summary.Duplicates, fmt.Sprintf("%s and %s call themselves %s", other, file, a.Reported))
		} else {
			c.reported[a.Reported] = file
		}
	}
}

// MissingHosts returns the answers of the hosts in the roster without a file.
func (c *Coverage) MissingHosts() (all []*Answer) {
	for _, host := range c.roster {
		if c.states[host] == "" {
			all = append(all, NoAnswer(host, Missing, c.MissingWhy))
		}
	}
	return all
}

// Finish returns the summary, after all answers were added.
func (c *Coverage) Finish() *Summary {
	for _, a := range c.MissingHosts() {
		c.record(Silent{Host: a.Host, State: a.State, Why: a.Why})
	}
	for host, state := range c.states {
		c.summary.Asked++
		if state == Answered {
			c.summary.Answered++
		}
		if _, found := slices.BinarySearch(c.roster, host); c.hasRoster && !found {
			c.summary.Unexpected = append(c.summary.Unexpected, host)
		}
	}
	for _, s := range c.silent {
		c.summary.Silent = append(c.summary.Silent, s)
	}
	slices.SortFunc(c.summary.Silent, func(a, b Silent) int { return cmp.Compare(a.Host, b.Host) })
	slices.Sort(c.summary.Unexpected)
	return &c.summary
}
