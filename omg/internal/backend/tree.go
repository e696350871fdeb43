package backend

import "github.com/omg-arch/omg/shared/wire"

// TreeRequest asks for the packages that a package needs or, with Reverse, that need it.
type TreeRequest struct {
	Name    string
	Reverse bool
	// FromRepositories means that the dependencies are those of the packages in the repositories, not of the installed packages.
	FromRepositories bool
	// Optional adds the optional dependencies.
	Optional bool
	// MaxDepth is the maximum distance from the package; negative for no limit.
	MaxDepth int
}

// TreeResult holds a graph of packages.
type TreeResult struct {
	wire.Basis
	// Name is the name of the requested package; empty if there is no such package.
	Name string `json:"name"`
	// Packages holds the requested package first, then the others by their distance from it.
	Packages []TreePackage `json:"packages"`
}

// TreePackage is a package in a graph.
type TreePackage struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Repo    string `json:"repo,omitempty"` // empty for an installed package
	// Distance is the number of steps from the requested package.
	Distance int `json:"distance"`
	// Edges lists the packages that this one needs or, in a reverse tree, that need it. It is empty for the packages at the maximum
	// distance.
	Edges []TreeEdge `json:"edges"`
}

// TreeEdge is a dependency between two packages.
type TreeEdge struct {
	// Name is the name of the other package; empty if no package satisfies the dependency.
	Name string `json:"name"`
	// Dependency is the dependency as it is written, without the description of an optional one.
	Dependency string `json:"dependency"`
	Optional   bool   `json:"optional,omitempty"`
}
