package wire

import (
	"slices"
	"strings"
)

// The operations. Each has a request and a result type of the same name below.
const (
	OpHello  = "hello"
	OpPing   = "ping"
	OpSearch = "search"
	OpInfo   = "info"

	OpAURInfo     = "aur_info"
	OpAURPKGBUILD = "aur_pkgbuild"
	OpAURCheck    = "aur_check"

	OpStatus     = "status"
	OpInstalled  = "installed"
	OpExplicit   = "explicit_list"
	OpOutdated   = "outdated"
	OpRefresh    = "refresh"
	OpCacheClear = "cache_clear"
	OpLogLevel   = "log_level"
	OpSecurity   = "security"
	OpRuntimes   = "runtimes"
	OpMetrics    = "metrics"
	OpHealth     = "health"
	OpHistory    = "history"
	OpNews       = "news"
	OpWatch      = "watch" // its reply consists of results of OpStatus

	OpFilesOwner = "files_owner"
	OpFilesList  = "files_list"
	OpCommand    = "command"

	OpRefreshSources = "refresh_sources"
)

// IsAdminOp reports whether a daemon for several users allows an operation only to root and administrators, because
// the operation affects all users or shows what they do.
func IsAdminOp(op string) bool {
	switch op {
	case OpRefresh, OpCacheClear, OpLogLevel, OpMetrics:
		return true
	}
	return false
}

// HelloRequest introduces a client. Protocol is the client's protocol version.
type HelloRequest struct {
	Protocol uint32 `msgpack:"protocol"`
	// Client is the program's name and version, for the server's log.
	Client string `msgpack:"client,omitempty"`
}

// HelloResult is the reply to a HelloRequest.
type HelloResult struct {
	Protocol uint32 `msgpack:"protocol" json:"protocol"`
	// Server is the daemon's version.
	Server      string `msgpack:"server" json:"server"`
	ServedPaths `msgpack:",inline"`
}

// ServedPaths holds the absolute paths of the databases and configuration that the daemon was told to use instead of pacman's.
// An empty path means that the daemon uses pacman's.
type ServedPaths struct {
	DBPath       string `msgpack:"dbpath,omitempty" json:"dbpath,omitempty"`
	PacmanConfig string `msgpack:"pacman_config,omitempty" json:"pacman_config,omitempty"`
}

// SearchRequest asks for the packages that match every word.
type SearchRequest struct {
	// Words holds plain words, or regular expressions if Regex is set. A word with the prefix of a field searches only
	// that field ("desc:browser"). A word such as "is:installed" names a state instead, for a daemon of protocol version 5.
	Words []string `msgpack:"words" json:"words"`
	// Regex makes each word a POSIX extended regular expression.
	Regex bool `msgpack:"regex,omitempty" json:"regex,omitempty"`
	// NameOnly means that a word without the prefix of a field searches only the name.
	NameOnly bool `msgpack:"name_only,omitempty" json:"name_only,omitempty"`
	// Repos restricts the result to packages of these repositories; empty for all.
	Repos []string `msgpack:"repos,omitempty" json:"repos,omitempty"`
	// OnlyAUR restricts the result to packages of the AUR, regardless of Repos. NoAUR excludes packages of the AUR.
	OnlyAUR bool `msgpack:"only_aur,omitempty" json:"only_aur,omitempty"`
	NoAUR   bool `msgpack:"no_aur,omitempty" json:"no_aur,omitempty"`
	// AllRepos includes the repositories that pacman.conf excludes from searches. A request with AllRepos may have no words: then each
	// package matches.
	AllRepos bool `msgpack:"all_repos,omitempty" json:"all_repos,omitempty"`
	// Sort is one of the Sort constants; empty means SortRelevance.
	Sort string `msgpack:"sort,omitempty" json:"sort,omitempty"`
	// Limit is the maximum number of packages; 0 for all.
	Limit uint32 `msgpack:"limit,omitempty" json:"limit,omitempty"`
	// Skip is the number of matches that are left out before the first package. With Limit, it selects a page of a long list. It needs a
	// daemon of protocol version 5: see RequiredProtocol.
	Skip uint32 `msgpack:"skip,omitempty" json:"skip,omitempty"`
	// Live means that omgd queries the AUR even if it has the AUR's data. Offline means that omgd does not query the AUR.
	Live    bool `msgpack:"live,omitempty" json:"live,omitempty"`
	Offline bool `msgpack:"offline,omitempty" json:"offline,omitempty"`
	// Explain sets Rank in each package.
	Explain bool `msgpack:"explain,omitempty" json:"explain,omitempty"`
}

// RequiredProtocol returns the first version of the protocol in which a daemon understands the request. An earlier daemon would ignore a
// field, and reply to another request. The result is 0 if all daemons understand the request.
func (r *SearchRequest) RequiredProtocol() uint32 {
	if r.Skip > 0 || r.NamesState() {
		return 5
	}
	return 0
}

