package wire

// StatusResult is the reply to OpStatus, whose request has no fields.
type StatusResult struct {
	Basis `msgpack:",inline"`
	// Counts are the numbers; an unknown one is nil, never 0. PartialCounts are the JSON names of those that a source
	// which could not be read could change.
	Counts        Counts   `msgpack:"counts" json:"counts"`
	PartialCounts []string `msgpack:"partial_counts,omitempty" json:"partial_counts,omitempty"`
	// Index describes the index files that are searched.
	Index IndexStatus `msgpack:"index" json:"index"`
	// Compared are the sources that updates, foreign packages and advisories are counted from if omgd downloads
	// databases; nil if they are the same as Sources.
	Compared []Source `msgpack:"compared,omitempty" json:"compared,omitempty"`
	// Runtimes are the active versions in a new shell; nil if omgd does not look for them.
	Runtimes []Runtime `msgpack:"runtimes,omitempty" json:"runtimes,omitempty"`
	// Problems are the parts of the system and of the daemon that do not work.
	Problems []Problem `msgpack:"problems,omitempty" json:"parts,omitempty"`
}

// Counts are numbers of installed packages.
type Counts struct {
	Installed *uint32 `msgpack:"installed,omitempty" json:"installed,omitempty"`
	Explicit  *uint32 `msgpack:"explicit,omitempty" json:"explicit,omitempty"`
	// Orphans counts dependencies that no package requires, even optionally (pacman -Qdt); OrphansRequired counts those
	// that no package requires, except optionally (pacman -Qdtt).
	Orphans         *uint32 `msgpack:"orphans,omitempty" json:"orphans,omitempty"`
	OrphansRequired *uint32 `msgpack:"orphans_required,omitempty" json:"orphans_required,omitempty"`
	Foreign         *uint32 `msgpack:"foreign,omitempty" json:"foreign,omitempty"`
	// Updates counts repository updates, without ignored ones.
	Updates      *uint32 `msgpack:"updates,omitempty" json:"updates,omitempty"`
	Ignored      *uint32 `msgpack:"ignored,omitempty" json:"ignored,omitempty"`
	Replacements *uint32 `msgpack:"replacements,omitempty" json:"replacements,omitempty"`
	// AURUpdates counts updates from the AUR, without ignored ones; AUR has further counts of the packages from there.
	// Both are nil while the AUR's data is unknown.
	AURUpdates *uint32    `msgpack:"aur_updates,omitempty" json:"aur_updates,omitempty"`
	AUR        *AURCounts `msgpack:"aur,omitempty" json:"aur,omitempty"`
	// Security counts the advisories that concern installed packages; nil if unknown.
	Security *SecurityCounts `msgpack:"security,omitempty" json:"security,omitempty"`
}

// SecurityCounts counts advisories, each once for each installed package that it concerns.
type SecurityCounts struct {
	// Vulnerabilities is the total of Fixable, InTesting and Affected, and also of Critical, High, Medium, Low and
	// Unknown.
	Vulnerabilities uint32 `msgpack:"vulnerabilities" json:"vulnerabilities"`
	Critical        uint32 `msgpack:"critical" json:"critical"`
	High            uint32 `msgpack:"high" json:"high"`
	Medium          uint32 `msgpack:"medium" json:"medium"`
	Low             uint32 `msgpack:"low" json:"low"`
	Unknown         uint32 `msgpack:"unknown" json:"unknown"`
	Fixable         uint32 `msgpack:"fixable" json:"fixable"`
	InTesting       uint32 `msgpack:"in_testing" json:"in_testing"`
	Affected        uint32 `msgpack:"affected" json:"affected"`
	// Unconfirmed counts advisories without a recorded fix that were found in an older version. They are not part of
	// Vulnerabilities.
	Unconfirmed uint32 `msgpack:"unconfirmed" json:"unconfirmed"`
}

// IndexStatus describes the index files that are searched.
type IndexStatus struct {
	Packages uint32 `msgpack:"packages" json:"packages"`
	// Built is when the index was built, in Unix seconds; Files are its files.
	Built int64    `msgpack:"built,omitempty" json:"built,omitempty"`
	Files []string `msgpack:"files,omitempty" json:"files,omitempty"`
}

// Problem is a part of the system or of the daemon that does not work.
type Problem struct {
	Name  string `msgpack:"name" json:"name"`
	State string `msgpack:"state" json:"state"` // "missing", "failed", "differs", "memory", "incomplete", "polling", "busy", "new"
	Why   string `msgpack:"why,omitempty" json:"why,omitempty"`
}

// Degrades reports whether a part with a problem does not work as it should. A lock that is held for a moment and a store
// that was begun again do.
func Degrades(p *Problem) bool { return p.State != "busy" && p.State != "new" }

// InstalledRequest asks for installed packages.
type InstalledRequest struct {
	// Names restricts the result to these packages, by name or by what they provide; empty for all.
	Names []string `msgpack:"names,omitempty" json:"names,omitempty"`
	// Words restricts the result to packages that match every word, as in a search; with Regex the words are
	// expressions.
	Words []string `msgpack:"words,omitempty" json:"words,omitempty"`
	Regex bool     `msgpack:"regex,omitempty" json:"regex,omitempty"`
	// Filter is one of the Filter constants; empty for all.
	Filter string `msgpack:"filter,omitempty" json:"filter,omitempty"`
	// Details requests all fields; otherwise the result has only those that pacman -Q shows.
	Details bool `msgpack:"details,omitempty" json:"details,omitempty"`
}

