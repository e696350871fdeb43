package aurlevel

import "github.com/omg-arch/omg/shared/journal"

// The reasons for findings that follow from the build files of a package base: from a difference between two copies of them.
const (
	// ReasonChecksumSkipped: the sources that have no checksum any more.
	ReasonChecksumSkipped Reason = "checksum-skipped"
	// ReasonSourceHostChanged: the hosts of sources that the earlier copy does not name.
	ReasonSourceHostChanged Reason = "source-host-changed"
	// ReasonInstallScriptAdded and ReasonInstallScriptChanged: the names of the install scripts.
	ReasonInstallScriptAdded   Reason = "install-script-added"
	ReasonInstallScriptChanged Reason = "install-script-changed"
)

// BuildChange is a difference between two copies of the build files of a package base. Unlike events, it is in no journal.
type BuildChange struct {
	Reason Reason
	// Copies is the times of the two copies.
	Copies journal.Interval
	// Values is what the reason names.
	Values []string
}

// FindBuildChanges returns the findings that follow from differences between copies of build files. Like an event, a difference is the reason
// for a finding for MaxEventAge.
func FindBuildChanges(changes []BuildChange, now int64) (found []Finding) {
	for i := range changes {
		if changes[i].Copies.To >= now-MaxEventAge {
			found = append(found, Finding{Level: LevelLook, Reason: changes[i].Reason, Build: &changes[i]})
		}
	}
	return found
}
