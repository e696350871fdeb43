package wire

// SecurityRequest asks which advisories concern the installed packages.
type SecurityRequest struct {
	// Packages restricts the result to these packages; empty for all.
	Packages []string `msgpack:"packages,omitempty" json:"packages,omitempty"`
}

// SecurityResult is the reply to a SecurityRequest; chunks as in SearchResult.
type SecurityResult struct {
	Basis `msgpack:",inline"`
	// Packages are the installed packages with advisories, the worst first.
	Packages []VulnerablePackage `msgpack:"packages" json:"packages"`
	// Missing are the requested names that are not installed.
	Missing []string `msgpack:"missing,omitempty" json:"missing,omitempty"`
	// Skipped counts the tracker's records that could not be read.
	Skipped uint32 `msgpack:"skipped,omitempty" json:"skipped,omitempty"`
}

// VulnerablePackage is an installed package with advisories.
type VulnerablePackage struct {
	Name      string `msgpack:"name" json:"name"`
	Installed string `msgpack:"installed" json:"installed"`
	// Update is the version in a repository that resolves the fixable advisories.
	Update string `msgpack:"update,omitempty" json:"update,omitempty"`
	// Foreign means that the package is in no repository: the tracker may mean another package.
	Foreign bool `msgpack:"foreign,omitempty" json:"foreign,omitempty"`
	// Severity and Verdict are those of the worst advisory, which is the first.
	Severity   string     `msgpack:"severity" json:"severity"`
	Verdict    string     `msgpack:"verdict" json:"verdict"`
	Advisories []Advisory `msgpack:"advisories" json:"advisories"`
}

// Advisory is one record of the security tracker and its verdict on this system.
type Advisory struct {
	Name string `msgpack:"name" json:"name"`
	// Severity is Critical, High, Medium, Low or Unknown.
	Severity string `msgpack:"severity" json:"severity"`
	// Verdict is fixable, fixed-in-testing, affected or unconfirmed. Unconfirmed advisories are not counted.
	Verdict string `msgpack:"verdict" json:"verdict"`
	Counted bool   `msgpack:"counted,omitempty" json:"counted,omitempty"`
	Status  string `msgpack:"status" json:"status"`
	Type    string `msgpack:"type,omitempty" json:"type,omitempty"`
	// Affected is the version in which the problem was found, Fixed the first version without it.
	Affected string   `msgpack:"affected,omitempty" json:"affected,omitempty"`
	Fixed    string   `msgpack:"fixed,omitempty" json:"fixed,omitempty"`
	Issues   []string `msgpack:"issues,omitempty" json:"issues,omitempty"`
	// Ticket is the number of a report in Arch's bug tracker.
	Ticket string `msgpack:"ticket,omitempty" json:"ticket,omitempty"`
	// Announced are the tracker's announcements.
	Announced []string `msgpack:"announced,omitempty" json:"announced,omitempty"`
}
