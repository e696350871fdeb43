// Package config is omg's own configuration: what can be tuned, and what it is
// unless someone says otherwise.
package config

import "time"

// Config has everything that can be tuned, by section. Each key's comment says what
// it means and in what unit, its tags what a value may be (least, most, one, is) and,
// with reload, that a running omgd takes a change over on SIGHUP. docs/config.md and
// the manual page are made from these comments and tags (`make docs`), and the
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

// Refresh is when the databases are looked at though nothing is seen to change.
type Refresh struct {
	// Time between two looks at the databases. Changes that the system reports are
	// seen at once, whatever this says.
	Interval Duration `toml:"interval" least:"5s" most:"24h" reload:"yes"`
}

// Stale is how old a source may be before answers call it stale.
type Stale struct {
	// Age of the repositories' databases.
	Repos Duration `toml:"repos" least:"1m"`
	// Age of what is known of the AUR.
	AUR Duration `toml:"aur" least:"1m"`
	// Age of what is known of the security tracker.
	Tracker Duration `toml:"tracker" least:"1m"`
}

// Cache bounds the answers that are kept in memory.
type Cache struct {
	// Answers that each cache keeps; 0 for none.
	Entries int `toml:"entries" least:"0" most:"1000000"`
	// How long an answer is kept.
	TTL Duration `toml:"ttl" least:"1s"`
}

// Memory bounds what the daemon keeps.
type Memory struct {
	// Soft limit of the Go heap and stacks; 0 for that of GOMEMLIMIT, or none.
	Limit Size `toml:"limit" least:"0" reload:"yes"`
	// All cached answers together; 0 for none.
	Caches Size `toml:"caches" least:"0"`
	// The write buffer and the block cache of the store on disk.
	Store Size `toml:"store" least:"1MiB" most:"1GiB"`
}

// Limits are what the daemon takes from its peers.
type Limits struct {
	// Connections at the same time. A further one is told that omgd is busy.
	Connections int `toml:"connections" least:"1" most:"1000000"`
	// Slow requests (those that may ask the AUR) of one connection at the same time.
	InFlight int `toml:"in_flight" least:"1" most:"65536"`
	// Answers of one connection that wait to be read. Beyond, its requests wait.
	PeerUnsent Size `toml:"peer_unsent" least:"64KiB"`
	// Answers of all connections that wait to be read.
	Unsent Size `toml:"unsent" least:"1MiB"`
	// Large requests of all connections that came in part.
	Received Size `toml:"received" least:"1MiB"`
	// Time from a request's first byte to its last.
	HalfFrame Duration `toml:"half_frame" least:"10ms"`
	// Time for a peer to read a part of an answer.
	Write Duration `toml:"write" least:"10ms"`
	// Time that a connection may be open without a request; 0 for no limit.
	Idle Duration `toml:"idle" least:"0"`
	// Time that an answer may wait to be read while other peers need the memory, or
	// while omgd ends.
	UnreadTimeout Duration `toml:"unread_timeout" least:"10ms"`
	// Time that the end of omgd may take. Running requests have most of it.
	ShutdownTimeout Duration `toml:"shutdown_timeout" least:"1s"`
	// Requests a second of one user, where omgd serves all users; 0 for no limit.
	UserRate int `toml:"user_rate" least:"0" reload:"yes"`
}

// Access says who may ask a daemon that serves all users. Names are looked up in
// /etc/passwd and /etc/group; who is not there goes by number.
type Access struct {
	// Users that may ask. With neither users nor groups, everybody may.
	Users []string `toml:"users" reload:"yes"`
	// Groups whose members may ask.
	Groups []string `toml:"groups" reload:"yes"`
	// Users that may, besides root, clear caches, refresh, read metrics and change
	// the log level.
	Administrators []string `toml:"administrators" reload:"yes"`
	// The group that may open the socket, which then has mode 0660; empty for 0666.
	SocketGroup string `toml:"socket_group"`
}

// Log is what is logged.
type Log struct {
	// The least grave lines that are logged; debug has requests without what was
	// asked, trace their times too.
	Level string `toml:"level" one:"error warn info debug trace" reload:"yes"`
}

// Network is how others are asked.
type Network struct {
	// Address of a proxy; empty for the environment's, "none" for none.
	Proxy string `toml:"proxy" is:"proxy"`
	// What omgd calls itself; empty for omg, its version and where to find it.
	UserAgent string `toml:"user_agent" is:"line"`
	// Time without a byte after which a request fails; less than 4 KiB in it is too
	// slow.
	Timeout Duration `toml:"timeout" least:"100ms"`
}

// Sync is whether omgd downloads databases of its own, from the servers that
// pacman.conf names, to count updates against.
type Sync struct {
	// Whether it does.
	Own bool `toml:"own"`
	// Time between two requests for each database.
	Interval Duration `toml:"interval" least:"1s"`
	// Whether search and info answer from them too.
	Search bool `toml:"search"`
}

// Stale is how long after it was last found right a database of omgd's own counts
// as stale: with the next attempt, which comes a little late each time, not before.
func (s Sync) Stale(repos Duration) time.Duration {
	return time.Duration(max(repos, s.Interval+s.Interval/4))
}

// AUR is the Arch User Repository.
type AUR struct {
	// Whether the AUR is asked at all.
	Enabled bool `toml:"enabled"`
	// Its address.
	URL string `toml:"url" is:"url"`
	// Time between two requests for the metadata dump.
	Interval Duration `toml:"interval" least:"1m"`
	Live     Live     `toml:"live"`
}

// Live is what is asked at the AUR while someone waits.
type Live struct {
	// Whether the AUR is asked for what the dump lacks.
	Enabled bool `toml:"enabled"`
	// Time after which an answer goes without it.
	Deadline Duration `toml:"deadline" least:"10ms" most:"1m"`
	// Requests a day.
	Daily int `toml:"daily" least:"0" most:"4000"`
}

// Tracker is Arch's security tracker.
type Tracker struct {
	// Whether the tracker is asked.
	Enabled bool `toml:"enabled"`
	// Its address.
	URL string `toml:"url" is:"url"`
	// Time between two requests for its advisories.
	Interval Duration `toml:"interval" least:"1s"`
}

// Metrics is where Prometheus finds the metrics, besides `omg metrics`.
type Metrics struct {
	// Port of this machine (127.0.0.1:9100) or path of a socket; empty for none.
	Address string `toml:"address" is:"listen"`
}

// Debug is for those who look inside.
type Debug struct {
	// Path of a socket that serves Go's profiles; empty for none.
	Pprof string `toml:"pprof" is:"socket"`
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
			HalfFrame: 10 * second, Write: 30 * second, UnreadTimeout: second, ShutdownTimeout: 5 * second, UserRate: 1000,
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
