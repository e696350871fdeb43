package wire

// SecurityRequest asks which advisories concern what is installed.
type SecurityRequest struct {
	// Packages asks for these; empty for all.
	Packages []string `msgpack:"packages,omitempty" json:"packages,omitempty"`
}

// SecurityResult is the answer to a SecurityRequest; parts as in SearchResult.
type SecurityResult struct {
	Generation uint64 `msgpack:"generation" json:"generation"`
	// At and Stale are as in StatusResult.
	At    int64 `msgpack:"at,omitempty" json:"at,omitempty"`
	Stale bool  `msgpack:"stale,omitempty" json:"stale,omitempty"`
	// Packages are those that advisories concern, the worst first.
	Packages []VulnerablePackage `msgpack:"packages" json:"packages"`
	// Missing are the requested names that are not installed.
	Missing []string `msgpack:"missing,omitempty" json:"missing,omitempty"`
	// Skipped counts the tracker's records that could not be read.
	Skipped uint32 `msgpack:"skipped,omitempty" json:"skipped,omitempty"`
	// Sources are the data this answer rests on, the tracker's first.
	Sources []Source `msgpack:"sources,omitempty" json:"sources,omitempty"`
}

// VulnerablePackage is an installed package that advisories concern.
type VulnerablePackage struct {
	Name      string `msgpack:"name" json:"name"`
	Installed string `msgpack:"installed" json:"installed"`
	// Update is the version of a repository that mends what is fixable.
	Update string `msgpack:"update,omitempty" json:"update,omitempty"`
	// Foreign packages are in no repository: the tracker may mean another one.
	Foreign bool `msgpack:"foreign,omitempty" json:"foreign,omitempty"`
	// Severity and Verdict are the worst advisory's, which is the first.
	Severity   string     `msgpack:"severity" json:"severity"`
	Verdict    string     `msgpack:"verdict" json:"verdict"`
	Advisories []Advisory `msgpack:"advisories" json:"advisories"`
}

// Advisory is one record of the security tracker and what it means here.
type Advisory struct {
	Name string `msgpack:"name" json:"name"`
	// Severity is Critical, High, Medium, Low or Unknown.
	Severity string `msgpack:"severity" json:"severity"`
	// Verdict is fixable, fixed-in-testing, affected or, not counted, unconfirmed.
	Verdict string `msgpack:"verdict" json:"verdict"`
	Counted bool   `msgpack:"counted,omitempty" json:"counted,omitempty"`
	Status  string `msgpack:"status" json:"status"`
	Type    string `msgpack:"type,omitempty" json:"type,omitempty"`
	// Affected is the version in which it was found, Fixed the first without it.
	Affected string   `msgpack:"affected,omitempty" json:"affected,omitempty"`
	Fixed    string   `msgpack:"fixed,omitempty" json:"fixed,omitempty"`
	Issues   []string `msgpack:"issues,omitempty" json:"issues,omitempty"`
	// Ticket is the number of a report in Arch's bug tracker.
	Ticket string `msgpack:"ticket,omitempty" json:"ticket,omitempty"`
	// Announced are the tracker's announcements.
	Announced []string `msgpack:"announced,omitempty" json:"announced,omitempty"`
}
