// Package config is omg's own configuration: the settings, their defaults, and where each value came from.
package config

import "time"

// Config holds all settings, by section. Each key's comment says what it means and in what unit. Its tags say which
// values are allowed (min, max, oneof, format) and, with reload, that a running omgd applies a change on SIGHUP.
// docs/config.md and the manual page are generated from these comments and tags and from Default (`make docs`).
// defaults there are those of Default.
type Config struct {
	Refresh Refresh `toml:"refresh"`
	Stale   Stale   `toml:"stale"`
	Cache   Cache   `toml:"cache"`
	Memory  Memory  `toml:"memory"`
	Limits  Limits  `toml:"limits"`
	Access  Access  `toml:"access"`
	Log     Log     `toml:"log"`
	Network Network `toml:"network"`
	Sync    Sync    `toml:"sync"`
	AUR     AUR     `toml:"aur"`
	Tracker Tracker `toml:"tracker"`
	Metrics Metrics `toml:"metrics"`
	Debug   Debug   `toml:"debug"`
}

// Refresh is how often the databases are checked when no change has been seen.
type Refresh struct {
	// Time between two checks. A change that the system reports is read at once.
	Interval Duration `toml:"interval" min:"5s" max:"24h" reload:"yes"`
}

// Stale is the age from which data counts as stale.
type Stale struct {
	// Age of the repositories' databases.
	Repos Duration `toml:"repos" min:"1m"`
	// Age of the data from the AUR.
	AUR Duration `toml:"aur" min:"1m"`
	// Age of the data from the security tracker.
	Tracker Duration `toml:"tracker" min:"1m"`
}

// Cache limits the replies that are kept in memory.
type Cache struct {
	// Replies that each cache keeps; 0 to keep none.
	MaxEntries int `toml:"max_entries" min:"0" max:"1000000"`
	// Time for which a reply is kept.
	TTL Duration `toml:"ttl" min:"1s"`
}

// Memory limits the memory that omgd uses.
type Memory struct {
	// Soft limit of the Go heap and stacks; 0 to use GOMEMLIMIT, or no limit if that is not set.
	Limit Size `toml:"limit" min:"0" reload:"yes"`
	// Size of all cached replies together; 0 to keep none.
	MaxCaches Size `toml:"max_caches" min:"0"`
	// Size of the write buffer and of the block cache of the store on disk.
	MaxStore Size `toml:"max_store" min:"1MiB" max:"1GiB"`
}

// Limits are the limits on the resources of clients.
type Limits struct {
	// Open connections. Further ones are refused: omgd is busy.
	MaxConnections int `toml:"max_connections" min:"1" max:"1000000"`
	// Slow requests (those that may query the AUR) that one connection may have running.
	MaxInFlight int `toml:"max_in_flight" min:"1" max:"65536"`
	// Replies of one connection that are not yet read. Beyond this, its further requests wait.
	MaxUnsentPerConnection Size `toml:"max_unsent_per_connection" min:"64KiB"`
	// Replies of all connections that are not yet read.
	MaxUnsent Size `toml:"max_unsent" min:"1MiB"`
	// Large, partly received requests of all connections.
	MaxReceiveBuffers Size `toml:"max_receive_buffers" min:"1MiB"`
	// Maximum time to receive a request.
	ReadTimeout Duration `toml:"read_timeout" min:"10ms"`
	// Maximum time for a client to read one chunk of a reply.
	WriteTimeout Duration `toml:"write_timeout" min:"10ms"`
	// Time after which a connection without requests is closed; 0 for no limit.
	IdleTimeout Duration `toml:"idle_timeout" min:"0"`
	// Maximum time for which a reply may stay unread while other clients need the memory, or while omgd stops.
	UnreadTimeout Duration `toml:"unread_timeout" min:"10ms"`
	// Maximum time for omgd to stop. Most of it is left to running requests.
	ShutdownTimeout Duration `toml:"shutdown_timeout" min:"1s"`
	// Requests per second of one user, if omgd serves all users; 0 for no limit.
	UserRate int `toml:"user_rate" min:"0" reload:"yes"`
}

