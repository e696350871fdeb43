package backend

import (
	"time"

	"github.com/omg-arch/omg/shared/wire"
)

// DevelRequest asks for the installed packages that are in no repository and built from a VCS.
type DevelRequest struct {
	// Names restricts the result to these packages; empty for all.
	Names []string
	// Ask means that the servers of the sources are asked for their latest commits. This uses the network.
	Ask bool
}

// DevelResult lists packages that are built from a VCS. The helpers yay and paru record from which commits they build.
type DevelResult struct {
	wire.Basis
	// Records lists the files with records that exist.
	Records  []DevelRecords `json:"records"`
	Packages []DevelPackage `json:"packages"`
	// Missing lists the requested names that are not such packages.
	Missing []string `json:"missing,omitempty"`
}

// DevelRecords is a file with the records of a helper.
type DevelRecords struct {
	// By is yay or paru.
	By   string `json:"by"`
	Path string `json:"path"`
	// Problem is the reason why the file could not be read; empty if it was read.
	Problem string `json:"problem,omitempty"`
}

// DevelState says whether the sources of a package have changed since it was built.
type DevelState string

// The states of packages and sources.
const (
	DevelUpdate  DevelState = "update"  // the source has another commit than the recorded one
	DevelCurrent DevelState = "current" // the source still has the recorded commit
	DevelUnknown DevelState = "unknown" // nothing is recorded, the server was not asked, or it has not answered
)

// DevelPackage is an installed package that is built from a VCS.
type DevelPackage struct {
	Name string `json:"name"`
	// Installed is the installed version.
	Installed string `json:"installed"`
	// Base is the package base; empty if it is unknown.
	Base string `json:"pkgbase,omitempty"`
	// State is update if a source has this state, otherwise unknown if a source has this state or there is none, otherwise current.
	State DevelState `json:"state"`
	// Why is the reason of the state unknown.
	Why     string        `json:"why,omitempty"`
	Sources []DevelSource `json:"sources"`
}

// DevelSource is a git repository from which a package is built.
type DevelSource struct {
	URL string `json:"url"`
	// Branch is HEAD for the default branch.
	Branch   string        `json:"branch"`
	Recorded []DevelRecord `json:"recorded"`
	State    DevelState    `json:"state"`
	// Latest is the latest commit; empty if it is unknown. Asked is when the server was asked for it.
	Latest string     `json:"latest,omitempty"`
	Asked  *time.Time `json:"asked,omitempty"`
	// Why is the reason of the state unknown.
	Why string `json:"why,omitempty"`
}

// DevelRecord is a commit that a helper has recorded when it built a package.
type DevelRecord struct {
	// By is yay or paru.
	By     string `json:"by"`
	Commit string `json:"commit"`
}
