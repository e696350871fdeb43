package wire

// StatusResult is the answer to OpStatus, which has no fields of its own.
type StatusResult struct {
	Generation uint64 `msgpack:"generation" json:"generation"`
	// At is when the facts were last found right, in Unix seconds.
	At int64 `msgpack:"at" json:"at"`
	// Stale marks facts that were remembered or could not be checked again; Why
	// says why.
	Stale bool   `msgpack:"stale,omitempty" json:"stale,omitempty"`
	Why   string `msgpack:"why,omitempty" json:"why,omitempty"`
	// Counts are the numbers; one that is not known is nil, never 0.
	Counts Counts `msgpack:"counts" json:"counts"`
	// Index says what packages are searched in.
	Index IndexStatus `msgpack:"index" json:"index"`
	// Sources are the data that all of it rests on.
	Sources []Source `msgpack:"sources,omitempty" json:"sources,omitempty"`
	// Compared are the databases that updates, what is foreign and advisories are
	// counted against, where omgd keeps some of its own; nil for Sources.
	Compared []Source `msgpack:"compared,omitempty" json:"compared,omitempty"`
	// Runtimes are the versions that a new shell would run; nil if they are not
	// looked at.
	Runtimes []Runtime `msgpack:"runtimes,omitempty" json:"runtimes,omitempty"`
	// Parts are the daemon's own parts that do not work as they should.
	Parts []Part `msgpack:"parts,omitempty" json:"parts,omitempty"`
}

// Counts are numbers of installed packages.
type Counts struct {
	Installed *uint32 `msgpack:"installed,omitempty" json:"installed,omitempty"`
	Explicit  *uint32 `msgpack:"explicit,omitempty" json:"explicit,omitempty"`
	// Orphans are dependencies that nobody requires, even optionally (pacman
	// -Qdt); OrphansRequired are those that nobody requires (pacman -Qdtt).
	Orphans         *uint32 `msgpack:"orphans,omitempty" json:"orphans,omitempty"`
	OrphansRequired *uint32 `msgpack:"orphans_required,omitempty" json:"orphans_required,omitempty"`
	Foreign         *uint32 `msgpack:"foreign,omitempty" json:"foreign,omitempty"`
	// Updates are repository updates without Ignored ones.
	Updates      *uint32 `msgpack:"updates,omitempty" json:"updates,omitempty"`
	Ignored      *uint32 `msgpack:"ignored,omitempty" json:"ignored,omitempty"`
	Replacements *uint32 `msgpack:"replacements,omitempty" json:"replacements,omitempty"`
	// AURUpdates are updates that the AUR has, without ignored ones; AUR has more of
	// what is installed from there. Both are nil while the AUR is not known.
	AURUpdates *uint32    `msgpack:"aur_updates,omitempty" json:"aur_updates,omitempty"`
	AUR        *AURCounts `msgpack:"aur,omitempty" json:"aur,omitempty"`
	// Security counts advisories that concern what is installed; nil if those are
	// not known.
	Security *SecurityCounts `msgpack:"security,omitempty" json:"security,omitempty"`
}

// SecurityCounts are numbers of advisories, each once for each installed package
// that it concerns.
type SecurityCounts struct {
	// Vulnerabilities are those that count: Fixable, InTesting and Affected
	// together, and by severity Critical, High, Medium, Low and Unknown.
	Vulnerabilities uint32 `msgpack:"vulnerabilities" json:"vulnerabilities"`
	Critical        uint32 `msgpack:"critical" json:"critical"`
	High            uint32 `msgpack:"high" json:"high"`
	Medium          uint32 `msgpack:"medium" json:"medium"`
	Low             uint32 `msgpack:"low" json:"low"`
	Unknown         uint32 `msgpack:"unknown" json:"unknown"`
	Fixable         uint32 `msgpack:"fixable" json:"fixable"`
	InTesting       uint32 `msgpack:"in_testing" json:"in_testing"`
	Affected        uint32 `msgpack:"affected" json:"affected"`
	// Unconfirmed have no fix recorded and were found in an older version; they do
	// not count.
	Unconfirmed uint32 `msgpack:"unconfirmed" json:"unconfirmed"`
}

// IndexStatus describes the index that answers.
type IndexStatus struct {
	Packages uint32 `msgpack:"packages" json:"packages"`
	// Built is when the index was built, in Unix seconds; Files are its files.
	Built int64    `msgpack:"built,omitempty" json:"built,omitempty"`
	Files []string `msgpack:"files,omitempty" json:"files,omitempty"`
}

// Part is a part of the daemon that is degraded.
type Part struct {
	Name  string `msgpack:"name" json:"name"`
	State string `msgpack:"state" json:"state"` // "missing", "failed", "differs", "memory"
	Why   string `msgpack:"why,omitempty" json:"why,omitempty"`
}

// InstalledRequest asks for installed packages.
type InstalledRequest struct {
	// Names asks for these, by name or by what they provide; empty for all.
	Names []string `msgpack:"names,omitempty" json:"names,omitempty"`
	// Words keeps those that match every word, as a search does; with Regex they
	// are expressions.
	Words []string `msgpack:"words,omitempty" json:"words,omitempty"`
	Regex bool     `msgpack:"regex,omitempty" json:"regex,omitempty"`
	// Filter is one of the Filter constants; empty for all.
	Filter string `msgpack:"filter,omitempty" json:"filter,omitempty"`
	// Details asks for everything; else only what pacman -Q shows.
	Details bool `msgpack:"details,omitempty" json:"details,omitempty"`
}