// A word that begins with StatePrefix selects the packages in a state: one of the State constants.
const (
	StatePrefix    = "is:"
	StateInstalled = "installed" // a package with this name is installed
	StateExplicit  = "explicit"  // it is installed explicitly
)

// NamesState reports whether a word of the request names a state of packages, so that the result depends on what is installed.
func (r *SearchRequest) NamesState() bool {
	return slices.ContainsFunc(r.Words, func(word string) bool {
		state, found := strings.CutPrefix(strings.TrimPrefix(word, "not:"), StatePrefix)
		return found && state != ""
	})
}

// The orders of a search result.
const (
	SortRelevance  = "relevance"
	SortName       = "name"
	SortRepo       = "repo"
	SortVotes      = "votes"
	SortPopularity = "popularity"
	SortModified   = "modified"
)

// Basis describes the data that a result was computed from, and how reliable the result is.
type Basis struct {
	// Generation is the number of the daemon's snapshot; 0 if the result does not come from a snapshot of a daemon.
	Generation uint64 `msgpack:"generation" json:"generation"`
	// ConfirmedAt is when the snapshot was last found to be current, in Unix seconds; 0 if never.
	ConfirmedAt int64 `msgpack:"at" json:"at"`
	// Stale means that the data about installed packages comes from an earlier run of the daemon, or that the daemon could
	// not check whether the data is still current. Why is the reason why the result is stale or partial. If the reason
	// concerns only one source, it may be in the field Why of this source instead.
	Stale bool   `msgpack:"stale,omitempty" json:"stale,omitempty"`
	Why   string `msgpack:"why,omitempty" json:"why,omitempty"`
	// Partial means that the result may be incomplete or wrong, because a source could not be read.
	Partial bool `msgpack:"partial,omitempty" json:"partial,omitempty"`
	// Sources lists the sources that the result was computed from.
	Sources []Source `msgpack:"sources,omitempty" json:"sources,omitempty"`
}

// SearchResult is the reply to a SearchRequest. A long reply is sent in chunks. The client must join the lists Packages of
// all chunks; every other field is in the first chunk. If the AUR was queried, the packages of the AUR follow those of the
// repositories. Then Total is in the first chunk with packages of the AUR, and this chunk also has the AUR's element of
// the list Sources.
type SearchResult struct {
	Basis `msgpack:",inline"`
	// Total is the number of all matches, including matches that the request's Skip and Limit leave out.
	Total uint32 `msgpack:"total" json:"total"`
	// Packages lists the packages, each with its summary and overlay fields only.
	Packages []Package `msgpack:"packages" json:"packages"`
	// Suggestions lists other packages that may be meant. If no package of the repositories is called like the only word, they are the
	// packages of the repositories that bring a command of this name, the most prominent first. If there are none and the words match
	// nothing, they are the packages with names similar to the words, the most similar first.
	Suggestions []Suggestion `msgpack:"suggested,omitempty" json:"suggestions,omitempty"`
	// Close lists the names of Suggestions. It is only in JSON, whose earlier versions had no reasons.
	Close []string `msgpack:"-" json:"close,omitempty"`
}

// InfoRequest asks for packages by their exact names, or by "repository/name".
type InfoRequest struct {
	Names []string `msgpack:"names" json:"names"`
	// Offline means that omgd does not query the AUR for unknown names.
	Offline bool `msgpack:"offline,omitempty" json:"offline,omitempty"`
}

// InfoResult is the reply to an InfoRequest, in chunks like a SearchResult.
type InfoResult struct {
	Basis `msgpack:",inline"`
	// Packages lists the packages in the order of the request's names. Packages with the same name are in the order of
	// their repositories.
	Packages []Package `msgpack:"packages" json:"packages"`
	// Missing lists the requested names that no source has.
	Missing []MissingName `msgpack:"missing,omitempty" json:"missing,omitempty"`
}

// MissingName is a requested name that no source has, with similar names that exist.
type MissingName struct {
	Name string `msgpack:"name" json:"name"`
	// IsGroup means that the name is that of a group in the repositories. Providers lists packages of the repositories that provide the
	// name: at most 5, and none if this is unknown.
	IsGroup     bool         `msgpack:"group,omitempty" json:"group,omitempty"`
	Providers   []string     `msgpack:"providers,omitempty" json:"providers,omitempty"`
	Suggestions []Suggestion `msgpack:"suggested,omitempty" json:"suggestions,omitempty"`
	// Close lists the names of Suggestions. It is only in JSON, whose earlier versions had no reasons.
	Close []string `msgpack:"-" json:"close,omitempty"`
}

// SourceState says whether a source's data is current, old, missing or unreadable.
type SourceState string

