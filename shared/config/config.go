// Package config reads omg's configuration. It defines the settings and their defaults, and knows where each value was set.
package config

import "time"

// Config holds all settings, by section. The comment above each field of a section is the setting's description for users.
// The tags min, max, oneof and format restrict the values, and the tag reload means that a running omgd applies a change on
// SIGHUP. The command `make docs` generates docs/config.md and the manual page from these comments and tags, and from the
// values of Default.
type Config struct {
	Refresh    Refresh    `toml:"refresh"`
	Stale      Stale      `toml:"stale"`
	Cache      Cache      `toml:"cache"`
	Memory     Memory     `toml:"memory"`
	Limits     Limits     `toml:"limits"`
	Access     Access     `toml:"access"`
	Log        Log        `toml:"log"`
	Network    Network    `toml:"network"`
	Sync       Sync       `toml:"sync"`
	Index      Index      `toml:"index"`
	AUR        AUR        `toml:"aur"`
	Tracker    Tracker    `toml:"tracker"`
	News       News       `toml:"news"`
	Popularity Popularity `toml:"popularity"`
	Metrics    Metrics    `toml:"metrics"`
	Search     Search     `toml:"search"`
	Browse     Browse     `toml:"browse"`
	Fleet      Fleet      `toml:"fleet"`
	Debug      Debug      `toml:"debug"`
}

// Refresh is how often omgd checks the databases if the system has not reported that they changed.
type Refresh struct {
	// Time between two checks of the databases. If the system reports a change, omgd reads the changed databases immediately.
	Interval Duration `toml:"interval" min:"5s" max:"24h" reload:"yes"`
}

// Stale is the age from which data is stale.
type Stale struct {
	// Age from which the repositories' databases are stale.
	Repos Duration `toml:"repos" min:"1m"`
	// Age from which the data of the AUR is stale.
	AUR Duration `toml:"aur" min:"1m"`
	// Age from which the data of the security tracker is stale.
	Tracker Duration `toml:"tracker" min:"1m"`
	// Age from which Arch's news are stale.
	News Duration `toml:"news" min:"1m"`
}

// Cache limits the replies that are kept in memory.
type Cache struct {
	// Maximum number of replies in each cache; 0 to keep none.
	MaxEntries int `toml:"max_entries" min:"0" max:"1000000"`
	// Time for which a reply is kept.
	TTL Duration `toml:"ttl" min:"1s"`
}

// Memory limits the memory that omgd uses.
type Memory struct {
	// Soft limit of the Go heap and stacks; 0 to use the variable GOMEMLIMIT, or no limit if GOMEMLIMIT is not set.
	Limit Size `toml:"limit" min:"0" reload:"yes"`
	// Maximum total size of all cached replies; 0 to keep none.
	MaxCacheBytes Size `toml:"max_caches" min:"0"`
	// Total size of the write buffer and the block cache of the store on disk.
	MaxStoreCacheBytes Size `toml:"max_store" min:"1MiB" max:"1GiB"`
}

// Limits are the limits on the resources that clients may use.
type Limits struct {
	// Maximum number of open connections. omgd refuses further connections with the error that it is busy.
	MaxConnections int `toml:"max_connections" min:"1" max:"1000000"`
	// Maximum number of slow requests (those that may query the AUR) that one connection may have in progress.
	MaxInFlight int `toml:"max_in_flight" min:"1" max:"65536"`
	// Maximum size of the replies that the client of one connection has not read yet. At this size, further requests of the
	// connection wait.
	MaxUnsentPerConnection Size `toml:"max_unsent_per_connection" min:"64KiB"`
	// Maximum total size, for all connections together, of the replies that clients have not read yet.
	MaxUnsent Size `toml:"max_unsent" min:"1MiB"`
	// Maximum total size of the requests larger than 64 KiB that are being received.
	MaxReceiveBufferBytes Size `toml:"max_receive_buffers" min:"1MiB"`
	// Maximum time to receive a request.
	ReadTimeout Duration `toml:"read_timeout" min:"10ms"`
	// Maximum time for a client to read one chunk of a reply.
	WriteTimeout Duration `toml:"write_timeout" min:"10ms"`
	// Time after which a connection without requests is closed; 0 for no limit.
	IdleTimeout Duration `toml:"idle_timeout" min:"0"`
	// Maximum time for which a reply may stay unread while other clients need the memory, or while omgd stops.
	UnreadTimeout Duration `toml:"unread_timeout" min:"10ms"`
	// Maximum time for omgd to stop. Requests in progress may use most of this time.
	ShutdownTimeout Duration `toml:"shutdown_timeout" min:"1s"`
	// Maximum number of requests per second of one user of the system-wide daemon; 0 for no limit.
	UserRate int `toml:"user_rate" min:"0" reload:"yes"`
}

