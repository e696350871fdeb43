package question

import (
	"fmt"
	"slices"

	"github.com/omg-arch/omg/shared/command"
)

// Kind is a question of the fixed list that hosts answer.
type Kind string

// The kinds of questions.
const (
	KindHosts    Kind = "hosts"
	KindStatus   Kind = "status"
	KindOutdated Kind = "outdated"
	KindSecurity Kind = "security"
	KindHas      Kind = "has"
	KindSearch   Kind = "search"
	KindAUR      Kind = "aur"
)

// Spec says what is asked, in the form in which a question travels to hosts.
type Spec struct {
	Kind Kind `json:"kind"`
	// Words are the packages of outdated and has, and the words of search.
	Words []string `json:"words,omitempty"`
	// Regex and NameOnly are options of search.
	Regex    bool `json:"regex,omitempty"`
	NameOnly bool `json:"name_only,omitempty"`
	// Severity is the lowest severity of security; empty for all. Unconfirmed includes advisories that may not concern the installed version.
	Severity    string `json:"severity,omitempty"`
	Unconfirmed bool   `json:"unconfirmed,omitempty"`
}

// Question returns the question that a spec asks. An error says what is wrong with the spec.
func (s *Spec) Question() (*Question, error) {
	switch s.Kind {
	case KindHosts:
		return Hosts(), nil
	case KindStatus:
		return Status(), nil
	case KindOutdated:
		return Outdated(s.Words), nil
	case KindSecurity:
		severity := 0
		if s.Severity != "" {
			if severity = slices.Index(Severities, s.Severity); severity < 0 {
				return nil, command.Usagef("%q is no severity", s.Severity)
			}
		}
		return Security(severity, s.Unconfirmed), nil
	case KindHas:
		return Has(s.Words)
	case KindSearch:
		return Search(s.Words, s.Regex, s.NameOnly)
	case KindAUR:
		return AUR(), nil
	}
	return nil, fmt.Errorf("there is no question %.40q", s.Kind)
}
