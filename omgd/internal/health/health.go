// Package health evaluates the state of each component of the daemon, and finds out since when the component
// has had that state.
package health

import (
	"slices"
	"sync"
	"time"

	"github.com/omg-arch/omg/shared/wire"
)

// Input is what Evaluate needs to know of the daemon.
type Input struct {
	// Status is the current status. While there is no status, it is nil, and NoStatusReason is the reason.
	Status         *wire.StatusResult
	NoStatusReason string
	// Starting means that there is no snapshot yet, or that a repository still waits for
	// its first index.
	Starting bool
	// RefreshInterval is the time between two refreshes. The refresh is degraded if the last successful one is more
	// than three intervals ago.
	RefreshInterval time.Duration
	// LibAlpmVersion is the version of libalpm that omg-alpm-worker has reported; empty before its first reply.
	LibAlpmVersion string
	// EnabledSources are the AUR, the tracker and the news, if they are enabled in the configuration. Evaluate does not
	// report a disabled source.
	EnabledSources []wire.SourceKind
}

// Monitor remembers since when each component has had its current state.
type Monitor struct {
	mu               sync.Mutex
	stateByComponent map[string]stateSince
}

type stateSince struct {
	state string
	at    time.Time
}

// Evaluate returns the state of each component.
func (m *Monitor) Evaluate(in Input, now time.Time) wire.HealthResult {
	list := []wire.Component{{Name: "socket", State: wire.HealthOK}} // the socket is open while the daemon runs
	add := func(name, state, why string) { list = append(list, wire.Component{Name: name, State: state, Why: why}) }
	st := in.Status
	if st == nil && in.Starting {
		add("index", wire.HealthStarting, in.NoStatusReason)
		add("refresh", wire.HealthStarting, in.NoStatusReason)
	} else if st == nil {
		add("index", wire.HealthFailed, in.NoStatusReason)
		add("refresh", wire.HealthFailed, in.NoStatusReason)
	} else {
		state := indexState(st)
		if in.Starting {
			state = wire.HealthStarting
		}
		add("index", state, indexWhy(st))
		age := now.Sub(time.Unix(st.ConfirmedAt, 0))
		failed := slices.IndexFunc(st.Problems, func(p wire.Problem) bool { return p.Name == "refresh" })
		switch {
		case failed >= 0:
			add("refresh", wire.HealthDegraded, st.Problems[failed].Why)
		case st.Stale:
			add("refresh", wire.HealthDegraded, st.Why)
		case age > 3*in.RefreshInterval:
			add("refresh", wire.HealthDegraded, "last refresh "+age.Truncate(time.Second).String()+" ago")
		default:
			add("refresh", wire.HealthOK, "")
		}
	}
	problems := map[string]wire.Problem{}
	if st != nil {
		for _, p := range st.Problems {
			problems[p.Name] = p
		}
	}
	for _, name := range []string{"libalpm", "store", "watch", "status file", "data", "db.lck", "local", "runtimes", wire.ProblemIncidentLists} {
		p, bad := problems[name]
		switch {
		case bad && wire.ProblemDegrades(&p):
			add(name, wire.HealthDegraded, p.State+reasonSuffix(p.Why))
		case name == "libalpm" || name == "store" || name == "watch":
			add(name, wire.HealthOK, "")
		}
	}
	if st != nil && st.ComparedSources != nil {
		state, why := wire.HealthOK, firstBadRepository(st.ComparedSources)
		if why != "" {
			state = wire.HealthDegraded
		}
		add("downloaded databases", state, why)
	}
	if st != nil && st.Pulled != nil {
		state, why := pulledHealth(st.Pulled, now)
		add("pulled indexes", state, why)
	}
	if st != nil && len(st.FileLists) > 0 {
		state, why := wire.HealthOK, firstUnreadableList(st.FileLists)
		if why != "" {
			state = wire.HealthDegraded
		}
		add("lists of files", state, why)
	}
	for _, kind := range in.EnabledSources {
		state, why := sourceHealth(st, kind)
		add(string(kind), state, why)
	}
	for i := range list {
		if list[i].Name == "libalpm" {
			list[i].Version = in.LibAlpmVersion
		}
	}
	result := wire.HealthResult{State: wire.HealthOK}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stateByComponent == nil {
		m.stateByComponent = make(map[string]stateSince)
	}
	for i := range list {
		c := &list[i]
		last := m.stateByComponent[c.Name]
		if last.state != c.State {
			last = stateSince{c.State, now}
			m.stateByComponent[c.Name] = last
		}
		c.Since = last.at.Unix()
		if c.Name == string(wire.KindNews) || c.Name == string(wire.KindPopularity) {
			continue // which packages an answer has does not depend on these, so omgd is healthy without them
		}
		if slices.Index(statesBestFirst, c.State) > slices.Index(statesBestFirst, result.State) {
			result.State = c.State
		}
	}
	result.Components = list
	return result
}

// statesBestFirst lists the states of a component, from best to worst.
var statesBestFirst = []string{wire.HealthOK, wire.HealthDegraded, wire.HealthStarting, wire.HealthFailed}

func reasonSuffix(why string) string {
	if why == "" {
		return ""
	}
	return ": " + why
}

func indexState(st *wire.StatusResult) string {
	if st.Index.Packages == 0 {
		return wire.HealthFailed
	}
	if indexWhy(st) != "" {
		return wire.HealthDegraded
	}
	return wire.HealthOK
}

// indexWhy returns what is wrong with the first repository that is not ok, or with the index files. It
// returns an empty text if nothing is wrong.
func indexWhy(st *wire.StatusResult) string {
	if st.Index.Packages == 0 {
		return "the index is empty"
	}
	if why := firstBadRepository(st.Sources); why != "" {
		return why
	}
	for _, p := range st.Problems {
		if p.Name == "index" {
			return p.State + reasonSuffix(p.Why)
		}
	}
	return ""
}

func firstBadRepository(sources []wire.Source) string {
	for _, s := range sources {
		if s.State != wire.SourceOK && s.IsRepository() {
			return s.Name + " " + string(s.State) + reasonSuffix(s.Why)
		}
	}
	return ""
}

// pulledHealth returns the health state of what is pulled from a published directory, and the reason if that state is not ok.
func pulledHealth(p *wire.PulledStatus, now time.Time) (state, why string) {
	switch {
	case p.LastError != "":
		return wire.HealthDegraded, p.LastError
	case p.ConfirmedAt == 0:
		return wire.HealthDegraded, wire.NotDownloadedYet
	case p.Expires <= now.Unix():
		return wire.HealthDegraded, "the manifest has expired"
	}
	return wire.HealthOK, ""
}

// firstUnreadableList returns what is wrong with the first list of files that could not be read. Old lists are no fault: pacman
// downloads them only at -Fy.
func firstUnreadableList(lists []wire.Source) string {
	for _, s := range lists {
		if s.State == wire.SourceFailed || s.Outdated {
			return s.Name + " " + string(s.State) + reasonSuffix(s.Why)
		}
	}
	return ""
}

// sourceHealth returns the health state of a source that is not a repository, and the reason if that state is
// not ok.
func sourceHealth(st *wire.StatusResult, kind wire.SourceKind) (state, why string) {
	if st != nil {
		if s := wire.FindSourceByKind(st.Sources, kind); s != nil && s.State == wire.SourceOK {
			return wire.HealthOK, ""
		} else if s != nil {
			return wire.HealthDegraded, string(s.State) + reasonSuffix(s.Why)
		}
	}
	return wire.HealthDegraded, wire.NotKnownYet
}
