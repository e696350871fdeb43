package wire

// ForeignPackage is an installed package that is in no repository, compared with the AUR.
type ForeignPackage struct {
	Name      string `msgpack:"name" json:"name"`
	Installed string `msgpack:"installed" json:"installed"`
	// AURVersion is the version in the AUR; empty if the AUR does not have the package or its data is unknown.
	AURVersion string `msgpack:"version" json:"version"`
	// State is one of the Foreign constants.
	State string `msgpack:"state" json:"state"`
	// Ignored means that pacman.conf ignores the package.
	Ignored bool `msgpack:"ignored,omitempty" json:"ignored,omitempty"`
	// OutOfDate is when the package was flagged out of date in the AUR, in Unix seconds; 0 if it is not flagged.
	OutOfDate int64 `msgpack:"outofdate,omitempty" json:"outofdate,omitempty"`
	// Orphan means that the package has no maintainer in the AUR.
	Orphan bool `msgpack:"orphan,omitempty" json:"orphan,omitempty"`
	// AURFindings is nil if there are no findings about the package, or if they are unknown.
	AURFindings *AURMark `msgpack:"aur_findings,omitempty" json:"aur_findings,omitempty"`
}

// The states of a foreign package.
const (
	ForeignUpdate         = "update"  // the AUR has a later version than the installed one
	ForeignCurrent        = "current" // the AUR has the installed version
	ForeignInstalledNewer = "newer"   // the AUR has an older version than the installed one
	ForeignVCS            = "vcs"     // the package is built from the latest sources, so the AUR's version does not show whether an update exists
	ForeignGone           = "gone"    // the AUR replied that it does not have the package
	ForeignUnknown        = "unknown" // omgd's data of the AUR does not have the package
)

// AURCounts counts the installed packages that are in no repository.
type AURCounts struct {
	// Ignored counts the updates that pacman.conf ignores. Newer counts the packages whose version is higher than the
	// AUR's. VCS, Gone and Unknown count the packages in the states with these names.
	Ignored        uint32 `msgpack:"ignored" json:"ignored"`
	InstalledNewer uint32 `msgpack:"newer" json:"newer"`
	VCS            uint32 `msgpack:"vcs" json:"vcs"`
	Gone           uint32 `msgpack:"gone" json:"gone"`
	Unknown        uint32 `msgpack:"unknown" json:"unknown"`
	// OutOfDate counts the packages that are flagged out of date in the AUR. Orphaned counts the packages without a
	// maintainer. Both include the packages of all states.
	OutOfDate uint32 `msgpack:"out_of_date" json:"out_of_date"`
	Orphaned  uint32 `msgpack:"orphaned" json:"orphaned"`
}
