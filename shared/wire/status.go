package wire

// StatusResult is the reply to OpStatus, whose request has no fields.
type StatusResult struct {
	Basis `msgpack:",inline"`
	// Counts holds the counts; an unknown count is nil, never 0. PartialCounts lists the JSON names of counts that may be
	// wrong, because a source could not be read.
	Counts        Counts   `msgpack:"counts" json:"counts"`
	PartialCounts []string `msgpack:"partial_counts,omitempty" json:"partial_counts,omitempty"`
	// RepositoryUpdates divides Counts.Updates by repository, in the order of pacman.conf. It has no repositories without updates.
	RepositoryUpdates []RepositoryCount `msgpack:"repo_updates,omitempty" json:"repo_updates,omitempty"`
	// Index describes the index files that omgd searches.
	Index IndexStatus `msgpack:"index" json:"index"`
	// ComparedSources lists the sources with which omgd compares installed packages to count updates, foreign packages and
	// advisories. It is set only if omgd downloads databases for this; nil means that Sources lists these sources.
	ComparedSources []Source `msgpack:"compared,omitempty" json:"compared,omitempty"`
	// FileLists describes the lists of files of the repositories, without those that do not exist or are being indexed for the first time.
	FileLists []Source `msgpack:"file_lists,omitempty" json:"file_lists,omitempty"`
	// Runtimes lists the active version of each runtime in a new shell; nil if omgd does not look for runtimes.
	Runtimes []Runtime `msgpack:"runtimes,omitempty" json:"runtimes,omitempty"`
	// Problems lists the parts of the system and of the daemon that do not work.
	Problems []Problem `msgpack:"problems,omitempty" json:"parts,omitempty"`
	// News has the items of Arch's news since the last full upgrade; nil if they are unknown.
	News *NewsSinceUpgrade `msgpack:"news,omitempty" json:"news,omitempty"`
	// Pulled describes the published directory from which omgd pulls indexes; nil if it pulls none.
	Pulled *PulledStatus `msgpack:"pulled,omitempty" json:"pulled,omitempty"`
}

// PulledStatus describes a published directory and what omgd has pulled from it. Times are in Unix seconds, 0 if unknown.
type PulledStatus struct {
	// Publisher is the public key that has signed the latest manifest; empty if nothing was pulled yet. Sequence, Created and Expires are those
	// of this manifest.
	Publisher string `msgpack:"publisher,omitempty" json:"publisher,omitempty"`
	Sequence  int64  `msgpack:"sequence,omitempty" json:"sequence,omitempty"`
	Created   int64  `msgpack:"created,omitempty" json:"created,omitempty"`
	Expires   int64  `msgpack:"expires,omitempty" json:"expires,omitempty"`
	// Mirror is the address from which the manifest came, and ConfirmedAt when a mirror last had it.
	Mirror      string `msgpack:"mirror,omitempty" json:"mirror,omitempty"`
	ConfirmedAt int64  `msgpack:"confirmed,omitempty" json:"confirmed,omitempty"`
	// LastError is the error of the last pull; empty if it succeeded. NextRequestAt is when the next pull is planned.
	LastError     string `msgpack:"error,omitempty" json:"error,omitempty"`
	NextRequestAt int64  `msgpack:"next_request,omitempty" json:"next_request,omitempty"`
	// Bytes is the number of bytes that all pulls have received. Patches is the number of texts of records that they have got from a patch, and
	// Whole that of the texts that they have received as a whole.
	Bytes   int64 `msgpack:"bytes,omitempty" json:"bytes"`
	Patches int   `msgpack:"patches,omitempty" json:"patches"`
	Whole   int   `msgpack:"whole,omitempty" json:"whole"`
}

