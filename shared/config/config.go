// Package config is omg's own configuration: what can be tuned, and what it is
// unless someone says otherwise.
package config

import "time"

// Config has everything that can be tuned, by section. Comments give meaning and
// units, tags what a value may be; Default gives the values.
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

// Refresh is when the databases are looked at though nothing is seen to change.
type Refresh struct {
	Interval Duration `toml:"interval" least:"5s" most:"24h"`
}

// Stale is how old a source may be before answers call it stale.
type Stale struct {
	Repos   Duration `toml:"repos" least:"1m"`
	AUR     Duration `toml:"aur" least:"1m"`
	Tracker Duration `toml:"tracker" least:"1m"`
}

// Cache bounds the answers that are kept in memory.
type Cache struct {
	Entries int      `toml:"entries" least:"0" most:"1000000"` // of each cache; 0 for none
	TTL     Duration `toml:"ttl" least:"1s"`
}

// Memory bounds what the daemon keeps, in bytes.
type Memory struct {
	Limit  Size `toml:"limit" least:"0"`                // soft, of the Go heap and stacks; 0 for none
	Caches Size `toml:"caches" least:"0"`               // all cached answers together
	Store  Size `toml:"store" least:"1MiB" most:"1GiB"` // the store's write buffer and block cache
}

// Limits are what the daemon's peers can take.
type Limits struct {
	Connections int      `toml:"connections" least:"1" most:"1000000"` // at the same time
	InFlight    int      `toml:"in_flight" least:"1" most:"65536"`     // slow requests of a connection at the same time
	PeerUnsent  Size     `toml:"peer_unsent" least:"64KiB"`            // unsent bytes of a connection
	Unsent      Size     `toml:"unsent" least:"1MiB"`                  // unsent bytes of all
	Received    Size     `toml:"received" least:"1MiB"`                // bytes of half-sent large frames of all
	HalfFrame   Duration `toml:"half_frame" least:"10ms"`              // from a frame's first byte to its last
	Write       Duration `toml:"write" least:"10ms"`                   // for a peer to read a part of an answer
	Idle        Duration `toml:"idle" least:"0"`                       // for a connection without requests; 0 for no limit
	UserRate    int      `toml:"user_rate" least:"0"`                  // requests a second of one user, system mode only; 0 for no limit
}

// Access says who may ask a daemon that serves several users.
type Access struct {
	Users  []string `toml:"users"`  // names or numbers; with no users and no groups, everybody
	Groups []string `toml:"groups"` // names or numbers
	// Administrators may, besides root, clear caches, refresh, read metrics and
	// change the log level.
	Administrators []string `toml:"administrators"`
	SocketGroup    string   `toml:"socket_group"` // the socket is 0660 and this group's; empty for 0666
}

// Log is what is logged.
type Log struct {
	Level string `toml:"level" one:"error warn info debug trace"` // error, warn, info, debug or trace
}

// Network is how others are asked.
type Network struct {
	Proxy     string   `toml:"proxy" is:"proxy"` // an address; empty for the environment's, "none" for none
	UserAgent string   `toml:"user_agent" is:"line"`
	Timeout   Duration `toml:"timeout" least:"100ms"` // without a byte
}

// Sync is whether omgd downloads databases of its own, from the servers that
// pacman.conf names, to count updates against.
type Sync struct {
	Own      bool     `toml:"own"`
	Interval Duration `toml:"interval" least:"1s"` // between two requests for each
	Search   bool     `toml:"search"`              // search and info show them, too
}

// Stale is how long after it was last found right a database of omgd's own counts
// as stale: with the next attempt, which comes a little late each time, not before.
func (s Sync) Stale(repos Duration) time.Duration {
	return time.Duration(max(repos, s.Interval+s.Interval/4))
}

// AUR is the Arch User Repository.
type AUR struct {
	Enabled  bool     `toml:"enabled"`
	URL      string   `toml:"url" is:"url"`
	Interval Duration `toml:"interval" least:"1m"` // between two requests for the dump
	Live     Live     `toml:"live"`
}

// Live is what is asked at the AUR while someone waits.
type Live struct {
	Enabled  bool     `toml:"enabled"`
	Deadline Duration `toml:"deadline" least:"10ms" most:"1m"` // after which an answer goes without it
	Daily    int      `toml:"daily" least:"0" most:"4000"`     // requests a day
}

// Tracker is the security tracker.
type Tracker struct {
	Enabled  bool     `toml:"enabled"`
	URL      string   `toml:"url" is:"url"`
	Interval Duration `toml:"interval" least:"1s"`
}

// Metrics is where Prometheus finds the metrics, besides the operation.
type Metrics struct {
	Address string `toml:"address" is:"listen"` // a loopback host:port or an absolute path of a socket; empty for none
}

// Debug is for those who look inside.
type Debug struct {
	Pprof string `toml:"pprof" is:"socket"` // an absolute path of a socket; empty for none
}

// Duration is a time.Duration that is written as "300s" or "24h".
type Duration time.Duration

// Size is a number of bytes that is written as "64MiB", "8KiB" or "1024".
type Size int64

// Default is what holds unless someone says otherwise.
func Default() Config {
	const (
		second = Duration(time.Second)
		hour   = Duration(time.Hour)
		mib    = 1 << 20
	)
	return Config{
		Refresh: Refresh{Interval: 300 * second},
		Stale:   Stale{Repos: 24 * hour, AUR: 24 * hour, Tracker: 24 * hour},
		Cache:   Cache{Entries: 1000, TTL: 300 * second},
		Memory:  Memory{Caches: 16 * mib, Store: 2 * mib},
		Limits: Limits{
			Connections: 4096, InFlight: 64, PeerUnsent: mib, Unsent: 64 * mib, Received: 64 * mib,
			HalfFrame: 10 * second, Write: 30 * second, UserRate: 1000,
		},
		Log:     Log{Level: "info"},
		Network: Network{Timeout: 30 * second},
		Sync:    Sync{Interval: hour},
		AUR: AUR{
			Enabled: true, URL: "https://aur.archlinux.org", Interval: 24 * hour,
			Live: Live{Enabled: true, Deadline: 2 * second, Daily: 1000},
		},
		Tracker: Tracker{Enabled: true, URL: "https://security.archlinux.org", Interval: hour},
	}
}
