package aurlevel

import "github.com/omg-arch/omg/shared/incidents"

// The reasons for findings that follow from a list of known incidents. They have no events, because they need neither the journal nor a
// dump.
const (
	// ReasonKnownIncident: the installed package was built when a harmful build could be had.
	ReasonKnownIncident Reason = "known-incident"
	// ReasonPossibleIncident: the same could be true, but the build date of the installed package is unknown. This is not LevelAct:
	// most packages of the same name are harmless builds of other days.
	ReasonPossibleIncident Reason = "possible-incident"
	// ReasonCurrentIncident: a harmful build can be had today.
	ReasonCurrentIncident Reason = "current-incident"
)

// Incident is a known incident, and the package that matches it.
type Incident struct {
	incidents.Match
	Package *incidents.Package
}

// FindIncident returns the finding about a package that matches a known incident.
func FindIncident(i Incident) Finding {
	f := Finding{Level: LevelLook, Reason: ReasonPossibleIncident, Incident: &i}
	switch i.Kind {
	case incidents.KindInstalled:
		f.Level, f.Reason = LevelAct, ReasonKnownIncident
	case incidents.KindNow:
		f.Reason = ReasonCurrentIncident
	}
	return f
}
