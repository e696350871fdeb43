package backend

// SizeResult holds the sizes of installed packages.
type SizeResult struct {
	Reading
	// TotalSize is the sum of the sizes of all installed packages, in bytes, and PackageCount their number.
	TotalSize    uint64        `json:"total_size"`
	PackageCount int           `json:"count"`
	Packages     []PackageSize `json:"packages"`
	// Missing lists the requested names that are not installed.
	Missing []string `json:"missing,omitempty"`
}

// PackageSize is the size of an installed package.
type PackageSize struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	// Reason is "explicit" or "dependency"; empty if the database has neither.
	Reason string   `json:"reason"`
	Groups []string `json:"groups"`
	// Size is the size of the package's files, in bytes.
	Size uint64 `json:"size"`
	// OnlyNeeded lists the packages that pacman -Rs would remove with this one, because nothing else needs them. RemovedSize is the
	// sum of their sizes and that of this package.
	OnlyNeeded  []string `json:"only_needed"`
	RemovedSize uint64   `json:"removed_size"`
	// RequiredBy is the number of packages that require this one.
	RequiredBy int `json:"required_by"`
}
