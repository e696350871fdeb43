package incidents

import (
	"slices"
	"time"

	"github.com/omg-arch/omg/shared/pacmandb"
)

// Package is a package that is compared with a list. Times are in Unix seconds; 0 if they are unknown.
type Package struct {
	// Base is the package base from which the package was built; empty if it is unknown.
	Name, Base string
	// Version is the installed version; empty if the package is not installed.
	Version                string
	BuildDate, InstallDate int64
}

// Kind is how a package matches an incident.
type Kind uint8

const (
	// KindInstalled: the installed package was built on one of the days on which a harmful build could be had, and has a harmful
	// version.
	KindInstalled Kind = 1
	// KindUnknownDate: the same could be true, but it is unknown when the installed package was built.
	KindUnknownDate Kind = 2
	// KindNow: a harmful build can be had today, and the installed package is not one, or is not installed.
	KindNow Kind = 3
)

// Match is an incident that a package matches.
type Match struct {
	Kind     Kind
	Incident *Incident
	List     *List
}

// Match returns the incidents of the list that a package matches, in the order of the list.
//
// The build date decides. An incident does not match a build from before its first day, a build from after its last day, or a package
// that was installed before its first day. A harmful build that is installed after the last day matches. If the build date is
// unknown, the package can only be excluded by its install date and its version; otherwise the result is KindUnknownDate, because
// neither "harmful" nor "harmless" is known.
func (l *List) Match(p *Package, now time.Time) (found []Match) {
	indexes := l.byName[p.Name]
	if p.Base != "" && p.Base != p.Name {
		indexes = slices.Concat(indexes, l.byName[p.Base])
		slices.Sort(indexes)
		indexes = slices.Compact(indexes)
	}
	for _, i := range indexes {
		if kind := l.Incidents[i].matches(p, now.Unix()); kind != 0 {
			found = append(found, Match{kind, &l.Incidents[i], l})
		}
	}
	return found
}

// matches returns how a package of one of the incident's names matches the incident; 0 if it does not.
func (i *Incident) matches(p *Package, now int64) Kind {
	if p.Version != "" && i.hasVersion(p.Version) && (p.InstallDate == 0 || p.InstallDate >= i.First.begin()) {
		switch {
		case p.BuildDate == 0:
			return KindUnknownDate
		case i.First.begin() <= p.BuildDate && p.BuildDate < i.Last.end():
			return KindInstalled
		}
	}
	if i.First.begin() <= now && now < i.Last.end() {
		return KindNow
	}
	return 0
}

// hasVersion reports whether a version is harmful. Versions are compared as pacman compares them.
func (i *Incident) hasVersion(version string) bool {
	if slices.ContainsFunc(i.Versions, func(v string) bool { return pacmandb.Compare(version, v) == 0 }) {
		return true
	}
	if i.FirstVersion == "" && i.LastVersion == "" {
		return len(i.Versions) == 0
	}
	return (i.FirstVersion == "" || pacmandb.Compare(version, i.FirstVersion) >= 0) &&
		(i.LastVersion == "" || pacmandb.Compare(version, i.LastVersion) <= 0)
}
