// Package health says of each part of the daemon whether it is well, and since when
// it is as it is.
package health

import (
	"slices"
	"sync"
	"time"

	"github.com/omg-arch/omg/shared/wire"
)

// The states of a component.
const (
	OK       = "ok"
	Degraded = "degraded"
	Failed   = "failed"
)

// Input is what is known of the daemon.
type Input struct {
	// Status is the current status; nil while there is none, and Why says why.
	Status *wire.StatusResult
	Why    string
	// Interval is how often the state is looked at; three without success are too
	// many.
	Interval time.Duration
	// LibAlpm is libalpm's version as its worker said, empty if it never did.
	LibAlpm string
	// Asked are the sources that the configuration has asked: those that are not are
	// nobody's fault.
	Asked []string
}

// Monitor remembers since when each component is as it is.
type Monitor struct {
	mu    sync.Mutex
	since map[string]known
}

type known struct {
	state string
	at    time.Time
}

// Look judges the components now.
func (m *Monitor) Look(in Input, now time.Time) wire.HealthResult {
	list := []wire.Component{{Name: "socket", State: OK}} // it answers
	add := func(name, state, why string) { list = append(list, wire.Component{Name: name, State: state, Why: why}) }
	st := in.Status
	if st == nil {
		add("index", Failed, in.Why)
		add("refresh", Failed, in.Why)
	} else {
		add("index", indexState(st), indexWhy(st))
		age := now.Sub(time.Unix(st.At, 0))
		failed := slices.IndexFunc(st.Parts, func(p wire.Part) bool { return p.Name == "refresh" })
		switch {
		case failed >= 0:
			add("refresh", Degraded, st.Parts[failed].Why)
		case st.Stale:
			add("refresh", Degraded, st.Why)
		case age > 3*in.Interval:
			add("refresh", Degraded, "the last one was "+age.Truncate(time.Second).String()+" ago")
		default:
			add("refresh", OK, "")
		}
	}
	parts := map[string]wire.Part{}
	if st != nil {
		for _, p := range st.Parts {
			parts[p.Name] = p
		}
	}
	for _, name := range []string{"libalpm", "store", "db.lck", "local"} {
		p, bad := parts[name]
		switch {
		case bad && p.State != "busy" && p.State != "new":
			add(name, Degraded, p.State+because(p.Why))
		case name == "libalpm" || name == "store":
			add(name, OK, "")
		}
	}
	if st != nil && st.Compared != nil {
		state, why := OK, firstWrong(st.Compared)
		if why != "" {
			state = Degraded
		}
		add("own databases", state, why)
	}
	for _, name := range in.Asked {
		add(name, sourceState(st, name), sourceWhy(st, name))
	}
	for i := range list {
		if list[i].Name == "libalpm" {
			list[i].Version = in.LibAlpm
		}
	}
	result := wire.HealthResult{State: OK}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.since == nil {
		m.since = make(map[string]known)
	}
	for i := range list {
		c := &list[i]
		was := m.since[c.Name]
		if was.state != c.State {
			was = known{c.State, now}
			m.since[c.Name] = was
		}
		c.Since = was.at.Unix()
		if c.State == Failed || c.State == Degraded && result.State == OK {
			result.State = c.State
		}
	}
	result.Components = list
	return result
}

func because(why string) string {
	if why == "" {
		return ""
	}
	return ": " + why
}

func indexState(st *wire.StatusResult) string {
	if st.Index.Packages == 0 {
		return Failed
	}
	if indexWhy(st) != "" {
		return Degraded
	}
	return OK
}

// indexWhy is the first repository that is not as it should be.
func indexWhy(st *wire.StatusResult) string {
	if st.Index.Packages == 0 {
		return "there are no packages to search in"
	}
	return firstWrong(st.Sources)
}

func firstWrong(sources []wire.Source) string {
	for _, s := range sources {
		if s.State != wire.SourceOK && s.Repository() {
			return s.Name + " is " + string(s.State) + because(s.Why)
		}
	}
	return ""
}

func sourceState(st *wire.StatusResult, name string) string {
	if st != nil {
		for _, s := range st.Sources {
			if s.Name == name && s.State == wire.SourceOK {
				return OK
			}
		}
	}
	return Degraded
}

func sourceWhy(st *wire.StatusResult, name string) string {
	if st == nil {
		return "not known yet"
	}
	for _, s := range st.Sources {
		if s.Name == name {
			if s.State == wire.SourceOK {
				return ""
			}
			return string(s.State) + because(s.Why)
		}
	}
	return "not known yet"
}
