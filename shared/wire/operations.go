package wire

// The operations. Each has a request and a result type of the same name below.
const (
	OpHello  = "hello"
	OpPing   = "ping"
	OpSearch = "search"
	OpInfo   = "info"

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
)

// Administrative reports whether an operation is only for root and administrators if a daemon serves several users,
// because it affects or shows all of them.
func Administrative(op string) bool {
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
	Server string `msgpack:"server" json:"server"`
	Served `msgpack:",inline"`
}

// Served holds the absolute paths that the daemon was told to use instead of pacman's; empty for pacman's.
type Served struct {
	DBPath       string `msgpack:"dbpath,omitempty" json:"dbpath,omitempty"`
	PacmanConfig string `msgpack:"pacman_config,omitempty" json:"pacman_config,omitempty"`
}

// SearchRequest asks for the packages that match every word.
type SearchRequest struct {
	// Words are plain words or, with Regex, expressions. A prefix narrows a word to a field ("desc:browser").
	Words []string `msgpack:"words" json:"words"`
	// Regex makes each word a POSIX extended regular expression.
	Regex bool `msgpack:"regex,omitempty" json:"regex,omitempty"`
	// NameOnly restricts words without a field to the name.
	NameOnly bool `msgpack:"name_only,omitempty" json:"name_only,omitempty"`
	// Repos restricts the result to packages of these repositories; empty for all.
	Repos []string `msgpack:"repos,omitempty" json:"repos,omitempty"`
	// OnlyAUR keeps only the AUR's packages, regardless of Repos; NoAUR leaves them out.
	OnlyAUR bool `msgpack:"only_aur,omitempty" json:"only_aur,omitempty"`
	NoAUR   bool `msgpack:"no_aur,omitempty" json:"no_aur,omitempty"`
	// Sort is one of the Sort constants; empty is SortRelevance.
	Sort string `msgpack:"sort,omitempty" json:"sort,omitempty"`
	// Limit is the maximum number of packages; 0 for all.
	Limit uint32 `msgpack:"limit,omitempty" json:"limit,omitempty"`
	// Live queries the AUR even if its data is here; Offline never queries it.
	Live    bool `msgpack:"live,omitempty" json:"live,omitempty"`
	Offline bool `msgpack:"offline,omitempty" json:"offline,omitempty"`
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

// Basis is what a result rests on, and how reliable it is.
type Basis struct {
	// Generation is the number of the snapshot, within its daemon; 0 without one.
	Generation uint64 `msgpack:"generation" json:"generation"`
	// At is when the snapshot was last found to be current, in Unix seconds; 0 if never.
	At int64 `msgpack:"at" json:"at"`
	// Stale means that what is known of installed packages comes from an earlier run or could not be checked again. Why
	// is the reason why the result is stale or partial, unless Sources give it.
	Stale bool   `msgpack:"stale,omitempty" json:"stale,omitempty"`
	Why   string `msgpack:"why,omitempty" json:"why,omitempty"`
	// Partial means that a source which could not be read could change the result.
	Partial bool `msgpack:"partial,omitempty" json:"partial,omitempty"`
	// Sources are the sources that the result rests on.
	Sources []Source `msgpack:"sources,omitempty" json:"sources,omitempty"`
}

// SearchResult is the reply to a SearchRequest. If it comes in chunks, Packages of all chunks are one list, and every
// other field is in the first chunk. If the AUR was queried, its packages follow those of the repositories, Total is in
// the last chunk, and Sources of all chunks are one list.
type SearchResult struct {
	Basis `msgpack:",inline"`
	// Total counts all matches, including those beyond Limit.
	Total uint32 `msgpack:"total" json:"total"`
	// Packages have only their summary fields and the overlay.
	Packages []Package `msgpack:"packages" json:"packages"`
	// Suggestions are names similar to a word that matched nothing.
	Suggestions []string `msgpack:"suggestions,omitempty" json:"close,omitempty"`
}

// InfoRequest asks for packages by exact name, or "repository/name".
type InfoRequest struct {
	Names []string `msgpack:"names" json:"names"`
	// Offline does not query the AUR for unknown names.
	Offline bool `msgpack:"offline,omitempty" json:"offline,omitempty"`
}

// InfoResult is the reply to an InfoRequest; chunks as in SearchResult.
type InfoResult struct {
	Basis `msgpack:",inline"`
	// Packages are in the order of the request's names, and for one name in the order of the repositories.
	Packages []Package `msgpack:"packages" json:"packages"`
	// Missing are the requested names that no source has.
	Missing []Missing `msgpack:"missing,omitempty" json:"missing,omitempty"`
}

// Missing is a requested name that no source has, and similar names.
type Missing struct {
	Name        string   `msgpack:"name" json:"name"`
	Suggestions []string `msgpack:"suggestions,omitempty" json:"close,omitempty"`
}

// SourceState is how far a source's data can be trusted.
type SourceState string

// The states of a source.
const (
	SourceOK      SourceState = "ok"
	SourceStale   SourceState = "stale"   // served, but older than it should be
	SourceMissing SourceState = "missing" // never there
	SourceFailed  SourceState = "failed"  // there, and could not be read
)

// The names of sources that are not repositories: the Arch User Repository and the
// security tracker. Packages of the AUR have the first as their repository.
// A repository may be called so, too: Source.Kind and Package.AUR tell which it is,
// and where a user names a repository, a configured one is meant before the AUR.
const (
	SourceAUR     = "aur"
	SourceTracker = "tracker"
)

// SourceKind is the kind of a source, independent of its name.
type SourceKind string

// The kinds of sources.
const (
	KindRepository SourceKind = "repository"
	KindAUR        SourceKind = "aur"
	KindTracker    SourceKind = "tracker"
)

// Source is one source of data, its state and its times (Unix seconds, 0 if unknown).
type Source struct {
	// Name is the repository's name, SourceAUR or SourceTracker.
	Name  string      `msgpack:"name" json:"name"`
	Kind  SourceKind  `msgpack:"kind" json:"kind"`
	State SourceState `msgpack:"state" json:"state"`
	// Why is a short reason. It is set unless State is SourceOK, and may be set then too.
	Why string `msgpack:"why,omitempty" json:"why,omitempty"`
	// AsOf is the database's modification time (by its mirror's clock), Changed its status change time (by this
	// machine's clock), and Synced when pacman last synchronized databases, by its log.
	AsOf    int64 `msgpack:"as_of,omitempty" json:"as_of,omitempty"`
	Changed int64 `msgpack:"changed,omitempty" json:"changed,omitempty"`
	Synced  int64 `msgpack:"synced,omitempty" json:"synced,omitempty"`
	// Downloaded means that omgd downloaded this database; Changed is then when it was last found to equal the mirror's.
	Downloaded bool `msgpack:"downloaded,omitempty" json:"own,omitempty"`
	// Outdated means that an earlier content of the database answers, because the present one could not be read or is
	// still being indexed.
	Outdated bool `msgpack:"outdated,omitempty" json:"outdated,omitempty"`
}

// FindSource returns the source of a kind of which there is one at most, nil if there
// is none.
func FindSource(sources []Source, kind SourceKind) *Source {
	for i := range sources {
		if sources[i].Kind == kind {
			return &sources[i]
		}
	}
	return nil
}

// IsRepository reports whether the source is a repository's database.
func (s *Source) IsRepository() bool { return s.Kind == KindRepository }

// Unavailable reports whether the source is missing or could not be read, and nothing answers in its place.
func (s *Source) Unavailable() bool { return s.State == SourceMissing || s.State == SourceFailed }

// UpToDateAsOf returns when all repositories' databases among the sources were last known to equal their mirrors', in Unix
// seconds of this machine's clock; 0 if that is unknown for one of them.
func UpToDateAsOf(sources []Source) (at int64) {
	for i := range sources {
		s := &sources[i]
		if !s.IsRepository() {
			continue
		}
		if s.Changed == 0 {
			return 0
		}
		if at == 0 || s.Changed < at {
			at = s.Changed
		}
	}
	return at
}
