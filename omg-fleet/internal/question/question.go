// Package question has the questions that can be asked about hosts: what each needs of an inventory, and which hosts have answered.
package question

import (
	"github.com/omg-arch/omg/shared/inventory"
	"github.com/omg-arch/omg/shared/wire"
)

// State says whether and how a host has answered.
type State string

// The states of a host.
const (
	Answered   State = "answered"   // its inventory is recent, and has what the question needs
	Old        State = "old"        // its inventory is older than --stale allows: the answer is the last known state
	Partial    State = "partial"    // a source could not be read on the host, so that its answer may be incomplete
	Unknown    State = "unknown"    // its inventory does not have what the question needs
	Future     State = "future"     // the time of its inventory is in the future, so that its age is unknown
	Missing    State = "missing"    // the roster has the host, but there is no file
	Unreadable State = "unreadable" // its file or its reply was refused
	NotHeard   State = "silent"     // it was asked through a server and has not replied: the answer is the last known state
)

// States are all states of hosts.
var States = []State{Answered, Old, Partial, Unknown, Future, Missing, Unreadable, NotHeard}

// Answer is what a host has answered. Which lists it has depends on the question.
type Answer struct {
	// Schema is the version of this line.
	Schema int `json:"schema"`
	// Host is the name of the host's file without its suffix, or its name in the roster.
	Host string `json:"host"`
	// Reported is the name that the host gives itself, if it is another one.
	Reported string `json:"reported_host,omitempty"`
	// Identity identifies the installation; absent if it is unknown.
	Identity string `json:"identity,omitempty"`
	// State says whether the answer is recent and complete.
	State State `json:"state"`
	// Why is the reason for the state; absent if the host has answered.
	Why string `json:"why,omitempty"`
	// At is when the inventory was made, in Unix seconds by the host's clock; absent without an inventory.
	At int64 `json:"at,omitempty"`
	// OmgVersion is the version of omg that made the inventory.
	OmgVersion string `json:"omg_version,omitempty"`
	// Counts has the counts of the host; an unknown count is absent. PartialCounts lists the names of counts that may be wrong. Only
	// hosts and status set them.
	Counts        *wire.Counts `json:"counts,omitempty"`
	PartialCounts []string     `json:"partial_counts,omitempty"`
	// RebootNeeded means that an upgrade has replaced the running kernel. Only status sets it.
	RebootNeeded *bool `json:"reboot_needed,omitempty"`
	// Updates is the result of outdated.
	Updates []inventory.HostUpdate `json:"updates,omitempty"`
	// Advisories is the result of security.
	Advisories []inventory.Vulnerable `json:"advisories,omitempty"`
	// Findings is the result of aur.
	Findings []inventory.HostFinding `json:"aur_findings,omitempty"`
	// Packages is the result of has and search.
	Packages []inventory.HostPackage `json:"packages,omitempty"`

	// found is the number of entries of the list that the question asks for, or 1 if it asks about the host itself.
	found int
}

// Found reports whether the host has something that the question asks for.
func (a *Answer) Found() bool { return a.found > 0 }

// NoAnswer returns what is known of a host that gives no answer, and has given none before.
func NoAnswer(host string, state State, why string) *Answer {
	return &Answer{Schema: Schema, Host: host, State: state, Why: why}
}

// Adopt completes an answer that was received from a host. The name that the host gives itself stays, but the host cannot choose its name.
func (q *Question) Adopt(a *Answer, host string) {
	a.Schema, a.Host = Schema, host
	a.found = len(a.Packages) + len(a.Updates) + len(a.Advisories) + len(a.Findings)
	if q.part == "" {
		a.found = 1 // a question about the host itself
		if a.Counts == nil {
			a.Counts = &wire.Counts{}
		}
	}
}

// Question is a question about each host.
type Question struct {
	// part is the part of the inventory that the question needs; empty for none.
	part inventory.PartName
	// wants reports whether the question asks for a package; nil for no package. onlyNames means that it needs only the name and the version.
	wants     func(*inventory.HostPackage) bool
	onlyNames bool
	// names has the names of the packages for which wants is called; nil for all.
	names map[string]bool
	// fill copies what the question asks for into the answer, and sets found. It is nil for questions about packages.
	fill func(*Answer, *inventory.Inventory)
}

// maxPackages is the maximum number of packages in the answer of a host to a search.
const maxPackages = 10_000

// Ask returns a reader for the document of a host, and a function that returns the host's answer. See inventories.Each.
func (q *Question) Ask() (*inventory.Reader, func(*inventory.Inventory) *Answer) {
	a := &Answer{Schema: Schema}
	r := &inventory.Reader{OnlyNames: q.onlyNames, Wanted: q.names, NoLists: q.part == "" || q.part == inventory.PartPackages}
	hasMore := false
	if q.wants != nil {
		r.VisitPackage = func(p *inventory.HostPackage) error {
			switch {
			case !q.wants(p):
			case len(a.Packages) == maxPackages:
				hasMore = true
			default:
				a.Packages = append(a.Packages, clonePackage(p))
			}
			return nil
		}
	}
	return r, func(v *inventory.Inventory) *Answer {
		a.Reported, a.Identity, a.At, a.OmgVersion, a.State = v.Host, v.Identity, v.At, v.OmgVersion, Answered
		if a.found = len(a.Packages); q.fill != nil {
			q.fill(a, v)
		}
		if q.part != "" {
			switch p := v.FindPart(q.part); p.State {
			case inventory.PartOK, inventory.PartStale:
			case inventory.PartPartial:
				a.State, a.Why = Partial, p.String()
			default:
				a.State, a.Why = Unknown, p.String()
			}
		}
		if hasMore {
			a.State, a.Why = Partial, "more packages match than an answer can have"
		}
		return a
	}
}

// Schema is the version of the JSON output. New fields do not change it.
const Schema = 1
