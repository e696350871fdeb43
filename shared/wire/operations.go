package wire

// The operations. Each has a request and a result type of its name below.
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
)

// Administrative says whether an operation is for root and administrators only
// where a daemon serves several users: what it does or shows is everybody's.
func Administrative(op string) bool {
	switch op {
	case OpRefresh, OpCacheClear, OpLogLevel, OpMetrics:
		return true
	}
	return false
}

// HelloRequest introduces a client. Protocol is the number the client speaks.
type HelloRequest struct {
	Protocol uint32 `msgpack:"protocol"`
	// Client names the program and its version, for the server's log.
	Client string `msgpack:"client,omitempty"`
}

// HelloResult is the server's half of the introduction.
type HelloResult struct {
	Protocol uint32 `msgpack:"protocol" json:"protocol"`
	// Server is the daemon's version.
	Server string `msgpack:"server" json:"server"`
	// DBPath and PacmanConfig are the absolute paths that the daemon was told to
	// answer from; empty for pacman's own.
	DBPath       string `msgpack:"dbpath,omitempty" json:"dbpath,omitempty"`
	PacmanConfig string `msgpack:"pacman_config,omitempty" json:"pacman_config,omitempty"`
}

// SearchRequest asks for the packages that match every word.
type SearchRequest struct {
	// Words are taken as typed: plain words, or expressions with Regex, each
	// possibly narrowed by a field ("desc:browser").
	Words []string `msgpack:"words" json:"words"`
	// Regex reads each word as a POSIX extended regular expression.
	Regex bool `msgpack:"regex,omitempty" json:"regex,omitempty"`
	// NameOnly narrows words without a field to the name.
	NameOnly bool `msgpack:"name_only,omitempty" json:"name_only,omitempty"`
	// Repos keeps only packages of these repositories; empty keeps all.
	Repos []string `msgpack:"repos,omitempty" json:"repos,omitempty"`
	// NoAUR leaves the AUR out.
	NoAUR bool `msgpack:"no_aur,omitempty" json:"no_aur,omitempty"`
	// Sort is one of the Sort constants; empty is SortRelevance.
	Sort string `msgpack:"sort,omitempty" json:"sort,omitempty"`
	// Limit is the most packages to send; 0 sends all.
	Limit uint32 `msgpack:"limit,omitempty" json:"limit,omitempty"`
	// Live asks the AUR itself though there is data of it here; Offline does not ask
	// it even where there is none.
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

// SearchResult is the answer to a SearchRequest. When it comes in parts,
// Packages of all parts are one list and every other field is in the first. Where
// the AUR was asked, what it has is behind what the repositories have, Total is in
// the last part, and Sources of all parts are one list.
type SearchResult struct {
	Generation uint64 `msgpack:"generation" json:"generation"`
	// Total counts what matched, whatever Limit cut off.
	Total uint32 `msgpack:"total" json:"total"`
	// Packages have their summary fields and the overlay only.
	Packages []Package `msgpack:"packages" json:"packages"`
	// Close are names near to a word that nothing matched.
	Close []string `msgpack:"close,omitempty" json:"close,omitempty"`
	// Sources are the data this answer rests on.
	Sources []Source `msgpack:"sources,omitempty" json:"sources,omitempty"`
}

// InfoRequest asks for packages by exact name, or "repository/name".
type InfoRequest struct {
	Names []string `msgpack:"names" json:"names"`
	// Offline does not ask the AUR for names that nothing here has.
	Offline bool `msgpack:"offline,omitempty" json:"offline,omitempty"`
}

// InfoResult is the answer to an InfoRequest; parts as in SearchResult.
type InfoResult struct {
	Generation uint64 `msgpack:"generation" json:"generation"`
	// Packages follow the order of the request's names, and for one name the
	// order of the repositories.
	Packages []Package `msgpack:"packages" json:"packages"`
	// Missing are the requested names that no source has.
	Missing []Missing `msgpack:"missing,omitempty" json:"missing,omitempty"`
	// Sources are the data this answer rests on.
	Sources []Source `msgpack:"sources,omitempty" json:"sources,omitempty"`
}

// Missing is a requested name that nothing has, and names that come close.
type Missing struct {
	Name  string   `msgpack:"name" json:"name"`
	Close []string `msgpack:"close,omitempty" json:"close,omitempty"`
}

// SourceState says how far a source's data can be believed.
type SourceState string

// The states of a source.
const (
	SourceOK      SourceState = "ok"
	SourceStale   SourceState = "stale"   // served, but older than it should be
	SourceMissing SourceState = "missing" // never there
	SourceFailed  SourceState = "failed"  // there, and could not be read
)

// The names of sources that are no repository: the Arch User Repository and the
// security tracker. The first is a repository's name in packages, too.
const (
	SourceAUR     = "aur"
	SourceTracker = "tracker"
)

// Source is one origin of data, its state and its times (Unix seconds, 0 when
// unknown).
type Source struct {
	// Name is the repository's name, SourceAUR or SourceTracker.
	Name  string      `msgpack:"name" json:"name"`
	State SourceState `msgpack:"state" json:"state"`
	// Why says in a few words what is wrong unless State is SourceOK, and then what
	// else is to be known.
	Why string `msgpack:"why,omitempty" json:"why,omitempty"`
	// AsOf is the database's modification time (its mirror's clock), Changed
	// its status change time (this machine's clock), Synced the last time
	// that pacman's log says databases were synchronized.
	AsOf    int64 `msgpack:"as_of,omitempty" json:"as_of,omitempty"`
	Changed int64 `msgpack:"changed,omitempty" json:"changed,omitempty"`
	Synced  int64 `msgpack:"synced,omitempty" json:"synced,omitempty"`
	// Own marks a database that omgd downloaded for itself; Changed is then when it
	// was last found to be what the mirror has.
	Own bool `msgpack:"own,omitempty" json:"own,omitempty"`
}

// Repository says that it is a repository's database.
func (s *Source) Repository() bool { return s.Name != SourceAUR && s.Name != SourceTracker }

// Current is when, by this machine's clock, all repositories' databases among the
// sources were last known to be their mirrors', in Unix seconds; 0 if that is not
// known of one.
func Current(sources []Source) (at int64) {
	for i := range sources {
		s := &sources[i]
		if !s.Repository() {
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