// Access controls which users may use the system-wide daemon. Names are looked up in /etc/passwd and
// /etc/group; write a user or group that is not in these files as a number.
type Access struct {
	// Users who may send requests. If neither users nor groups are set, every user may.
	Users []string `toml:"users" reload:"yes"`
	// Groups whose members may send requests.
	Groups []string `toml:"groups" reload:"yes"`
	// Users who, like root, may clear caches, refresh, read metrics and change the log level.
	Administrators []string `toml:"administrators" reload:"yes"`
	// Group that may open the socket, which then has mode 0660; empty for mode 0666.
	SocketGroup string `toml:"socket_group"`
}

// Log is what omgd logs.
type Log struct {
	// Minimum log level. The level debug also logs each request, without its arguments. The level trace also logs how long
	// each request took.
	Level string `toml:"level" oneof:"error warn info debug trace" reload:"yes"`
}

// Network is how omgd reaches servers.
type Network struct {
	// Address of a proxy; empty to use the proxy in the environment variables, "none" to use no proxy.
	Proxy string `toml:"proxy" format:"proxy"`
	// User-Agent header; empty for the default, which contains omg, its version and the address of the project.
	UserAgent string `toml:"user_agent" format:"line"`
	// Time in which a server must begin its response. While the response continues, at least 4 KiB must arrive in each
	// period of this length. Otherwise the request fails.
	Timeout Duration `toml:"timeout" min:"100ms"`
}

// Sync is whether omgd keeps its own copy of the databases, downloaded from the servers in pacman.conf, to find updates
// without `pacman -Sy`.
type Sync struct {
	// Download the databases.
	Enabled bool `toml:"enabled"`
	// Time between two downloads of each database.
	Interval Duration `toml:"interval" min:"1s"`
	// Also use the downloaded databases for search and info.
	UseForSearch bool `toml:"search"`
	// Download the lists of files of the repositories once a day, as pacman -Fy does.
	Files bool `toml:"files"`
}

// FilesInterval is the time between two downloads of the lists of files, which are ten times as large as the package databases.
const FilesInterval = 24 * time.Hour

// StaleAfter returns the age from which a downloaded package database is stale.
func (s Sync) StaleAfter(repos Duration) time.Duration {
	return downloadStaleAfter(repos, time.Duration(s.Interval))
}

// FilesStaleAfter returns the age from which a downloaded list of files is stale.
func (s Sync) FilesStaleAfter(repos Duration) time.Duration {
	return downloadStaleAfter(repos, FilesInterval)
}

// downloadStaleAfter returns the age from which what is downloaded at an interval is stale. The age is longer than the interval, so
// that a download that is a little late does not make it stale.
func downloadStaleAfter(repos Duration, interval time.Duration) time.Duration {
	return max(time.Duration(repos), interval+interval/4)
}

// Index is where omgd pulls indexes, advisories, news and the like that another machine has published with `omg-index publish`. What is pulled
// replaces omgd's own requests for the same data.
type Index struct {
	// Addresses of the mirrors of one published directory, in the order in which they are asked, such as https://example.org/omg. Everything in it
	// is signed, so http is allowed.
	URLs []string `toml:"urls" format:"mirrors"`
	// Public keys of minisign that are trusted, each as in the second line of its file. The word offline and a space before a key mean that the
	// key names the keys that sign.
	Keys []string `toml:"keys" format:"keys"`
	// Time between two pulls. If nothing has changed, a pull sends one request.
	Interval Duration `toml:"interval" min:"1m"`
}

// StaleAfter returns the age from which what was pulled is stale if no mirror has confirmed it.
func (i Index) StaleAfter(repos Duration) time.Duration {
	return downloadStaleAfter(repos, time.Duration(i.Interval))
}

