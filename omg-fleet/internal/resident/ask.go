package resident

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/omg-arch/omg/omg-fleet/internal/question"
	"github.com/omg-arch/omg/shared/clock"
	"github.com/omg-arch/omg/shared/inventory"
)

// Answer is the answer of a host.
type Answer struct {
	*question.Answer
	// Contact is when the host was last heard; zero if this is not known.
	Contact time.Time
}

// Ask asks all hosts a question about the hosts themselves, or about the packages with the given names. It returns the answers by host,
// those of hosts of the roster without a document last. Documents that are older than stale are old.
func (f *Fleet) Ask(q *question.Question, names []string, stale time.Duration, now time.Time) ([]Answer, *question.Summary) {
	order := f.sorted()
	f.mu.RLock()
	defer f.mu.RUnlock()
	installed := map[uint32][]inventory.HostPackage{} // by host
	for _, name := range names {
		if of := f.table.packages[name]; of != nil {
			for _, n := range of.versions {
				b := &f.table.builds[n]
				for _, host := range b.hosts {
					installed[host] = append(installed[host], inventory.HostPackage{Name: of.name, Version: b.version})
				}
			}
		}
	}
	coverage := question.NewCoverage(f.roster, stale, now)
	coverage.MissingWhy = f.missing
	answers := make([]Answer, 0, len(order))
	for _, n := range order {
		h := f.hosts[n]
		if h == nil { // it was removed just now
			continue
		}
		if h.contact.HasSeveral {
			coverage.NoteAgents(h.name)
		}
		if h.summary == nil {
			coverage.Refuse(h.name, h.source, h.err)
			answers = append(answers, Answer{question.NoAnswer(h.name, question.Unreadable, h.err.Error()), h.contact.Heard})
			continue
		}
		r, finish := q.Ask()
		if r.VisitPackage != nil {
			for _, p := range installed[n] {
				_ = r.VisitPackage(&p) // a question has no errors
			}
		}
		summary := *h.summary
		a := finish(&summary)
		a.Host = h.name
		a.At = cmp.Or(h.contact.ConfirmedAt, a.At) - h.contact.ClockAhead // the host's clock may have been set since the document was made
		if h.contact.IsSilent {
			a.State, a.Why = question.NotHeard, "it was last heard "+clock.FormatAge(now.Sub(h.contact.Heard))
		}
		coverage.Add(a, h.source)
		answers = append(answers, Answer{a, h.contact.Heard})
	}
	for _, a := range coverage.MissingHosts() {
		answers = append(answers, Answer{Answer: a})
	}
	return answers, coverage.Finish()
}

// sorted returns the numbers of the hosts by name.
func (f *Fleet) sorted() []uint32 {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.order == nil {
		f.order = make([]uint32, 0, len(f.bySource))
		for _, n := range f.bySource {
			f.order = append(f.order, n)
		}
		slices.SortFunc(f.order, func(a, b uint32) int {
			return cmp.Or(strings.Compare(f.hosts[a].name, f.hosts[b].name), strings.Compare(f.hosts[a].source, f.hosts[b].source))
		})
	}
	return f.order
}

// Details returns the states of the hosts with a name, with all lists. There are several if a host has several sources.
func (f *Fleet) Details(name string) ([]*inventory.Inventory, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	var all []*inventory.Inventory
	for _, h := range f.hosts {
		if h == nil || h.name != name || h.summary == nil {
			continue
		}
		v, err := unpack(h.packed)
		if err != nil {
			return nil, err
		}
		for _, n := range h.builds {
			b := &f.table.builds[n]
			v.Packages = append(v.Packages, inventory.HostPackage{Name: b.of.name, Version: b.version})
		}
		slices.SortFunc(v.Packages, func(a, b inventory.HostPackage) int { return strings.Compare(a.Name, b.Name) })
		all = append(all, v)
	}
	return all, nil
}

// Package is a package that hosts have.
type Package struct {
	Name string
	// Hosts is the number of the hosts, and Versions that of the versions on them.
	Hosts, Versions int
}

// FindPackages returns the packages whose names contain a text: the one with this name, those that begin with it, and the others, each by
// name.
func (f *Fleet) FindPackages(text string) []Package {
	f.mu.RLock()
	var found []Package
	for name, of := range f.table.packages {
		if !strings.Contains(name, text) {
			continue
		}
		p := Package{Name: name, Versions: len(of.versions)}
		for _, n := range of.versions {
			p.Hosts += len(f.table.builds[n].hosts)
		}
		found = append(found, p)
	}
	f.mu.RUnlock()
	rank := func(name string) int {
		switch {
		case name == text:
			return 0
		case strings.HasPrefix(name, text):
			return 1
		}
		return 2
	}
	slices.SortFunc(found, func(a, b Package) int {
		return cmp.Or(rank(a.Name)-rank(b.Name), strings.Compare(a.Name, b.Name))
	})
	return found
}
