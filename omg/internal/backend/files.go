package backend

import "github.com/omg-arch/omg/shared/wire"

// Owners are the packages that own files.
type Owners struct {
	// Paths follow those that were asked for.
	Paths []OwnedPath `json:"paths"`
	// Unread counts the packages whose file list could not be read.
	Unread int `json:"unread,omitempty"`
}

// OwnedPath is a path and who owns it.
type OwnedPath struct {
	// Path is absolute, with a slash at the end of a directory's.
	Path   string `json:"path"`
	Exists bool   `json:"exists"`
	// Owners are in order of name; only a directory has more than one.
	Owners []Owner `json:"owners"`
}

// Owner is an installed package.
type Owner struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// FileLists are the files of installed packages.
type FileLists struct {
	Packages []FileList `json:"packages"`
	// Missing are the requested names that are not installed.
	Missing []string `json:"missing,omitempty"`
}

// FileList are the files of a package.
type FileList struct {
	Name string `json:"name"`
	// Files are absolute, in order, a directory's with a slash at the end.
	Files []string `json:"files"`
	// Why says why they are not known; empty if they are.
	Why string `json:"why,omitempty"`
}

// Chains say why a package is installed or, reversed, what it needs.
type Chains struct {
	// Name is the package's; empty if none of that name is installed.
	Name string `json:"name"`
	// Chains are the shortest ones: from each explicitly installed package that
	// needs it to the package or, reversed, from it to each that it needs.
	Chains []Chain `json:"chains"`
}

// Chain is a row of packages, each needing the next.
type Chain struct {
	Links []Link `json:"links"`
}

// Link is a package of a Chain.
type Link struct {
	Name string `json:"name"`
	// Depend is the dependency that the next package meets; empty in the last.
	Depend string `json:"depend,omitempty"`
}

// Configuration is the effective configuration.
type Configuration struct {
	// Files are those that were read.
	Files    []string  `json:"files"`
	Settings []Setting `json:"settings"`
	// Warnings are about what in the files has no meaning.
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

// Check is one thing that was examined.
type Check struct {
	Name string `json:"name"`
	// State is ok, problem or unknown.
	State string `json:"state"`
	// Found says what was seen, Todo what to do about a problem.
	Found string `json:"found"`
	Todo  string `json:"todo,omitempty"`
}

// ActiveVersions are the versions of runtimes that would run here.
type ActiveVersions struct {
	Runtimes []wire.Runtime `json:"runtimes"`
	// Notes say which declarations were passed over, and why.
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
	// Alias is another name of it.
	Alias   string `json:"alias,omitempty"`
	Manager string `json:"manager"`
	// Path is its directory; empty for a package.
	Path string `json:"path,omitempty"`
	// Active versions are what would run here.
	Active bool `json:"active,omitempty"`
}

// Chosen is the version that was chosen, and what runs here now.
type Chosen struct {
	RuntimeVersion
	Now wire.Runtime `json:"now"`
}