// AUR is the Arch User Repository.
type AUR struct {
	// Use the AUR.
	Enabled bool `toml:"enabled"`
	// Address of the AUR.
	URL string `toml:"url" format:"url"`
	// What omgd downloads to know all packages: the metadata dump of the AUR, or the git archive that the AUR has announced as the successor of
	// the dump. The archive needs aur.archive_url.
	Source string `toml:"source" oneof:"dump archive"`
	// Address of the git archive, such as https://example.org/archive.git. It has no default, because the AUR does not serve the archive yet.
	ArchiveURL string `toml:"archive_url" format:"url or empty"`
	// Time between two downloads of the metadata dump or the git archive.
	Interval Duration `toml:"interval" min:"1m"`
	// Ask the AUR once an hour about the installed packages that are in no repository but in the metadata dump, and record in the journal
	// what has changed. Otherwise omgd learns it from the next dump.
	Watch       bool          `toml:"watch"`
	LiveQueries LiveQueries   `toml:"live"`
	Incidents   IncidentLists `toml:"incidents"`
	Levels      Levels        `toml:"levels"`
}

// The values of AUR.Source.
const (
	AURDump    = "dump"
	AURArchive = "archive"
)

// LiveQueries controls the queries that omgd sends to the AUR while a client waits for the reply.
type LiveQueries struct {
	// Query the AUR for packages that the metadata dump does not contain.
	Enabled bool `toml:"enabled"`
	// Maximum time to wait for the AUR. After this time, omgd replies without the packages of the AUR.
	Timeout Duration `toml:"timeout" min:"10ms" max:"1m"`
	// Maximum number of live queries per day.
	MaxPerDay int `toml:"max_per_day" min:"0" max:"4000"`
}

// IncidentLists is which lists of known incidents in the AUR `omg aur check` compares with the installed packages.
type IncidentLists struct {
	// Use the list that is installed with omg.
	Shipped bool `toml:"shipped"`
	// Further lists: each element is the absolute path of a file, or an https address, a space and the minisign public key of the
	// list's publisher. omgd downloads the lists with an address once a day.
	Lists []string `toml:"lists" format:"incidents"`
}

// Levels are the levels of the findings about packages of the AUR. The default levels are in journal.md. Findings with the level off are
// left out. The names of other findings are errors.
type Levels struct {
	// Level of the finding known-incident.
	KnownIncident string `toml:"known-incident" oneof:"default act look note off"`
	// Level of the finding possible-incident.
	PossibleIncident string `toml:"possible-incident" oneof:"default act look note off"`
	// Level of the finding current-incident.
	CurrentIncident string `toml:"current-incident" oneof:"default act look note off"`
	// Level of the finding adopted-and-updated.
	AdoptedAndUpdated string `toml:"adopted-and-updated" oneof:"default act look note off"`
	// Level of the finding maintainer-changed-and-updated.
	MaintainerChangedAndUpdated string `toml:"maintainer-changed-and-updated" oneof:"default act look note off"`
	// Level of the finding comaintainer-added-and-updated.
	ComaintainerAddedAndUpdated string `toml:"comaintainer-added-and-updated" oneof:"default act look note off"`
	// Level of the finding recreated.
	Recreated string `toml:"recreated" oneof:"default act look note off"`
	// Level of the finding updated-without-maintainer.
	UpdatedWithoutMaintainer string `toml:"updated-without-maintainer" oneof:"default act look note off"`
	// Level of the finding moved-to-another-base.
	MovedToAnotherBase string `toml:"moved-to-another-base" oneof:"default act look note off"`
	// Level of the finding appeared-after-installation.
	AppearedAfterInstallation string `toml:"appeared-after-installation" oneof:"default act look note off"`
	// Level of the finding young-dependency-added.
	YoungDependencyAdded string `toml:"young-dependency-added" oneof:"default act look note off"`
	// Level of the finding young.
	Young string `toml:"young" oneof:"default act look note off"`
	// Level of the finding unknown-dependency.
	UnknownDependency string `toml:"unknown-dependency" oneof:"default act look note off"`
	// Level of the finding look-alike.
	LookAlike string `toml:"look-alike" oneof:"default act look note off"`
	// Level of the finding scriptlet-downloads.
	ScriptletDownloads string `toml:"scriptlet-downloads" oneof:"default act look note off"`
	// Level of the finding scriptlet-package-manager.
	ScriptletPackageManager string `toml:"scriptlet-package-manager" oneof:"default act look note off"`
	// Level of the finding scriptlet-evaluates.
	ScriptletEvaluates string `toml:"scriptlet-evaluates" oneof:"default act look note off"`
	// Level of the finding scriptlet-unreadable.
	ScriptletUnreadable string `toml:"scriptlet-unreadable" oneof:"default act look note off"`
	// Level of the finding scriptlet-enables-service.
	ScriptletEnablesService string `toml:"scriptlet-enables-service" oneof:"default act look note off"`
	// Level of the finding scriptlet-writes-outside.
	ScriptletWritesOutside string `toml:"scriptlet-writes-outside" oneof:"default act look note off"`
	// Level of the finding checksum-skipped.
	ChecksumSkipped string `toml:"checksum-skipped" oneof:"default act look note off"`
	// Level of the finding source-host-changed.
	SourceHostChanged string `toml:"source-host-changed" oneof:"default act look note off"`
	// Level of the finding install-script-added.
	InstallScriptAdded string `toml:"install-script-added" oneof:"default act look note off"`
	// Level of the finding install-script-changed.
	InstallScriptChanged string `toml:"install-script-changed" oneof:"default act look note off"`
	// Level of the finding updated-since-dump.
	UpdatedSinceDump string `toml:"updated-since-dump" oneof:"default act look note off"`
	// Level of the finding pending-requests.
	PendingRequests string `toml:"pending-requests" oneof:"default act look note off"`
	// Level of the finding adopted.
	Adopted string `toml:"adopted" oneof:"default act look note off"`
	// Level of the finding maintainer-changed.
	MaintainerChanged string `toml:"maintainer-changed" oneof:"default act look note off"`
	// Level of the finding updated-after-dormancy.
	UpdatedAfterDormancy string `toml:"updated-after-dormancy" oneof:"default act look note off"`
	// Level of the finding orphaned.
	Orphaned string `toml:"orphaned" oneof:"default act look note off"`
	// Level of the finding out-of-date.
	OutOfDate string `toml:"out-of-date" oneof:"default act look note off"`
	// Level of the finding deleted.
	Deleted string `toml:"deleted" oneof:"default act look note off"`
}

