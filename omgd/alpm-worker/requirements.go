//go:build libalpm

package main

import (
	"github.com/Jguer/go-alpm/v2"

	"github.com/omg-arch/omg/omgd/internal/alpmproto"
)

// localPackage is an installed package, copied out of libalpm.
type localPackage struct {
	name, version               string
	reason                      int32
	ignored                     bool
	depends, optional, provides []dependency
}

type dependency struct {
	name    string
	mod     alpm.DepMod
	version string
}

// satisfier is a package that is listed under its own name, or under a name that it provides.
type satisfier struct {
	pkgIndex int
	version  string
	// unversioned is set for a provision without "=". Such a provision does not satisfy a dependency on a version.
	unversioned bool
}

// computeRequirements returns how strongly each installed package is required by the installed packages, including the
// package itself. It computes what libalpm's compute_requiredby and compute_optionalfor return. It does not call
// these two functions, because go-alpm's bindings of them use memory after freeing it.
func computeRequirements(pkgs []localPackage) []alpmproto.NeedLevel {
	byName := make(map[string][]satisfier, 2*len(pkgs))
	for i := range pkgs {
		p := &pkgs[i]
		byName[p.name] = append(byName[p.name], satisfier{pkgIndex: i, version: p.version})
		for _, v := range p.provides {
			byName[v.name] = append(byName[v.name], satisfier{pkgIndex: i, version: v.version, unversioned: v.mod != alpm.DepModEq})
		}
	}
	all := make([]alpmproto.NeedLevel, len(pkgs))
	mark := func(deps []dependency, r alpmproto.NeedLevel) {
		for _, d := range deps {
			for _, s := range byName[d.name] {
				if all[s.pkgIndex] < r && d.isVersionMetBy(s) {
					all[s.pkgIndex] = r
				}
			}
		}
	}
	for i := range pkgs {
		mark(pkgs[i].depends, alpmproto.StrictlyRequired)
		mark(pkgs[i].optional, alpmproto.OptionallyRequired)
	}
	return all
}

// isVersionMetBy reports whether the version of s satisfies the dependency d. It does not compare names: s has the
// name of d.
func (d dependency) isVersionMetBy(s satisfier) bool {
	if d.mod == alpm.DepModAny {
		return true
	}
	if s.unversioned {
		return false
	}
	order := alpm.VerCmp(s.version, d.version)
	switch d.mod {
	case alpm.DepModEq:
		return order == 0
	case alpm.DepModGE:
		return order >= 0
	case alpm.DepModLE:
		return order <= 0
	case alpm.DepModGT:
		return order > 0
	default:
		return order < 0
	}
}
