package runtimes

import (
	"strings"

	"golang.org/x/sys/unix"
)

// listing maps the names in a directory to their kinds, unix.DT_….
type listing map[string]byte

// absentEntry is the result of listing.kind for a name that the directory does not contain.
const absentEntry = 0xff

// listedKind returns the kind of the file at a path from the listings of directories that were read before, which saves a
// system call. It returns unix.DT_UNKNOWN if no listing covers the path. The path must not contain "..".
func (p *Prober) listedKind(path string) byte {
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return unix.DT_UNKNOWN
	}
	if all, known := p.listings[path[:max(i, 1)]]; known {
		return all.kind(path[i+1:])
	}
	// Most managers' directories are below the home directory.
	if home := p.env.Home; p.homeListing != nil && len(path) > len(home) && path[:len(home)] == home && path[len(home)] == '/' {
		name, _, _ := strings.Cut(path[len(home)+1:], "/")
		if p.homeListing.kind(name) == absentEntry {
			return absentEntry
		}
	}
	return unix.DT_UNKNOWN
}

// kind returns the kind of the file called name, or absentEntry if the directory does not contain this name.
func (l listing) kind(name string) byte {
	if kind, there := l[name]; there {
		return kind
	}
	return absentEntry
}

// storeListing stores the listing of a directory.
func (p *Prober) storeListing(dir string, all listing) {
	p.listings[dir] = all
	if dir == p.env.Home {
		p.homeListing = all
	}
}