// Counts holds numbers of installed packages of different kinds. An unknown number is nil.
type Counts struct {
	Installed *uint32 `msgpack:"installed,omitempty" json:"installed,omitempty"`
	Explicit  *uint32 `msgpack:"explicit,omitempty" json:"explicit,omitempty"`
	// Orphans counts the packages, installed as dependencies, that no package requires, even optionally (pacman -Qdt).
	// OrphansOrOptional counts these packages and those that are required only optionally (pacman -Qdtt).
	Orphans           *uint32 `msgpack:"orphans,omitempty" json:"orphans,omitempty"`
	OrphansOrOptional *uint32 `msgpack:"orphans_required,omitempty" json:"orphans_required,omitempty"`
	Foreign           *uint32 `msgpack:"foreign,omitempty" json:"foreign,omitempty"`
	// Updates counts the updates from repositories, without ignored updates.
	Updates      *uint32 `msgpack:"updates,omitempty" json:"updates,omitempty"`
	Ignored      *uint32 `msgpack:"ignored,omitempty" json:"ignored,omitempty"`
	Replacements *uint32 `msgpack:"replacements,omitempty" json:"replacements,omitempty"`
	// AURUpdates counts the updates from the AUR, without ignored updates. The field AUR has further counts of the
	// installed packages that are in no repository. Both fields are nil while the AUR's data is unknown.
	AURUpdates *uint32    `msgpack:"aur_updates,omitempty" json:"aur_updates,omitempty"`
	AUR        *AURCounts `msgpack:"aur,omitempty" json:"aur,omitempty"`
	// AURFindings counts the installed packages that are in no repository and about which there are findings; nil if this is unknown.
	AURFindings *FindingCounts `msgpack:"aur_findings,omitempty" json:"aur_findings,omitempty"`
	// Security counts the advisories for installed packages; nil if this is unknown.
	Security *SecurityCounts `msgpack:"security,omitempty" json:"security,omitempty"`
}

// RepositoryCount is a number of packages of a repository.
type RepositoryCount struct {
	Repo  string `msgpack:"repo" json:"repo"`
	Count uint32 `msgpack:"count" json:"count"`
}

// SecurityCounts counts advisories. An advisory for several installed packages is counted once for each of them.
type SecurityCounts struct {
	// Vulnerabilities is the sum of Fixable, InTesting and Affected. The sum of Critical, High, Medium, Low and Unknown
	// is the same number.
	Vulnerabilities uint32 `msgpack:"vulnerabilities" json:"vulnerabilities"`
	Critical        uint32 `msgpack:"critical" json:"critical"`
	High            uint32 `msgpack:"high" json:"high"`
	Medium          uint32 `msgpack:"medium" json:"medium"`
	Low             uint32 `msgpack:"low" json:"low"`
	Unknown         uint32 `msgpack:"unknown" json:"unknown"`
	Fixable         uint32 `msgpack:"fixable" json:"fixable"`
	InTesting       uint32 `msgpack:"in_testing" json:"in_testing"`
	Affected        uint32 `msgpack:"affected" json:"affected"`
	// Unconfirmed counts the advisories that may no longer apply: the tracker has no fixed version, and the problem was
	// found in a version older than the installed one. Vulnerabilities does not include these advisories.
	Unconfirmed uint32 `msgpack:"unconfirmed" json:"unconfirmed"`
}

// IndexStatus describes the index files that omgd searches.
type IndexStatus struct {
	Packages uint32 `msgpack:"packages" json:"packages"`
	// BuiltAt is when the latest index file was built, in Unix seconds. Files lists the paths of the index files.
	BuiltAt int64    `msgpack:"built,omitempty" json:"built,omitempty"`
	Files   []string `msgpack:"files,omitempty" json:"files,omitempty"`
}

// Problem is a part of the system or of the daemon that does not work.
type Problem struct {
	Name  string `msgpack:"name" json:"name"`
	State string `msgpack:"state" json:"state"` // one of "missing", "failed", "differs", "memory", "incomplete", "polling", "busy" and "new"
	Why   string `msgpack:"why,omitempty" json:"why,omitempty"`
}

// ProblemIncidentLists is the name of the problem that lists of known incidents could not be downloaded. The last good lists are used.
const ProblemIncidentLists = "incident lists"

// ProblemDegrades reports whether a part with this problem works worse than it should. Two problems do not degrade a part: a
// lock that another program holds for a moment (busy), and a store that was created again (new).
func ProblemDegrades(p *Problem) bool { return p.State != "busy" && p.State != "new" }

