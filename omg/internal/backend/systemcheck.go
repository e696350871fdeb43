package backend

// SystemCheckRequest asks for a check of the installed system.
type SystemCheckRequest struct {
	// Names restricts the check to these packages. If it is empty, what does not concern a package is checked too.
	Names []string
	// Contents compares the files with their size, owner, permissions, time and checksum, not only whether they exist.
	Contents bool
	// Rebuild looks for foreign packages that have to be built again.
	Rebuild bool
}

// The kinds of problems that a check of the system finds.
const (
	ProblemMissingFile       = "missing-file"
	ProblemAlteredFile       = "altered-file"
	ProblemNoFileList        = "no-file-list"
	ProblemMissingDependency = "missing-dependency"
	ProblemConfigFile        = "config-file"
	ProblemReboot            = "reboot"
	ProblemStaleLock         = "stale-lock"
	ProblemRebuild           = "rebuild"
)

// SystemCheck is the result of a check of the installed system.
type SystemCheck struct {
	Reading
	PackageCount int `json:"packages"`
	FileCount    int `json:"files"`
	// UnreadableCount is the number of files and directories that could not be checked, most often because only root can read them.
	// UncheckedCount is the number of packages without a list of what their files should be.
	UnreadableCount int             `json:"unreadable"`
	UncheckedCount  int             `json:"unchecked"`
	Problems        []SystemProblem `json:"problems"`
	// Cache is the package cache; nil if it was not examined.
	Cache *PackageCache `json:"cache,omitempty"`
}

// SystemProblem is a problem of the installed system.
type SystemProblem struct {
	// Kind is ProblemMissingFile, ProblemAlteredFile, ProblemNoFileList, ProblemMissingDependency, ProblemConfigFile, ProblemReboot,
	// ProblemStaleLock or ProblemRebuild.
	Kind    string `json:"kind"`
	Package string `json:"package,omitempty"`
	Path    string `json:"path,omitempty"`
	// Details says what is wrong, for example "Size mismatch".
	Details []string `json:"details,omitempty"`
}

// PackageCache describes pacman's package cache. Sizes are in bytes.
type PackageCache struct {
	FileCount int   `json:"files"`
	Size      int64 `json:"size"`
	// OldCount is the number of package files whose version is not installed, and OldSize the sum of their sizes.
	OldCount int   `json:"old_files"`
	OldSize  int64 `json:"old_size"`
	// Problems says which directories could not be read, and why: then the numbers are too small.
	Problems []string `json:"problems,omitempty"`
}
