package pkgindex

import (
	"slices"
	"strings"

	"github.com/omg-arch/omg/shared/wire"
)

// stateTerm is a word of a query that names a state of packages, such as is:installed.
type stateTerm struct {
	state    string // one of the wire.State constants
	unwanted bool   // a package in this state is not found
}

// states lists the states that a word can name.
var states = []string{wire.StateInstalled, wire.StateExplicit}

// parseState returns the term of a word is:state.
func parseState(state string) (stateTerm, error) {
	if !slices.Contains(states, state) {
		known := wire.StatePrefix + strings.Join(states, " or "+wire.StatePrefix)
		return stateTerm{}, queryErrorf("%s%s: no such state: use %s", wire.StatePrefix, state, known)
	}
	return stateTerm{state: state}, nil
}

// States returns the states that the words of the query name. The caller must set InState for each of them before a search.
func (q *Query) States() (list []string) {
	for _, t := range q.states {
		list = append(list, t.state)
	}
	return list
}

// isInStates reports whether a package has all states that the query wants, and none that it does not want.
func (q *Query) isInStates(file int, doc uint32) bool {
	for _, t := range q.states {
		if q.InState[t.state].has(file, doc) == t.unwanted {
			return false
		}
	}
	return true
}

// wantsState reports whether the query wants packages of a state.
func (q *Query) wantsState() bool {
	return slices.ContainsFunc(q.states, func(t stateTerm) bool { return !t.unwanted })
}
