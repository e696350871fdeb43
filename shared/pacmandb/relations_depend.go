package pacmandb

import "strings"

// Comparison is how a dependency compares versions.
type Comparison uint8

// The values of Comparison.
const (
	AnyVersion Comparison = iota // any version satisfies the dependency
	EqualTo
	AtLeast
	AtMost
	GreaterThan
	LessThan
)

// Depend is one entry of %DEPENDS%, %OPTDEPENDS%, %PROVIDES%, %CONFLICTS% or
// %REPLACES%, such as "glibc>=2.36" or "git: for the tests".
type Depend struct {
	Name       string
	Comparison Comparison
	Version    string
	// Desc is the description of an optional dependency, or empty.
	Desc string
}

// ParseDepend parses a dependency as libalpm does; every string is valid. The description starts after the first ": "
// (a colon without a space belongs to an epoch). In the text before the description, the comparison starts at the first
// '<'; if there is no '<', at the first '>'; if there is no '>' either, at the first '='.
func ParseDepend(s string) Depend {
	var d Depend
	s, d.Desc, _ = strings.Cut(s, ": ")
	at := strings.IndexByte(s, '<')
	if at < 0 {
		at = strings.IndexByte(s, '>')
	}
	if at < 0 {
		at = strings.IndexByte(s, '=')
	}
	if at < 0 {
		d.Name = s
		return d
	}
	d.Name, d.Version = s[:at], s[at+1:]
	orEqual := s[at] != '=' && strings.HasPrefix(d.Version, "=")
	if orEqual {
		d.Version = d.Version[1:]
	}
	switch {
	case s[at] == '=':
		d.Comparison = EqualTo
	case s[at] == '<' && orEqual:
		d.Comparison = AtMost
	case s[at] == '<':
		d.Comparison = LessThan
	case orEqual:
		d.Comparison = AtLeast
	default:
		d.Comparison = GreaterThan
	}
	return d
}

// Allows reports whether a version satisfies the dependency d.
func (d Depend) Allows(version string) bool {
	if d.Comparison == AnyVersion {
		return true
	}
	c := Compare(version, d.Version)
	switch d.Comparison {
	case EqualTo:
		return c == 0
	case AtLeast:
		return c >= 0
	case AtMost:
		return c <= 0
	case GreaterThan:
		return c > 0
	default:
		return c < 0
	}
}

// IsProvidedBy reports whether an entry of %PROVIDES% satisfies the dependency d.
func (d Depend) IsProvidedBy(provision string) bool { return d.isSatisfiedBy(ParseDepend(provision)) }

// isSatisfiedBy reports whether the provision p satisfies the dependency d. A dependency with a version is satisfied only
// by a provision with an exact version, such as "sh=5".
func (d Depend) isSatisfiedBy(p Depend) bool {
	if p.Name != d.Name {
		return false
	}
	return d.Comparison == AnyVersion || p.Comparison == EqualTo && d.Allows(p.Version)
}
