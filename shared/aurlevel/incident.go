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

// FindIncident returns the finding about a package that matches a known incident in the given way.
func FindIncident(kind incidents.Kind) Finding {
	switch kind {
	case incidents.KindInstalled:
		return Finding{Level: LevelAct, Reason: ReasonKnownIncident}
	case incidents.KindNow:
		return Finding{Level: LevelLook, Reason: ReasonCurrentIncident}
	}
	return Finding{Level: LevelLook, Reason: ReasonPossibleIncident}
}
