package runtimes

import (
	"strings"

	"golang.org/x/sys/unix"
)

// listing maps the names in a directory to their kinds, unix.DT_….
type listing map[string]byte

// absentEntryKind is the result of listing.entryKind for a name that the directory does not contain.
const absentEntryKind = 0xff

// listedFileType returns the kind of the file at a path from the listings of directories that were read before, which saves a
// system call. It returns unix.DT_UNKNOWN if no listing covers the path. The path must not contain "..".
func (p *Prober) listedFileType(path string) byte {
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return unix.DT_UNKNOWN
	}
	if all, known := p.listings[path[:max(i, 1)]]; known {
		return all.entryKind(path[i+1:])
	}
	// Most managers' directories are below the home directory.
	if home := p.env.Home; p.homeListing != nil && len(path) > len(home) && path[:len(home)] == home && path[len(home)] == '/' {
		name, _, _ := strings.Cut(path[len(home)+1:], "/")
		if p.homeListing.entryKind(name) == absentEntryKind {
			return absentEntryKind
		}
	}
	return unix.DT_UNKNOWN
}

// entryKind returns the kind of the file called name, or absentEntryKind if the directory does not contain this name.
func (l listing) entryKind(name string) byte {
	if kind, there := l[name]; there {
		return kind
	}
	return absentEntryKind
}

// cacheListing stores the listing of a directory.
func (p *Prober) cacheListing(dir string, all listing) {
	p.listings[dir] = all
	if dir == p.env.Home {
		p.homeListing = all
	}
}