// The kinds of installed packages.
const (
	FilterExplicit = "explicit"
	FilterDeps     = "deps"
	FilterOrphans  = "orphans"
	FilterRequired = "required" // orphans but for optional dependencies
	FilterForeign  = "foreign"
)

// InstalledResult is the answer to an InstalledRequest; parts as in
// SearchResult.
type InstalledResult struct {
	Generation uint64 `msgpack:"generation" json:"generation"`
	// Stale says that what is installed could not be read again, At when it last was,
	// in Unix seconds.
	Stale    bool               `msgpack:"stale,omitempty" json:"stale,omitempty"`
	At       int64              `msgpack:"at,omitempty" json:"at,omitempty"`
	Packages []InstalledPackage `msgpack:"packages" json:"packages"`
	// Missing are the requested names that are not installed.
	Missing []string `msgpack:"missing,omitempty" json:"missing,omitempty"`
}

// InstalledPackage is an installed package as the local database has it.
type InstalledPackage struct {
	Package `msgpack:",inline"`
	// Reason is "explicit" or "dependency"; empty when pacman knows neither.
	Reason      string `msgpack:"reason,omitempty" json:"reason,omitempty"`
	InstallDate int64  `msgpack:"installdate,omitempty" json:"installdate,omitempty"`
	InstalledDB string `msgpack:"installed_db,omitempty" json:"installed_db,omitempty"`
	// Script says that the package has an install script.
	Script bool `msgpack:"script,omitempty" json:"script,omitempty"`
	// RequiredBy and OptionalFor are installed packages, by name.
	RequiredBy  []string `msgpack:"required_by,omitempty" json:"required_by,omitempty"`
	OptionalFor []string `msgpack:"optional_for,omitempty" json:"optional_for,omitempty"`
	// InstalledOpt are those of the optional dependencies that are installed.
	InstalledOpt []string `msgpack:"installed_opt,omitempty" json:"installed_opt,omitempty"`
}

// ExplicitResult is the answer to OpExplicit, which has no fields of its own.
type ExplicitResult struct {
	Generation uint64 `msgpack:"generation" json:"generation"`
	// Stale and At are as in InstalledResult.
	Stale bool     `msgpack:"stale,omitempty" json:"stale,omitempty"`
	At    int64    `msgpack:"at,omitempty" json:"at,omitempty"`
	Names []string `msgpack:"names" json:"names"`
}

// OutdatedResult is the answer to OpOutdated, which has no fields of its own.
type OutdatedResult struct {
	Generation uint64 `msgpack:"generation" json:"generation"`
	At         int64  `msgpack:"at" json:"at"`
	Stale      bool   `msgpack:"stale,omitempty" json:"stale,omitempty"`
	// Updates are what pacman -Qu lists, ignored ones among them.
	Updates []Update `msgpack:"updates" json:"updates"`
	// Newer are installed in a later version than their repository's.
	Newer        []Update      `msgpack:"newer,omitempty" json:"newer,omitempty"`
	Replacements []Replacement `msgpack:"replacements,omitempty" json:"replacements,omitempty"`
	// Foreign are the installed packages that no repository has.
	Foreign []ForeignPackage `msgpack:"foreign,omitempty" json:"foreign,omitempty"`
	Sources []Source         `msgpack:"sources,omitempty" json:"sources,omitempty"`
}

// Update is an installed package that a repository has in another version.
type Update struct {
	Name      string `msgpack:"name" json:"name"`
	Installed string `msgpack:"installed" json:"installed"`
	Version   string `msgpack:"version" json:"version"`
	Repo      string `msgpack:"repo" json:"repo"`
	Ignored   bool   `msgpack:"ignored,omitempty" json:"ignored,omitempty"`
	// Fixes are the advisories that the update mends.
	Fixes []string `msgpack:"fixes,omitempty" json:"fixes,omitempty"`
}

// Replacement is an installed package that an upgrade would offer to replace.
type Replacement struct {
	Name      string `msgpack:"name" json:"name"`
	Installed string `msgpack:"installed" json:"installed"`
	By        string `msgpack:"by" json:"by"`
	Version   string `msgpack:"version" json:"version"`
	Repo      string `msgpack:"repo" json:"repo"`
	Ignored   bool   `msgpack:"ignored,omitempty" json:"ignored,omitempty"`
}

// RefreshResult is the answer to OpRefresh, which has no fields of its own.
type RefreshResult struct {
	// Refreshed says that the databases were looked at now; else that was done so
	// shortly before that it was not done again.
	Refreshed  bool   `msgpack:"refreshed" json:"refreshed"`
	Generation uint64 `msgpack:"generation" json:"generation"`
	// At is when the facts were last found right, in Unix seconds.
	At int64 `msgpack:"at" json:"at"`
	// Why says why they are not right now; empty if they are.
	Why string `msgpack:"why,omitempty" json:"why,omitempty"`
}

// LogLevelRequest asks for what the daemon logs.
type LogLevelRequest struct {
	// Level is the level from now on, one of error, warn, info, debug and trace;
	// empty leaves it.
	Level string `msgpack:"level,omitempty"`
}

// LogLevelResult is the answer to a LogLevelRequest.
type LogLevelResult struct {
	// Level is the least that is logged.
	Level string `msgpack:"level" json:"level"`
}

// CacheClearResult is the answer to OpCacheClear, which has no fields of its own.
type CacheClearResult struct {
	// Cleared counts the answers that were forgotten.
	Cleared uint32 `msgpack:"cleared" json:"cleared"`
}