// Tracker is Arch's security tracker.
type Tracker struct {
	// Use the security tracker.
	Enabled bool `toml:"enabled"`
	// Address of the security tracker.
	URL string `toml:"url" format:"url"`
	// Time between two downloads of the tracker's advisories.
	Interval Duration `toml:"interval" min:"1s"`
}

// News is Arch's news, which `omg news` shows.
type News struct {
	// Use Arch's news.
	Enabled bool `toml:"enabled"`
	// Address of the feed, in RSS or Atom.
	URL string `toml:"url" format:"url"`
	// Time between two downloads of the feed.
	Interval Duration `toml:"interval" min:"1m"`
}

// Popularity is the share of machines that have a package, which pkgstats publishes. Packages of repositories are sorted by it in the results
// of a search.
type Popularity struct {
	// Download the shares about once a month, and build the indexes with them. The request says nothing about this machine.
	Enabled bool `toml:"enabled"`
	// Address of pkgstats.
	URL string `toml:"url" format:"url"`
}

// Metrics is where Prometheus can read the metrics. `omg metrics` also prints the metrics.
type Metrics struct {
	// Local address (127.0.0.1:9100) or path of a socket; empty for none.
	Address string `toml:"address" format:"listen"`
}

// Search is how omg shows the results of a search.
type Search struct {
	// Whether the best match on a terminal comes first, or last, next to the prompt. With auto, it comes last if the results do not fit on
	// the screen. omg reads this setting at each search.
	Order string `toml:"order" oneof:"auto best-first best-last" reload:"yes"`
}

// Browse is how the package browser, `omg browse`, looks and what its keys do. It reads these settings at its start. docs/browse.md has the
// actions, the names of keys and the values of colours.
type Browse struct {
	// The keys: default, or vi with an insert mode and a normal mode.
	Keys string `toml:"keys" oneof:"default vi" reload:"yes"`
	// The keys of actions: each action has a list of keys, which replaces the action's default keys, as in down = ["down", "ctrl-j"].
	// With an empty list, the action has no keys.
	Bind Table `toml:"bind" reload:"yes"`
	// Colours: the 16 colours of the terminal, or colours that can be read on a dark or a light background. The last two need a terminal
	// with 256 colours.
	Theme string `toml:"theme" oneof:"terminal dark light" reload:"yes"`
	// Where the preview is: auto places it beside the list on a wide screen, and below the list otherwise.
	Preview string `toml:"preview" oneof:"auto right below off" reload:"yes"`
	// The program that builds packages of the AUR: the browser shows the command for it.
	Helper string       `toml:"helper" oneof:"yay paru" reload:"yes"`
	Colors BrowseColors `toml:"colors"`
}

