package wire

// ForeignPackage is an installed package that is in no repository, compared with the AUR.
type ForeignPackage struct {
	Name      string `msgpack:"name" json:"name"`
	Installed string `msgpack:"installed" json:"installed"`
	// Version is the AUR's version; empty if the AUR does not have the package, or if that is unknown.
	Version string `msgpack:"version" json:"version"`
	// State is one of the Foreign constants.
	State string `msgpack:"state" json:"state"`
	// Ignored means that pacman.conf ignores the package.
	Ignored bool `msgpack:"ignored,omitempty" json:"ignored,omitempty"`
	// OutOfDate is when it was flagged out of date, in Unix seconds; 0 if it is not flagged.
	OutOfDate int64 `msgpack:"outofdate,omitempty" json:"outofdate,omitempty"`
	// Orphan means that it has no maintainer.
	Orphan bool `msgpack:"orphan,omitempty" json:"orphan,omitempty"`
}

// The states of a foreign package.
const (
	ForeignUpdate  = "update"  // the AUR has a later version
	ForeignCurrent = "current" // the AUR has this version
	ForeignNewer   = "newer"   // the AUR has an older version
	ForeignVCS     = "vcs"     // in the AUR, whose version is not comparable
	ForeignGone    = "gone"    // not in the AUR, by its reply
	ForeignUnknown = "unknown" // not in the data of the AUR
)

// AURCounts counts the installed packages that are in no repository.
type AURCounts struct {
	// Ignored counts updates that pacman.conf ignores, Newer the packages whose version is higher than the AUR's. VCS,
	// Gone and Unknown count the packages in these states.
	Ignored uint32 `msgpack:"ignored" json:"ignored"`
	Newer   uint32 `msgpack:"newer" json:"newer"`
	VCS     uint32 `msgpack:"vcs" json:"vcs"`
	Gone    uint32 `msgpack:"gone" json:"gone"`
	Unknown uint32 `msgpack:"unknown" json:"unknown"`
	// OutOfDate and Orphaned count the packages with these marks, whatever their state.
	OutOfDate uint32 `msgpack:"out_of_date" json:"out_of_date"`
	Orphaned  uint32 `msgpack:"orphaned" json:"orphaned"`
}
