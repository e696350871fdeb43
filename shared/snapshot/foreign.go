package snapshot

import (
	"slices"
	"strings"

	"github.com/omg-arch/omg/shared/pacmandb"
	"github.com/omg-arch/omg/shared/wire"
)

// foreignComparison holds the installed packages that are in no repository, and how they compare with the AUR's data.
type foreignComparison struct {
	packages []wire.ForeignPackage // sorted by name
	aurKnown bool                  // whether any data of the AUR was available for the comparison
}

// compareForeign compares the foreign packages with the AUR's data. It uses the AUR's replies about these packages if the
// replies are newer than the index of the AUR's dump, and otherwise the index.
func (s *Snapshot) compareForeign() (*foreignComparison, error) {
	c, err := s.comparison()
	if c == nil || err != nil {
		return nil, err
	}
	replies := s.inputs.AURReplies
	if replies != nil && s.HasAUR() && replies.RepliedAt.Unix() < s.inputs.AUR.Index.IndexInfo().BuiltAt {
		replies = nil
	}
	f := &foreignComparison{aurKnown: s.HasAUR() || replies != nil, packages: []wire.ForeignPackage{}}
	for _, p := range c.foreign {
		u := wire.ForeignPackage{
			Name: p.Name, Installed: p.Version, State: wire.ForeignUnknown, AURFindings: s.inputs.AURFindings.mark(p.Name), Ignored: s.inputs.PacmanConfig != nil && pacmandb.IsIgnored(s.inputs.PacmanConfig, p),
		}
		aurPackage, gone, err := s.findAURPackage(replies, p.Name)
		if err != nil {
			return nil, err
		}
		if gone {
			u.State = wire.ForeignGone
		} else if aurPackage != nil {
			u.State, u.AURVersion = foreignState(p.Name, p.Version, aurPackage.Version), aurPackage.Version
			if aurPackage.AUR != nil {
				u.OutOfDate, u.Orphan = aurPackage.AUR.OutOfDate, aurPackage.AUR.Maintainer == ""
			}
		}
		f.packages = append(f.packages, u)
	}
	return f, nil
}

// findAURPackage returns the AUR's package with a name, or nil if omg's data does not have the package. If gone is true, the AUR
// replied that it does not have the package.
func (s *Snapshot) findAURPackage(replies *AURReplies, name string) (p *wire.Package, gone bool, err error) {
	if replies != nil {
		if _, asked := slices.BinarySearch(replies.QueriedNames, name); asked {
			p = replies.Packages[name]
			return p, p == nil, nil
		}
	}
	hits, err := s.comparedFileSet.LookupAUR(name)
	if err != nil || len(hits) == 0 {
		return nil, false, err
	}
	found, err := s.comparedFileSet.ReadPackage(hits[0])
	return &found, false, err
}

// vcsSuffixes are the suffixes of packages that are built from the latest sources. Their version is only known after a
// build, so the AUR's version does not show whether an update exists.
var vcsSuffixes = []string{"-git", "-svn", "-hg", "-bzr", "-cvs", "-darcs", "-fossil", "-nightly"}

// IsVCSName reports whether the name of a package says that it is built from the latest sources.
func IsVCSName(name string) bool {
	return slices.ContainsFunc(vcsSuffixes, func(suffix string) bool { return strings.HasSuffix(name, suffix) })
}

// foreignState returns the state of an installed package, given its installed version and its version in the AUR.
func foreignState(name, installed, version string) string {
	if IsVCSName(name) {
		return wire.ForeignVCS
	}
	switch order := pacmandb.Compare(version, installed); {
	case order > 0:
		return wire.ForeignUpdate
	case order < 0:
		return wire.ForeignInstalledNewer
	}
	return wire.ForeignCurrent
}

// addCounts sets the counts of the AUR in c. Without data of the AUR, these counts stay nil, which means unknown.
func (f *foreignComparison) addCounts(c *wire.Counts) {
	if f == nil || !f.aurKnown {
		return
	}
	updates, n := uint32(0), wire.AURCounts{}
	for _, p := range f.packages {
		switch p.State {
		case wire.ForeignUpdate:
			if p.Ignored {
				n.Ignored++
			} else {
				updates++
			}
		case wire.ForeignInstalledNewer:
			n.InstalledNewer++
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