// The filters for installed packages.
const (
	FilterExplicit = "explicit"
	FilterDeps     = "deps"
	FilterOrphans  = "orphans"
	FilterRequired = "required" // orphans, and packages that are only optionally required
	FilterForeign  = "foreign"
)

// InstalledResult is the reply to an InstalledRequest; chunks as in SearchResult. Sources are set only with
// FilterForeign.
type InstalledResult struct {
	Basis    `msgpack:",inline"`
	Packages []InstalledPackage `msgpack:"packages" json:"packages"`
	// Missing are the requested names that are not installed.
	Missing []string `msgpack:"missing,omitempty" json:"missing,omitempty"`
}

// InstalledPackage is an installed package as the local database has it.
type InstalledPackage struct {
	Package `msgpack:",inline"`
	// Reason is "explicit" or "dependency"; empty if the database has neither.
	Reason      string `msgpack:"reason,omitempty" json:"reason,omitempty"`
	InstallDate int64  `msgpack:"installdate,omitempty" json:"installdate,omitempty"`
	InstalledDB string `msgpack:"installed_db,omitempty" json:"installed_db,omitempty"`
	// Script means that the package has an install script.
	Script bool `msgpack:"script,omitempty" json:"script,omitempty"`
	// RequiredBy and OptionalFor are names of installed packages.
	RequiredBy  []string `msgpack:"required_by,omitempty" json:"required_by,omitempty"`
	OptionalFor []string `msgpack:"optional_for,omitempty" json:"optional_for,omitempty"`
	// InstalledOpt are the optional dependencies that are installed.
	InstalledOpt []string `msgpack:"installed_opt,omitempty" json:"installed_opt,omitempty"`
}

// ExplicitResult is the reply to OpExplicit, whose request has no fields.
type ExplicitResult struct {
	Basis `msgpack:",inline"`
	Names []string `msgpack:"names" json:"names"`
}

// OutdatedResult is the reply to OpOutdated, whose request has no fields.
type OutdatedResult struct {
	Basis `msgpack:",inline"`
	// Updates are those that pacman -Qu lists, including ignored ones.
	Updates []Update `msgpack:"updates" json:"updates"`
	// Newer are packages whose installed version is higher than the repository's.
	Newer        []Update      `msgpack:"newer,omitempty" json:"newer,omitempty"`
	Replacements []Replacement `msgpack:"replacements,omitempty" json:"replacements,omitempty"`
	// Foreign are the installed packages that are in no repository.
	Foreign []ForeignPackage `msgpack:"foreign,omitempty" json:"foreign,omitempty"`
}

// Update is an installed package of which a repository has another version.
type Update struct {
	Name      string `msgpack:"name" json:"name"`
	Installed string `msgpack:"installed" json:"installed"`
	Version   string `msgpack:"version" json:"version"`
	Repo      string `msgpack:"repo" json:"repo"`
	Ignored   bool   `msgpack:"ignored,omitempty" json:"ignored,omitempty"`
	// Fixes are the advisories that the update resolves.
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

// RefreshResult is the reply to OpRefresh, whose request has no fields.
type RefreshResult struct {
	// Refreshed means that the databases were read for this request. Otherwise an earlier refresh was so recent that it
	// still counts.
	Refreshed  bool   `msgpack:"refreshed" json:"refreshed"`
	Generation uint64 `msgpack:"generation" json:"generation"`
	// At is when the snapshot was last found to be current, in Unix seconds.
	At int64 `msgpack:"at" json:"at"`
	// Why is the reason why it is not current; empty if it is.
	Why string `msgpack:"why,omitempty" json:"why,omitempty"`
}

// LogLevelRequest reads or changes the log level.
type LogLevelRequest struct {
	// Level is the new level, one of error, warn, info, debug and trace; empty to leave it unchanged.
	Level string `msgpack:"level,omitempty"`
}

// LogLevelResult is the reply to a LogLevelRequest.
type LogLevelResult struct {
	// Level is the minimum level that is logged.
	Level string `msgpack:"level" json:"level"`
}

// CacheClearResult is the reply to OpCacheClear, whose request has no fields.
type CacheClearResult struct {
	// Cleared is the number of removed replies.
	Cleared uint32 `msgpack:"cleared" json:"cleared"`
}

// HistoryRequest asks for earlier counts.
type HistoryRequest struct {
	// Limit is the maximum number of entries; 0 for all.
	Limit uint32 `msgpack:"limit,omitempty"`
}

// HistoryResult is the reply to a HistoryRequest.
type HistoryResult struct {
	// Entries are the changes, oldest first.
	Entries []HistoryEntry `msgpack:"entries" json:"entries"`
}

// HistoryEntry holds the counts from a time on, in Unix seconds.
type HistoryEntry struct {
	At     int64  `msgpack:"at" json:"at"`
	Counts Counts `msgpack:"counts" json:"counts"`
}
