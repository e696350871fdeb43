package wire

// SecurityRequest asks for the advisories for installed packages.
type SecurityRequest struct {
	// Packages restricts the result to these packages; empty for all.
	Packages []string `msgpack:"packages,omitempty" json:"packages,omitempty"`
}

// SecurityResult is the reply to a SecurityRequest, in chunks like a SearchResult.
type SecurityResult struct {
	Basis `msgpack:",inline"`
	// Packages lists the installed packages with advisories, the most severe first.
	Packages []VulnerablePackage `msgpack:"packages" json:"packages"`
	// Missing lists the requested names that are not installed.
	Missing []string `msgpack:"missing,omitempty" json:"missing,omitempty"`
	// Skipped is the number of the tracker's advisories that could not be read.
	Skipped uint32 `msgpack:"skipped,omitempty" json:"skipped,omitempty"`
}

// VulnerablePackage is an installed package with advisories.
type VulnerablePackage struct {
	Name      string `msgpack:"name" json:"name"`
	Installed string `msgpack:"installed" json:"installed"`
	// Update is the version in a repository that resolves the fixable advisories.
	Update string `msgpack:"update,omitempty" json:"update,omitempty"`
	// Foreign means that the package is in no repository, so that the tracker may mean another package of the same name.
	Foreign bool `msgpack:"foreign,omitempty" json:"foreign,omitempty"`
	// Severity and Verdict are the severity and the verdict of the worst advisory, which is first in Advisories.
	Severity   string     `msgpack:"severity" json:"severity"`
	Verdict    string     `msgpack:"verdict" json:"verdict"`
	Advisories []Advisory `msgpack:"advisories" json:"advisories"`
}

// Advisory is an advisory of the security tracker, with a verdict on how it applies to this system.
type Advisory struct {
	Name string `msgpack:"name" json:"name"`
	// Severity is Critical, High, Medium, Low or Unknown.
	Severity string `msgpack:"severity" json:"severity"`
	// Verdict is fixable, fixed-in-testing, affected or unconfirmed. Counted is true unless the verdict is unconfirmed:
	// numbers of vulnerabilities do not include unconfirmed advisories.
	Verdict string `msgpack:"verdict" json:"verdict"`
	Counted bool   `msgpack:"counted,omitempty" json:"counted,omitempty"`
	Status  string `msgpack:"status" json:"status"`
	Type    string `msgpack:"type,omitempty" json:"type,omitempty"`
	// AffectedVersion is the version in which the problem was found, and Fixed the first version without the problem.
	AffectedVersion string   `msgpack:"affected,omitempty" json:"affected,omitempty"`
	FixedVersion    string   `msgpack:"fixed,omitempty" json:"fixed,omitempty"`
	Issues          []string `msgpack:"issues,omitempty" json:"issues,omitempty"`
	// Ticket is the number of a report in Arch's bug tracker.
	Ticket string `msgpack:"ticket,omitempty" json:"ticket,omitempty"`
	// AnnouncementIDs lists the identifiers of the tracker's announcements, such as ASA-202301-1.
	AnnouncementIDs []string `msgpack:"announced,omitempty" json:"announced,omitempty"`
}
