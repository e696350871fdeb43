package backend

import "github.com/omg-arch/omg/shared/wire"

// Owners are the packages that own files.
type Owners struct {
	// Paths are in the order of the request.
	Paths []OwnedPath `json:"paths"`
	// Unread is the number of packages whose file list could not be read.
	Unread int `json:"unread,omitempty"`
}

// OwnedPath is a path and its owners.
type OwnedPath struct {
	// Path is absolute; a directory's ends with a slash.
	Path   string `json:"path"`
	Exists bool   `json:"exists"`
	// Owners are sorted by name; only a directory has more than one.
	Owners []Owner `json:"owners"`
}

// Owner is an installed package.
type Owner struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// Reading is how completely the local database was read.
type Reading struct {
	// Partial means that there are packages whose descriptions could not be read, which could change the result. Why has
	// the reason.
	Partial bool   `json:"partial,omitempty"`
	Why     string `json:"why,omitempty"`
}

// FileLists are the files of installed packages.
type FileLists struct {
	Reading
	Packages []FileList `json:"packages"`
	// Missing are the requested names that are not installed.
	Missing []string `json:"missing,omitempty"`
}

// FileList holds the files of a package.
type FileList struct {
	Name string `json:"name"`
	// Files are absolute and sorted; a directory's path ends with a slash.
	Files []string `json:"files"`
	// Why is the reason why the files are unknown, empty if they are known.
	Why string `json:"why,omitempty"`
}

// Chains explain why a package is installed or, reversed, what it needs.
type Chains struct {
	Reading
	// Name is the name of the package, empty if it is not installed.
	Name string `json:"name"`
	// Chains are the shortest ones: from each explicitly installed package that needs it to the package or, reversed,
	// from the package to each that it needs.
	Chains []Chain `json:"chains"`
}

// Chain is a list of packages, each of which needs the next.
type Chain struct {
	Links []Link `json:"links"`
}

// Link is a package of a Chain.
type Link struct {
	Name string `json:"name"`
	// Depend is the dependency that the next package satisfies, empty for the last.
	Depend string `json:"depend,omitempty"`
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

// Checks are what doctor found.
type Checks struct {
	Checks []Check `json:"checks"`
}

// The outcomes of a check.
const (
	CheckOK      = "ok"
	CheckProblem = "problem"
	CheckUnknown = "unknown"
)

// Check is the result of one check.
type Check struct {
	Name string `json:"name"`
	// State is ok, problem or unknown.
	State string `json:"state"`
	// Found is the finding, Todo how to solve the problem.
	Found string `json:"found"`
	Todo  string `json:"todo,omitempty"`
}

// ActiveVersions are the versions of runtimes that are active in the working directory.
type ActiveVersions struct {
	Runtimes []wire.Runtime `json:"runtimes"`
	// Notes list the declarations that were ignored, with reasons.
	Notes []string `json:"notes,omitempty"`
}

// Versions are installed versions of runtimes.
type Versions struct {
	Versions []RuntimeVersion `json:"versions"`
}

// RuntimeVersion is an installed version.
type RuntimeVersion struct {
	Runtime string `json:"runtime"`
	Version string `json:"version"`
	// Alias is another name of the version.
	Alias   string `json:"alias,omitempty"`
	Manager string `json:"manager"`
	// Path is the version's directory, empty for a package.
	Path string `json:"path,omitempty"`
	// Active is set if the version is active in the working directory.
	Active bool `json:"active,omitempty"`
}

// UseResult is the chosen version, and the version that runs here now.
type UseResult struct {
	RuntimeVersion
	Now wire.Runtime `json:"now"`
}
