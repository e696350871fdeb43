package wire

// AURCheckResult is the reply to an aur_check: the findings about the installed packages that are in no repository.
type AURCheckResult struct {
	Basis   `msgpack:",inline"`
	Journal JournalReading `msgpack:"journal"`
	// CheckedCount is the number of packages that were checked. Packages lists those with findings, the highest level first.
	CheckedCount uint32           `msgpack:"checked"`
	Packages     []CheckedPackage `msgpack:"packages"`
	// Bases lists the package bases of all packages that were checked.
	Bases []string `msgpack:"bases"`
	// DumpDiffers means that the journal's last observation is another dump than the last dump of the AUR.
	DumpDiffers bool `msgpack:"dump_differs,omitempty"`
	// Shortened lists package bases with so many events in the journal that the oldest were left out.
	Shortened []string `msgpack:"shortened,omitempty"`
	// NotInAUR lists packages that are neither in the AUR nor in the journal. They were not checked.
	NotInAUR []string `msgpack:"not_in_aur,omitempty"`
	// IncidentLists lists the lists of known incidents with which the installed packages were compared.
	IncidentLists []IncidentList `msgpack:"incident_lists"`
}

// JournalReading describes the journal of the AUR, and how completely it was read. Times are in Unix seconds.
type JournalReading struct {
	Path string `msgpack:"path"`
	// ObservedFrom and ObservedTo are the times of the first and of the last observation, and CompleteSince the time after which no
	// observation is missing; 0 if the journal has no observation.
	ObservedFrom  int64 `msgpack:"from"`
	ObservedTo    int64 `msgpack:"to"`
	CompleteSince int64 `msgpack:"complete_since"`
	// Problem is what is wrong with the file of the journal. Incomplete means that events may be missing for this reason.
	Problem    string `msgpack:"problem,omitempty"`
	Incomplete bool   `msgpack:"incomplete,omitempty"`
	// LastRefused means that the last dump of the AUR was not compared, because it was probably incomplete.
	LastRefused bool `msgpack:"last_refused,omitempty"`
}

// IncidentList describes a list of known incidents.
type IncidentList struct {
	Location string   `msgpack:"location"` // the path or the address
	Name     string   `msgpack:"name,omitempty"`
	Sequence int64    `msgpack:"sequence,omitempty"`
	Expires  string   `msgpack:"expires,omitempty"` // the last day on which the list is complete, as 2027-01-31
	Problem  string   `msgpack:"problem,omitempty"` // why incidents may be missing
	Warnings []string `msgpack:"warnings,omitempty"`
}

// CheckedPackage is a package of the AUR with findings about its package base.
type CheckedPackage struct {
	Name string `msgpack:"name"`
	Base string `msgpack:"base"`
	// BuiltBase is the package base from which the installed package was built, if the AUR now has the package in another one.
	BuiltBase string `msgpack:"built_from,omitempty"`
	// Installed is the installed version; empty if the package is not installed.
	Installed string `msgpack:"installed,omitempty"`
	// RequiredBy is the named package that needs this one. omgd does not send it: an aur_check names no packages.
	RequiredBy string       `msgpack:"-"`
	Findings   []AURFinding `msgpack:"findings"`
	// Evidence is what pacman recorded about the installed package; nil if it is not installed.
	Evidence *InstallEvidence `msgpack:"evidence,omitempty"`
}

// InstallEvidence is what pacman recorded when it installed a package. Times are in Unix seconds; 0 if they are unknown.
type InstallEvidence struct {
	BuiltAt     int64    `msgpack:"built"`
	InstalledAt int64    `msgpack:"installed_at"`
	Packager    string   `msgpack:"packager"`
	Validation  []string `msgpack:"validation"`
}

// AURFinding is a finding about a package base. A field is empty if the finding does not depend on it. Times are in Unix seconds.
type AURFinding struct {
	Level  string     `msgpack:"level"`
	Reason string     `msgpack:"reason"`
	Events []AUREvent `msgpack:"events,omitempty"`
	// UpdatedAt and FlaggedAt are when the package base was last updated, and when it was flagged out of date.
	UpdatedAt int64 `msgpack:"updated,omitempty"`
	FlaggedAt int64 `msgpack:"flagged,omitempty"`
	// LookAlikeOf is the popular package whose name differs by one edit.
	LookAlikeOf string          `msgpack:"look_alike_of,omitempty"`
	Incident    *AURIncident    `msgpack:"incident,omitempty"`
	Scriptlet   []ScriptletFact `msgpack:"scriptlet,omitempty"`

	// omgd does not send the following fields: they follow from replies about named packages, or from a user's build files.

	SubmittedAt     int64           `msgpack:"-"`
	PendingRequests uint32          `msgpack:"-"`
	Dependencies    []string        `msgpack:"-"`
	Build           *AURBuildChange `msgpack:"-"`
}

// AUREvent is an event in the journal of the AUR, which happened between two observations. A value that does not exist is nil.
type AUREvent struct {
	Base   string  `msgpack:"base"`
	Event  string  `msgpack:"event"`
	Old    *string `msgpack:"old,omitempty"`
	New    *string `msgpack:"new,omitempty"`
	After  int64   `msgpack:"after"`
	Before int64   `msgpack:"before"`
	Source string  `msgpack:"source"`
}

// AURIncident is a known incident that a package matches.
type AURIncident struct {
	// What is what happened, Source the address at which this was published, and List the location of the list.
	What   string `msgpack:"what"`
	Source string `msgpack:"source"`
	List   string `msgpack:"list"`
	// First and Last are the first and the last day on which a harmful build could be had. Versions is the harmful versions; empty for all.
	First    string `msgpack:"first"`
	Last     string `msgpack:"last"`
	Versions string `msgpack:"versions,omitempty"`
	// BuiltAt and InstalledAt are when the installed package was built and installed; 0 if this is unknown.
	BuiltAt     int64 `msgpack:"built"`
	InstalledAt int64 `msgpack:"installed_at"`
}

// ScriptletFact is something that the install scriptlet of a package does, in the line Line; 0 for the whole scriptlet.
type ScriptletFact struct {
	Line     uint32 `msgpack:"line"`
	Function string `msgpack:"function,omitempty"`
	Subject  string `msgpack:"subject"`
	Text     string `msgpack:"text,omitempty"`
}

// AURBuildChange is a difference between two copies of build files, which were made at these times.
type AURBuildChange struct {
	From, To int64
	Values   []string
}
