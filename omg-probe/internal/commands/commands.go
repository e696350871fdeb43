// Package commands finds the packages that bring a command, for a shell that has not found it. It maps the lists of commands
// in omg's files indexes. What it returns is safe to show in a terminal and to copy into a command line: names with other
// characters than those of packages and usual commands are left out.
package commands

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/omg-arch/omg/shared/commandindex"
	"github.com/omg-arch/omg/shared/paths"
)

// MaxNameLen is the maximum length of a command in bytes. No file system has longer names.
const MaxNameLen = 255

const (
	maxClose     = 5  // close names in an answer
	maxCloseRead = 20 // close names that are read from one index
	maxOwners    = 20 // packages in an answer, for one command

	// maxOwnersRead is the number of packages that are read from one index, where a package is there once for each directory.
	maxOwnersRead = maxOwners * len(commandindex.Dirs)
)

// Finder finds packages in the files indexes of one omgd.
type Finder struct {
	Env paths.Env
	// DataDirs are omg's data directories. Only the first one with an index is used: those of two daemons may be of two systems.
	DataDirs []string
}

// Owner is a package that brings a command.
type Owner struct {
	Repository, Package string
	Path                string // of the command, with the leading slash
	// Installed reports whether the file at Path exists and can be run.
	Installed bool
}

// CloseName is a command with a similar name, and the packages that bring it.
type CloseName struct {
	Name   string
	Owners []Owner
}

// Answer is what the indexes have about a command: the packages that bring it or, if there are none, the commands whose names
// are similar, the most similar first. Owners have the order of their repositories in pacman.conf. A package that several
// repositories have is only there once.
type Answer struct {
	Owners []Owner
	Close  []CloseName
	// AsOf is the modification time of the newest of the databases from which the indexes were built, in Unix seconds.
	AsOf int64
}

// Find returns what the indexes have about a command. Indexes that are missing, damaged, of another version or not trusted are
// left out.
func (f Finder) Find(name string) (a Answer) {
	if !isHarmless(name) {
		return a
	}
	repositories := f.openIndexes()
	for _, r := range repositories {
		defer r.index.Close()
		a.AsOf = max(a.AsOf, r.index.Info().AsOf)
	}
	for _, r := range repositories {
		if owners, err := r.index.Find(name, maxOwnersRead); err == nil {
			a.Owners = f.appendOwners(a.Owners, r, owners)
		}
	}
	if len(a.Owners) == 0 {
		a.Close = f.findClose(repositories, name)
	}
	return a
}

// findClose returns the commands whose names are closest to a name.
func (f Finder) findClose(repositories []repository, name string) []CloseName {
	type candidate struct {
		CloseName
		distance int
	}
	var all []candidate
	for _, r := range repositories {
		found, err := r.index.FindClose(name, maxCloseRead)
		if err != nil {
			continue
		}
		for _, one := range found {
			if !isHarmless(one.Name) {
				continue
			}
			at := slices.IndexFunc(all, func(c candidate) bool { return c.Name == one.Name })
			if at < 0 {
				at = len(all)
				all = append(all, candidate{CloseName{Name: one.Name}, one.Distance})
			}
			all[at].Owners = f.appendOwners(all[at].Owners, r, one.Owners)
		}
	}
	all = slices.DeleteFunc(all, func(c candidate) bool { return len(c.Owners) == 0 })
	// Of equally close names, one that can be run is probably meant.
	slices.SortStableFunc(all, func(x, y candidate) int {
		return cmp.Or(cmp.Compare(x.distance, y.distance), -compareBool(x.isInstalled(), y.isInstalled()),
			cmp.Compare(len(x.Name), len(y.Name)), strings.Compare(x.Name, y.Name))
	})
	var names []CloseName
	for _, c := range all[:min(len(all), maxClose)] {
		names = append(names, c.CloseName)
	}
	return names
}

func (c CloseName) isInstalled() bool { return firstInstalled(c.Owners) != nil }

// firstInstalled returns the first owner whose command can be run, or nil.
func firstInstalled(owners []Owner) *Owner {
	if i := slices.IndexFunc(owners, func(o Owner) bool { return o.Installed }); i >= 0 {
		return &owners[i]
	}
	return nil
}

func compareBool(x, y bool) int {
	switch {
	case x == y:
		return 0
	case x:
		return 1
	}
	return -1
}

// appendOwners appends the packages of a repository to owners.
func (f Finder) appendOwners(owners []Owner, r repository, more []commandindex.Owner) []Owner {
	for _, one := range more {
		known := slices.ContainsFunc(owners, func(o Owner) bool { return o.Package == one.Package })
		if known || len(owners) == maxOwners || !isHarmless(one.Package) {
			continue
		}
		path := "/" + one.Path
		owners = append(owners, Owner{Repository: r.name, Package: one.Package, Path: path, Installed: f.canRun(path)})
	}
	return owners
}

// canRun reports whether the file at path is a program.
func (f Finder) canRun(path string) bool {
	fi, err := os.Stat(filepath.Join(f.Env.Root, path))
	return err == nil && fi.Mode().IsRegular() && fi.Mode()&0o111 != 0
}

// isHarmless reports whether a name has no meaning to a shell or a program other than its own: letters, digits and @._+:-,
// and - and : not at its beginning. These are the names that pacman accepts for packages, and of nearly all commands.
func isHarmless(name string) bool {
	if name == "" || len(name) > MaxNameLen || name[0] == '-' || name[0] == ':' || name == "." || name == ".." {
		return false
	}
	for i := range len(name) {
		c := name[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("@._+:-", c) >= 0) {
			return false
		}
	}
	return true
}