// BrowseColors is the colours of the package browser, by part of the screen. A value consists of words: a colour (black, red, green, yellow,
// blue, magenta, cyan, white, each also with bright-, or the number 1 to 255 of a colour), a background (on- and a colour), and attributes (bold,
// dim, underline, reverse); or default for the colours of the terminal. An empty value leaves those of the theme.
type BrowseColors struct {
	// The current view in the first line.
	View string `toml:"view" reload:"yes"`
	// The character before the input line.
	Prompt string `toml:"prompt" reload:"yes"`
	// The text of the input line.
	Input string `toml:"input" reload:"yes"`
	// The text beside the input line, with the number of packages.
	Counts string `toml:"counts" reload:"yes"`
	// The selected line of the list.
	Selection string `toml:"selection" reload:"yes"`
	// The character before a marked package.
	Mark string `toml:"mark" reload:"yes"`
	// Repositories in the list.
	Repository string `toml:"repository" reload:"yes"`
	// Names of packages in the list.
	Name string `toml:"name" reload:"yes"`
	// Versions in the list.
	Version string `toml:"version" reload:"yes"`
	// The word "installed" in the list.
	Installed string `toml:"installed" reload:"yes"`
	// Descriptions in the list.
	Description string `toml:"description" reload:"yes"`
	// Notes about packages that are good news.
	Good string `toml:"good" reload:"yes"`
	// Notes about packages that need attention.
	Warning string `toml:"warning" reload:"yes"`
	// Notes about packages that are bad news, and errors.
	Bad string `toml:"bad" reload:"yes"`
	// The current tab of the preview.
	Tab string `toml:"tab" reload:"yes"`
	// The other tabs of the preview, and the line between list and preview.
	Border string `toml:"border" reload:"yes"`
	// The last line of the screen.
	Status string `toml:"status" reload:"yes"`
}

// Fleet is how omg-fleet reaches the NATS servers of a fleet of hosts.
type Fleet struct {
	// Address of a NATS server, such as tls://nats.example.org:4222, or several addresses with commas between them.
	Server string `toml:"server" format:"line"`
	// File with the credentials with which omg-fleet connects.
	Creds string `toml:"creds" format:"line"`
	// File with certificates of authorities that are trusted besides those of the system.
	CA string `toml:"ca" format:"line"`
	// Name of this host in the fleet, for its agent. If it is empty, it is the name in the file of creds, or the host's name.
	Host string `toml:"host" format:"line"`
}

// Debug is for debugging omgd.
type Debug struct {
	// Path of a socket that serves Go profiles; empty for none.
	PprofSocket string `toml:"pprof" format:"socket"`
}

// Duration is a time.Duration that is written as "300s" or "24h".
type Duration time.Duration

// Size is a number of bytes that is written as "64MiB", "8KiB" or "1024".
type Size int64

// Table is a list of words for each of several names, which the program that reads the setting knows.
type Table map[string][]string

// Default returns the default values.
func Default() Config {
	const (
		second = Duration(time.Second)
		hour   = Duration(time.Hour)
		mib    = 1 << 20
	)
	return Config{
		Refresh: Refresh{Interval: 300 * second},
		Stale:   Stale{Repos: 24 * hour, AUR: 24 * hour, Tracker: 24 * hour, News: 24 * hour},
		Cache:   Cache{MaxEntries: 1000, TTL: 300 * second},
		Memory:  Memory{MaxCacheBytes: 16 * mib, MaxStoreCacheBytes: 2 * mib},
		Limits: Limits{
			MaxConnections: 4096, MaxInFlight: 64, MaxUnsentPerConnection: mib, MaxUnsent: 64 * mib, MaxReceiveBufferBytes: 64 * mib,
			ReadTimeout: 10 * second, WriteTimeout: 30 * second, UnreadTimeout: second, ShutdownTimeout: 5 * second, UserRate: 1000,
		},
		Log:     Log{Level: "info"},
		Network: Network{Timeout: 30 * second},
		Sync:    Sync{Interval: hour},
		Index:   Index{Interval: hour},
		AUR: AUR{
			Enabled: true, URL: "https://aur.archlinux.org", Source: AURDump, Interval: 24 * hour,
			LiveQueries: LiveQueries{Enabled: true, Timeout: 2 * second, MaxPerDay: 1000},
			Incidents:   IncidentLists{Shipped: true},
			Levels:      defaultLevels(),
		},
		Tracker:    Tracker{Enabled: true, URL: "https://security.archlinux.org", Interval: hour},
		News:       News{Enabled: true, URL: "https://archlinux.org/feeds/news/", Interval: 6 * hour},
		Popularity: Popularity{URL: "https://pkgstats.archlinux.de"},
		Search:     Search{Order: "auto"},
		Browse:     Browse{Keys: "default", Theme: "terminal", Preview: "auto", Helper: "yay"},
	}
}
