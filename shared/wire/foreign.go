package wire

// ForeignPackage is an installed package that no repository has, and how it
// compares with the AUR.
type ForeignPackage struct {
	Name      string `msgpack:"name" json:"name"`
	Installed string `msgpack:"installed" json:"installed"`
	// Version is the AUR's; empty if it has none or that is not known.
	Version string `msgpack:"version" json:"version"`
	// State is one of the Foreign constants.
	State string `msgpack:"state" json:"state"`
	// Ignored says that pacman.conf ignores the package.
	Ignored bool `msgpack:"ignored,omitempty" json:"ignored,omitempty"`
	// OutOfDate is when it was flagged, in Unix seconds; 0 if it is not.
	OutOfDate int64 `msgpack:"outofdate,omitempty" json:"outofdate,omitempty"`
	// Orphan says that nobody maintains it.
	Orphan bool `msgpack:"orphan,omitempty" json:"orphan,omitempty"`
}

// The states of a foreign package.
const (
	ForeignUpdate  = "update"  // the AUR has a later version
	ForeignCurrent = "current" // the AUR has this version
	ForeignNewer   = "newer"   // the AUR has an older version
	ForeignVCS     = "vcs"     // in the AUR, but its version there says nothing
	ForeignGone    = "gone"    // the AUR was asked, and does not have it
	ForeignUnknown = "unknown" // not in what is known of the AUR
)

// AURCounts are numbers of installed packages that no repository has.
type AURCounts struct {
	// Ignored have updates that pacman.conf ignores; Newer are later than the AUR's;
	// VCS, Gone and Unknown are in these states.
	Ignored uint32 `msgpack:"ignored" json:"ignored"`
	Newer   uint32 `msgpack:"newer" json:"newer"`
	VCS     uint32 `msgpack:"vcs" json:"vcs"`
	Gone    uint32 `msgpack:"gone" json:"gone"`
	Unknown uint32 `msgpack:"unknown" json:"unknown"`
	// OutOfDate and Orphaned are those so marked, in whatever state.
	OutOfDate uint32 `msgpack:"out_of_date" json:"out_of_date"`
	Orphaned  uint32 `msgpack:"orphaned" json:"orphaned"`
}