// InstalledRequest asks for installed packages.
type InstalledRequest struct {
	// Names restricts the result to these packages, by name or by what they provide; empty for all.
	Names []string `msgpack:"names,omitempty" json:"names,omitempty"`
	// Words restricts the result to packages that match every word, as in a search. If Regex is set, the words are
	// regular expressions.
	Words []string `msgpack:"words,omitempty" json:"words,omitempty"`
	Regex bool     `msgpack:"regex,omitempty" json:"regex,omitempty"`
	// Filter is one of the Filter constants; empty for all packages.
	Filter string `msgpack:"filter,omitempty" json:"filter,omitempty"`
	// Details requests all fields; otherwise the result has only the fields that pacman -Q shows.
	Details bool `msgpack:"details,omitempty" json:"details,omitempty"`
}

// The filters for installed packages.
const (
	FilterExplicit          = "explicit"
	FilterDeps              = "deps"
	FilterOrphans           = "orphans"
	FilterOrphansOrOptional = "required" // the orphans, and the packages that are required only optionally
	FilterForeign           = "foreign"
)

// InstalledResult is the reply to an InstalledRequest, in chunks like a SearchResult. Sources is set only for
// FilterForeign.
type InstalledResult struct {
	Basis    `msgpack:",inline"`
	Packages []InstalledPackage `msgpack:"packages" json:"packages"`
	// Missing lists the requested names that are not installed.
	Missing []string `msgpack:"missing,omitempty" json:"missing,omitempty"`
}

// InstalledPackage describes an installed package, with the fields of pacman's local database.
type InstalledPackage struct {
	Package `msgpack:",inline"`
	// Reason is why the package was installed: "explicit" or "dependency"; empty if the database has neither.
	Reason            string `msgpack:"reason,omitempty" json:"reason,omitempty"`
	InstallDate       int64  `msgpack:"installdate,omitempty" json:"installdate,omitempty"`
	InstalledFromRepo string `msgpack:"installed_db,omitempty" json:"installed_db,omitempty"`
	// HasScript means that the package has an install script.
	HasScript bool `msgpack:"script,omitempty" json:"script,omitempty"`
	// RequiredBy and OptionalFor list the names of installed packages that require this package, always or optionally.
	RequiredBy  []string `msgpack:"required_by,omitempty" json:"required_by,omitempty"`
	OptionalFor []string `msgpack:"optional_for,omitempty" json:"optional_for,omitempty"`
	// InstalledOptDepends lists the package's optional dependencies that are installed.
	InstalledOptDepends []string `msgpack:"installed_opt,omitempty" json:"installed_opt,omitempty"`
}

// ExplicitResult is the reply to OpExplicit, whose request has no fields.
type ExplicitResult struct {
	Basis `msgpack:",inline"`
	Names []string `msgpack:"names" json:"names"`
}

// OutdatedResult is the reply to OpOutdated, whose request has no fields.
type OutdatedResult struct {
	Basis `msgpack:",inline"`
	// Updates lists the updates that pacman -Qu lists, including ignored updates.
	Updates []Update `msgpack:"updates" json:"updates"`
	// InstalledNewer lists the packages whose installed version is higher than the repository's.
	InstalledNewer []Update      `msgpack:"newer,omitempty" json:"newer,omitempty"`
	Replacements   []Replacement `msgpack:"replacements,omitempty" json:"replacements,omitempty"`
	// Foreign lists the installed packages that are in no repository.
	Foreign []ForeignPackage `msgpack:"foreign,omitempty" json:"foreign,omitempty"`
	// News has the items of Arch's news since the last full upgrade; nil if they are unknown.
	News *NewsSinceUpgrade `msgpack:"news,omitempty" json:"-"`
}

