package answers

import (
	"slices"
	"strings"
	"time"

	"github.com/omg-arch/omg/shared/inventory"
	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/wire"
)

// Asked is what the AUR said when it was asked for packages by name.
type Asked struct {
	At time.Time
	// Names are those that it was asked for, sorted. One that is not among Packages
	// is not in the AUR.
	Names    []string
	Packages map[string]*wire.Package
}

// Foreign is how the installed packages that no repository has compare with the
// AUR.
type Foreign struct {
	// Packages are in order of name.
	Packages []wire.ForeignPackage
	// Known says that there is something of the AUR to compare with.
	Known bool
}

// CompareForeign compares the foreign packages of an inventory with the AUR: with
// what a set has of it, which was built at that time (Unix seconds), or with what it
// said when it was asked later; asked is nil if it was not.
func CompareForeign(inv *inventory.Inventory, config *pacmandb.Config, set *pkgindex.Set, built int64, asked *Asked) (*Foreign, error) {
	known := set.HasRepo(wire.SourceAUR)
	f := &Foreign{Known: known || asked != nil, Packages: []wire.ForeignPackage{}}
	for _, p := range inv.Foreign {
		u := wire.ForeignPackage{
			Name: p.Name, Installed: p.Version, State: wire.ForeignUnknown, Ignored: pacmandb.Ignored(config, p),
		}
		var there *wire.Package
		if asked != nil && (!known || asked.At.Unix() >= built) {
			if _, ok := slices.BinarySearch(asked.Names, p.Name); ok {
				if there = asked.Packages[p.Name]; there == nil {
					u.State = wire.ForeignGone
				}
			}
		}
		if there == nil && u.State != wire.ForeignGone {
			hits, err := set.Lookup(wire.SourceAUR, p.Name)
			if err != nil {
				return nil, err
			}
			if len(hits) > 0 {
				found, err := set.Package(hits[0])
				if err != nil {
					return nil, err
				}
				there = &found
			}
		}
		if there != nil {
			u.State = compareVersions(p.Name, p.Version, there.Version)
			u.Version = there.Version
			if there.AUR != nil {
				u.OutOfDate, u.Orphan = there.AUR.OutOfDate, there.AUR.Maintainer == ""
			}
		}
		f.Packages = append(f.Packages, u)
	}
	return f, nil
}

// vcsSuffixes end the names of packages whose version is made when they are built:
// the AUR's says nothing of what there is now.
var vcsSuffixes = []string{"-git", "-svn", "-hg", "-bzr", "-nightly"}

// compareVersions is the state of a package of which the AUR has this version.
func compareVersions(name, installed, version string) string {
	if slices.ContainsFunc(vcsSuffixes, func(s string) bool { return strings.HasSuffix(name, s) }) {
		return wire.ForeignVCS
	}
	switch order := pacmandb.Compare(version, installed); {
	case order > 0:
		return wire.ForeignUpdate
	case order < 0:
		return wire.ForeignNewer
	}
	return wire.ForeignCurrent
}

// count adds the numbers to counts. They are not known while the AUR is not.
func (f *Foreign) count(c *wire.Counts) {
	if f == nil || !f.Known {
		return
	}
	updates, n := uint32(0), wire.AURCounts{}
	for _, p := range f.Packages {
		switch p.State {
		case wire.ForeignUpdate:
			if p.Ignored {
				n.Ignored++
			} else {
				updates++
			}
		case wire.ForeignNewer:
			n.Newer++
		case wire.ForeignVCS:
			n.VCS++
		case wire.ForeignGone:
			n.Gone++
		case wire.ForeignUnknown:
			n.Unknown++
		}
		if p.OutOfDate != 0 {
			n.OutOfDate++
		}
		if p.Orphan {
			n.Orphaned++
		}
	}
	c.AURUpdates, c.AUR = &updates, &n
}
