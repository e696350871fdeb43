package backend

import "github.com/omg-arch/omg/shared/wire"

// GroupsResult lists groups of packages.
type GroupsResult struct {
	wire.Basis
	Groups []Group `json:"groups"`
}

// Group is a group of packages.
type Group struct {
	Name     string         `json:"name"`
	Packages []GroupPackage `json:"packages"`
}

// GroupPackage is a package of a group.
type GroupPackage struct {
	// Repo is the repository of the package, or local.
	Repo    string `json:"repo"`
	Name    string `json:"name"`
	Version string `json:"version"`
	// Installed is the installed version; empty if the package is not installed.
	Installed string `json:"installed,omitempty"`
}

// GroupSizes holds the sizes of groups of installed packages.
type GroupSizes struct {
	Reading
	Groups []GroupSize `json:"groups"`
}

// GroupSize is the size of the installed packages of a group.
type GroupSize struct {
	Name string `json:"name"`
	// Size is the sum of the sizes of the packages, in bytes.
	Size         uint64 `json:"size"`
	PackageCount int    `json:"count"`
}