// Update is an installed package of which a repository has another version.
type Update struct {
	Name      string `msgpack:"name" json:"name"`
	Installed string `msgpack:"installed" json:"installed"`
	Version   string `msgpack:"version" json:"version"`
	Repo      string `msgpack:"repo" json:"repo"`
	Ignored   bool   `msgpack:"ignored,omitempty" json:"ignored,omitempty"`
	// Fixes lists the names of the advisories that the update resolves.
	Fixes []string `msgpack:"fixes,omitempty" json:"fixes,omitempty"`
	// Severity is the highest severity of these advisories; empty if there is none.
	Severity string `msgpack:"severity,omitempty" json:"severity,omitempty"`
	// DownloadSize is the size of the package file in bytes. SizeChange is by how many bytes the installed size grows. BuiltAt is when
	// the repository's package was built, in Unix seconds. They are nil or 0 if they are unknown.
	DownloadSize *uint64 `msgpack:"csize,omitempty" json:"download_size,omitempty"`
	SizeChange   *int64  `msgpack:"size_change,omitempty" json:"size_change,omitempty"`
	BuiltAt      int64   `msgpack:"builddate,omitempty" json:"builddate,omitempty"`
}

// Replacement is an installed package that an upgrade would offer to replace.
type Replacement struct {
	ReplacedName string `msgpack:"name" json:"name"`
	Installed    string `msgpack:"installed" json:"installed"`
	By           string `msgpack:"by" json:"by"`
	Version      string `msgpack:"version" json:"version"`
	Repo         string `msgpack:"repo" json:"repo"`
	Ignored      bool   `msgpack:"ignored,omitempty" json:"ignored,omitempty"`
}

// RefreshResult is the reply to OpRefresh, whose request has no fields.
type RefreshResult struct {
	// Refreshed means that omgd read the databases for this request. It is false if an earlier refresh was so recent that
	// omgd did not repeat it.
	Refreshed  bool   `msgpack:"refreshed" json:"refreshed"`
	Generation uint64 `msgpack:"generation" json:"generation"`
	// At is when the snapshot was last found to be current, in Unix seconds.
	At int64 `msgpack:"at" json:"at"`
	// Why is the reason why the snapshot is not current; empty if the snapshot is current.
	Why string `msgpack:"why,omitempty" json:"why,omitempty"`
}

// RefreshSourcesResult is the reply to OpRefreshSources, whose request has no fields.
type RefreshSourcesResult struct {
	Sources []SourceRefresh `msgpack:"sources" json:"sources"`
}

// SourceRefresh is what became of a request to the server of a source.
type SourceRefresh struct {
	// Name is "aur", "aur packages" (the installed packages of the AUR), "tracker", "news", "popularity", "downloaded databases",
	// "downloaded lists of files" or "pulled indexes".
	Name string `msgpack:"name" json:"name"`
	// State is one of the Refresh constants.
	State string `msgpack:"state" json:"state"`
	// Why is the error of the last request; empty if it succeeded.
	Why string `msgpack:"why,omitempty" json:"why,omitempty"`
	// LastRequestAt is when the last request ended. AllowedAt is, for RefreshRecent, when a user may demand the next request.
	// NextRequestAt is when omgd will send the next request by itself. All are in Unix seconds, 0 if unknown.
	LastRequestAt int64 `msgpack:"last_request,omitempty" json:"last_request,omitempty"`
	AllowedAt     int64 `msgpack:"allowed,omitempty" json:"allowed,omitempty"`
	NextRequestAt int64 `msgpack:"next_request,omitempty" json:"next_request,omitempty"`
}

// The states of a SourceRefresh.
const (
	RefreshDone    = "done"    // the server has replied
	RefreshFailed  = "failed"  // the request has failed
	RefreshRunning = "running" // the request was sent, and has not ended yet
	RefreshRecent  = "recent"  // no request was sent, because the last one was sent recently
)

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
	// ClearedCount is the number of removed replies.
	ClearedCount uint32 `msgpack:"cleared" json:"cleared"`
}

// HistoryRequest asks for the counts that the status had earlier.
type HistoryRequest struct {
	// Limit is the maximum number of entries; 0 for all.
	Limit uint32 `msgpack:"limit,omitempty"`
}

// HistoryResult is the reply to a HistoryRequest.
type HistoryResult struct {
	// Entries lists the counts after each change, oldest first.
	Entries []CountsHistoryEntry `msgpack:"entries" json:"entries"`
}

// CountsHistoryEntry holds the counts that applied from the time At on, which is in Unix seconds.
type CountsHistoryEntry struct {
	At     int64  `msgpack:"at" json:"at"`
	Counts Counts `msgpack:"counts" json:"counts"`
}
