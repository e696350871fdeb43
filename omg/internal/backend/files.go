package backend

import "github.com/omg-arch/omg/shared/wire"

// Owners holds the packages that own the requested paths.
type Owners struct {
	// Paths are in the order of the request.
	Paths []OwnedPath `json:"paths"`
	// UnreadCount is the number of packages whose file list could not be read.
	UnreadCount int `json:"unread,omitempty"`
}

// OwnedPath is a path and its owners.
type OwnedPath struct {
	// Path is absolute. The path of a directory ends with a slash.
	Path   string `json:"path"`
	Exists bool   `json:"exists"`
	// Owners are sorted by name. An existing file has at most one owner, a directory may have several.
	Owners []Owner `json:"owners"`
}

// Owner is an installed package that owns a path.
type Owner struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// Reading describes how completely the local database was read.
type Reading struct {
	// Partial means that the descriptions of some packages could not be read, and these packages could change the result.
	// WhyPartial is the reason.
	Partial    bool   `json:"partial,omitempty"`
	WhyPartial string `json:"why,omitempty"`
}

// FilesResult holds the files of packages.
type FilesResult struct {
	Reading
	Packages []FileList `json:"packages"`
	// Missing lists the requested names that were not found.
	Missing []string `json:"missing,omitempty"`
}

// FileList holds the files of a package.
type FileList struct {
	Name string `json:"name"`
	// Repo and Version are those of a repository's package. They are empty for an installed package.
	Repo    string `json:"repo,omitempty"`
	Version string `json:"version,omitempty"`
	// Files are sorted; a directory's path ends with a slash. The files of an installed package are absolute, those of a repository's
	// package relative to the root directory.
	Files []string `json:"files"`
	// UnknownReason is the reason why the files are unknown; empty if the files are known.
	UnknownReason string `json:"why,omitempty"`
}

// RepoOwnersRequest asks which packages of the repositories have files.
type RepoOwnersRequest struct {
	wire.FilesOwnerRequest
	// IndexedOnly means that no list of files is read that has no index. Reading one takes seconds.
	IndexedOnly bool
}

// WhyResult explains why a package is installed or, with --reverse, what the package needs.
type WhyResult struct {
	Reading
	// Name is the name of the package; empty if the package is not installed.
	Name string `json:"name"`
	// Chains holds the shortest chain to the package from each explicitly installed package that needs it. With --reverse
	// it holds the shortest chain from the package to each package that it needs.
	Chains []DependencyChain `json:"chains"`
}

// DependencyChain is a list of packages, each of which needs the next.
type DependencyChain struct {
	Links []ChainLink `json:"links"`
}

// ChainLink is a package in a DependencyChain, with the reason why it needs the next package.
type ChainLink struct {
	Name string `json:"name"`
	// DependOnNext is the dependency of this package that the next package in the chain satisfies. It is empty for the last
	// package of the chain.
	DependOnNext string `json:"depend,omitempty"`
}

// Configuration is the effective configuration.
type Configuration struct {
	// Files are the configuration files that were read.
	Files    []string  `json:"files"`
	Settings []Setting `json:"settings"`
	// Warnings are about unknown keys in the files.
	Warnings []string `json:"warnings,omitempty"`
}

// Setting is one effective value; see config.Setting.
type Setting struct {
	Key      string `json:"key"`
	Value    any    `json:"value"`
	Origin   string `json:"origin"`
	Default  any    `json:"default"`
	Variable string `json:"variable"`
	Reloads  bool   `json:"reloads"`
}

// Checks holds the results of the checks of omg doctor.
type Checks struct {
	Checks []Check `json:"checks"`
}

// The outcomes of a check.
const (
	CheckStateOK      = "ok"
	CheckStateProblem = "problem"
	// CheckStateOff means that a part of omg is not set up. omg works without this part.
	CheckStateOff     = "off"
	CheckStateUnknown = "unknown"
)

// Check is the result of one check.
type Check struct {
	Name string `json:"name"`
	// State is ok, problem, off or unknown.
	State string `json:"state"`
	// Found is what the check found, and Todo is how to solve the problem, or how to set up what is off.
	Found string `json:"found"`
	Todo  string `json:"todo,omitempty"`
}

// ActiveVersions holds the versions of runtimes that are active in the working directory.
type ActiveVersions struct {
	Runtimes []wire.Runtime `json:"runtimes"`
	// Notes lists the files and directories that were ignored, each with the reason.
	Notes []string `json:"notes,omitempty"`
}

// InstalledVersions holds the installed versions of runtimes.
type InstalledVersions struct {
	Versions []RuntimeVersion `json:"versions"`
}

// RuntimeVersion is an installed version of a runtime.
type RuntimeVersion struct {
	Runtime string `json:"runtime"`
	Version string `json:"version"`
	// Alias is another name of the version.
	Alias   string `json:"alias,omitempty"`
	Manager string `json:"manager"`
	// Path is the directory of the version; empty if the version is installed as a package.
	Path string `json:"path,omitempty"`
	// Active is set if the version is active in the working directory.
	Active bool `json:"active,omitempty"`
}

// UseResult holds the chosen version of a runtime, and the version that is now active in the working directory.
type UseResult struct {
	RuntimeVersion
	ActiveNow wire.Runtime `json:"now"`
}
