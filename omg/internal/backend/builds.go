package backend

import "time"

// AURDiffRequest asks for the differences between two copies of the build files of a package base of the AUR.
type AURDiffRequest struct {
	// Name is a package or a package base. BuildDir is the directory with the current build files of the package base Name; if it is
	// empty, the directories of AUR helpers are searched.
	Name, BuildDir string
	// From and To are the numbers of copies; 0 for the last copy but one, and the last copy.
	From, To int
	// Current is the PKGBUILD that the AUR has now, and CurrentAsOf the time of the AUR's reply. If it is set, the last copy is compared with
	// it, which has the number 0, and nothing is copied.
	Current     []byte
	CurrentAsOf time.Time
}

// BuildCopy describes a copy of the build files of a package base.
type BuildCopy struct {
	// Number is 1 for the first copy. Version is empty if it is unknown.
	Number  int       `json:"number"`
	Copied  time.Time `json:"copied"`
	Version string    `json:"version,omitempty"`
}

// AURDiff holds the differences between two copies.
type AURDiff struct {
	Base string `json:"pkgbase"`
	// Copies lists all copies, the oldest first. From and To are the compared ones; they are nil if there is only one copy.
	Copies []BuildCopy `json:"copies"`
	From   *BuildCopy  `json:"from"`
	To     *BuildCopy  `json:"to"`
	// Changes lists what changed, the most important changes first. Unknown says what could not be determined.
	Changes []BuildChange `json:"changes"`
	Unknown []string      `json:"unknown"`
	// Files lists the files that differ.
	Files []FileDiff `json:"files"`
	// Last holds the files of the last copy, the PKGBUILD first.
	Last []BuildFile `json:"-"`
	// Problem is why the current build files were not copied; empty if they were, or if there are none.
	Problem string `json:"problem,omitempty"`
}

// BuildFile is a file of a copy.
type BuildFile struct {
	Name    string
	Content []byte
}

// BuildChange is a fact that differs between two copies.
type BuildChange struct {
	Change string   `json:"change"`
	Old    []string `json:"old"`
	New    []string `json:"new"`
}

// The states of a file in FileDiff.
const (
	FileAdded   = "added"
	FileChanged = "changed"
	FileRemoved = "removed"
)

// FileDiff is a file that differs between two copies.
type FileDiff struct {
	Name  string `json:"name"`
	State string `json:"state"`
	// Diff is a unified diff. It is empty if IsTooLong is true: the file has too many lines to compare them.
	Diff      string `json:"diff"`
	IsTooLong bool   `json:"too_long,omitempty"`
}