// Access controls which users may use a daemon that serves all users. Names are looked up in /etc/passwd and
// /etc/group; a user or group that is not there is given by its number.
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
	// Minimum log level. debug adds each request, without its arguments; trace adds how long each took.
	Level string `toml:"level" oneof:"error warn info debug trace" reload:"yes"`
}

// Network is how omgd reaches servers.
type Network struct {
	// Address of a proxy; empty to use the environment's, "none" for no proxy.
	Proxy string `toml:"proxy" format:"proxy"`
	// User-Agent header; empty for the default, which names omg, its version and its address.
	UserAgent string `toml:"user_agent" format:"line"`
	// Time without data after which a request fails. Less than 4 KiB in this time is too slow.
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
	Search bool `toml:"search"`
}

// Stale returns the age from which a downloaded database is stale. It is more than the interval, so that a check that
// comes a little late does not make the database stale.
func (s Sync) Stale(repos Duration) time.Duration {
	return time.Duration(max(repos, s.Interval+s.Interval/4))
}

// AUR is the Arch User Repository.
type AUR struct {
	// Use the AUR.
	Enabled bool `toml:"enabled"`
	// Address of the AUR.
	URL string `toml:"url" format:"url"`
	// Time between two downloads of the metadata dump.
	Interval Duration `toml:"interval" min:"1m"`
	Live     Live     `toml:"live"`
}

// Live is queries to the AUR while a client waits.
type Live struct {
	// Query the AUR for what the dump does not contain.
	Enabled bool `toml:"enabled"`
	// Time after which a reply is sent without the AUR's part.
	Timeout Duration `toml:"timeout" min:"10ms" max:"1m"`
	// Maximum number of queries per day.
	MaxPerDay int `toml:"max_per_day" min:"0" max:"4000"`
}

// Tracker is Arch's security tracker.
type Tracker struct {
	// Use the security tracker.
	Enabled bool `toml:"enabled"`
	// Address of the tracker.
	URL string `toml:"url" format:"url"`
	// Time between two downloads of its advisories.
	Interval Duration `toml:"interval" min:"1s"`
}

// Metrics is where Prometheus reads the metrics. `omg metrics` prints them too.
type Metrics struct {
	// Local address (127.0.0.1:9100) or path of a socket; empty for none.
	Address string `toml:"address" format:"listen"`
}

// Debug is for debugging omgd.
type Debug struct {
	// Path of a socket that serves Go profiles; empty for none.
	Pprof string `toml:"pprof" format:"socket"`
}

// Duration is a time.Duration that is written as "300s" or "24h".
type Duration time.Duration

// Size is a number of bytes that is written as "64MiB", "8KiB" or "1024".
type Size int64

// Default returns the default values.
func Default() Config {
	const (
		second = Duration(time.Second)
		hour   = Duration(time.Hour)
		mib    = 1 << 20
	)
	return Config{
		Refresh: Refresh{Interval: 300 * second},
		Stale:   Stale{Repos: 24 * hour, AUR: 24 * hour, Tracker: 24 * hour},
		Cache:   Cache{MaxEntries: 1000, TTL: 300 * second},
		Memory:  Memory{MaxCaches: 16 * mib, MaxStore: 2 * mib},
		Limits: Limits{
			MaxConnections: 4096, MaxInFlight: 64, MaxUnsentPerConnection: mib, MaxUnsent: 64 * mib, MaxReceiveBuffers: 64 * mib,
			ReadTimeout: 10 * second, WriteTimeout: 30 * second, UnreadTimeout: second, ShutdownTimeout: 5 * second, UserRate: 1000,
		},
		Log:     Log{Level: "info"},
		Network: Network{Timeout: 30 * second},
		Sync:    Sync{Interval: hour},
		AUR: AUR{
			Enabled: true, URL: "https://aur.archlinux.org", Interval: 24 * hour,
			Live: Live{Enabled: true, Timeout: 2 * second, MaxPerDay: 1000},
		},
		Tracker: Tracker{Enabled: true, URL: "https://security.archlinux.org", Interval: hour},
	}
}