// The states of a source.
const (
	SourceOK      SourceState = "ok"
	SourceStale   SourceState = "stale"   // the data can be used, but is older than it should be
	SourceMissing SourceState = "missing" // no data of the source exists
	SourceFailed  SourceState = "failed"  // the data exists, but could not be read
)

// SourceAUR, SourceTracker, SourceNews and SourcePopularity are the names of the sources that are not repositories: the Arch User
// Repository, the security tracker, Arch's news and the shares of machines that have packages. SourceAUR is also the field Repo of a package of the AUR. A repository may have one of these names
// too; Source.Kind and Package.AUR distinguish them. If a user types such a name for a repository, a configured repository
// with this name takes precedence over the AUR.
const (
	SourceAUR        = "aur"
	SourceTracker    = "tracker"
	SourceNews       = "news"
	SourcePopularity = "popularity"
)

// SourceKind is the kind of a source, independent of its name.
type SourceKind string

// The kinds of sources.
const (
	KindRepository SourceKind = "repository"
	KindAUR        SourceKind = "aur"
	KindTracker    SourceKind = "tracker"
	KindNews       SourceKind = "news"
	KindFiles      SourceKind = "files" // the list of files of a repository
	KindPopularity SourceKind = "popularity"
)

// NotDownloadedYet is the reason of a source that is missing because its first download has not ended yet.
const NotDownloadedYet = "not downloaded yet"

// Source describes one source of data: its state and its times (in Unix seconds, 0 if unknown).
type Source struct {
	// Name is the repository's name, SourceAUR, SourceTracker, SourceNews or SourcePopularity.
	Name  string      `msgpack:"name" json:"name"`
	Kind  SourceKind  `msgpack:"kind" json:"kind"`
	State SourceState `msgpack:"state" json:"state"`
	// Why is a short reason for the state. For SourceOK, it is usually empty.
	Why string `msgpack:"why,omitempty" json:"why,omitempty"`
	// AsOf is the modification time of the source's database, by the mirror's clock. ChangedAt is the database's status
	// change time, by this machine's clock. SyncedAt is when pacman last synchronized its databases, according to its log.
	AsOf      int64 `msgpack:"as_of,omitempty" json:"as_of,omitempty"`
	ChangedAt int64 `msgpack:"changed,omitempty" json:"changed,omitempty"`
	SyncedAt  int64 `msgpack:"synced,omitempty" json:"synced,omitempty"`
	// NextRequestAt is when omgd will next send a request to the source's server; 0 if omgd sends none.
	NextRequestAt int64 `msgpack:"next_request,omitempty" json:"next_request,omitempty"`
	// Downloaded means that omgd downloaded this database. In this case, ChangedAt is the last time at which omgd found
	// that the mirror has the same database.
	Downloaded bool `msgpack:"downloaded,omitempty" json:"own,omitempty"`
	// Publisher is the public key that has signed this data, if omg-index pull has got it from a published directory. In this case, ChangedAt
	// is the last time at which a mirror of the directory had this data, and Downloaded is set for a repository.
	Publisher string `msgpack:"publisher,omitempty" json:"publisher,omitempty"`
	// Outdated means that results come from an earlier content of the database, because its present content could not be
	// read or is still being indexed.
	Outdated bool `msgpack:"outdated,omitempty" json:"outdated,omitempty"`
	// Form is FormArchive if the data of the AUR comes from its git archive. It is empty for the dump and for other sources.
	Form string `msgpack:"form,omitempty" json:"form,omitempty"`
}

// FormArchive is the value of Source.Form for the AUR's git archive.
const FormArchive = "git archive"

// FindSourceByKind returns the first source with this kind, or nil if no source has it. It is for the kinds KindAUR,
// KindTracker, KindNews and KindPopularity, which at most one source has.
func FindSourceByKind(sources []Source, kind SourceKind) *Source {
	for i := range sources {
		if sources[i].Kind == kind {
			return &sources[i]
		}
	}
	return nil
}

// IsRepository reports whether the source is a repository's database.
func (s *Source) IsRepository() bool { return s.Kind == KindRepository }

// Unavailable reports whether the source is missing or could not be read. A stale source is available, because its earlier
// data is used.
func (s *Source) Unavailable() bool { return s.State == SourceMissing || s.State == SourceFailed }

// UpToDateAsOf returns the latest time at which the databases of all repositories among the sources were known to equal
// those of their mirrors, in Unix seconds of this machine's clock. It returns 0 if this time is unknown for a repository,
// or if no source is a repository.
func UpToDateAsOf(sources []Source) (at int64) {
	for i := range sources {
		s := &sources[i]
		if !s.IsRepository() {
			continue
		}
		if s.ChangedAt == 0 {
			return 0
		}
		if at == 0 || s.ChangedAt < at {
			at = s.ChangedAt
		}
	}
	return at
}
