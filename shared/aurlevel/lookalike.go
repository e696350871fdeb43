package aurlevel

import "strings"

// ReasonLookAlike: the popular package.
const ReasonLookAlike Reason = "look-alike"

// Limits of look-alikes.
const (
	// MinPopularVotes is the number of votes from which a package is popular, and voteRatio how many times as many votes as a
	// look-alike it has.
	MinPopularVotes = 100
	voteRatio       = 100
	// minStem is the number of letters from which a name can be a look-alike. Short names are often alike.
	minStem = 4
	// maxLookAlikeAge is the maximum age of a look-alike, in seconds. A package base that has existed for longer was seen by many users.
	maxLookAlikeAge = 90 * day
)

// Popular is a popular package of the AUR.
type Popular struct {
	Name, Base, Maintainer string
	Votes                  uint32
	SubmittedAt            int64 // in Unix seconds
}

// CanBeLookAlike reports whether a package is young enough for a look-alike.
func CanBeLookAlike(listing *Listing, now int64) bool {
	return listing != nil && listing.SubmittedAt >= now-maxLookAlikeAge
}

// FindLookAlike returns the finding that the name of a package differs by one edit from that of a popular package, which is older, has at least
// voteRatio times as many votes, and has another maintainer. The suffixes -bin and -git do not count. The result has no level if there
// is no such package; of several it is the one with the most votes.
func FindLookAlike(name, base string, listing *Listing, popular []Popular, now int64) Finding {
	f := Finding{}
	if !CanBeLookAlike(listing, now) || len(stemOf(name)) < minStem {
		return f
	}
	for i := range popular {
		p := &popular[i]
		switch {
		case p.Votes < MinPopularVotes, uint64(p.Votes) < voteRatio*uint64(listing.Votes), p.SubmittedAt >= listing.SubmittedAt:
		case p.Base == base, p.Maintainer != "" && p.Maintainer == listing.Maintainer:
		case f.LookAlikeOf != nil && f.LookAlikeOf.Votes >= p.Votes, !isLookAlike(name, p.Name):
		default:
			f = Finding{Level: LevelLook, Reason: ReasonLookAlike, LookAlikeOf: p, SubmittedAt: listing.SubmittedAt}
		}
	}
	return f
}

// isLookAlike reports whether a name differs by one edit from the name of a popular package, with or without the suffixes -bin and -git.
func isLookAlike(name, popular string) bool {
	stem, other := stemOf(name), stemOf(popular)
	return stem != other && (isOneEdit(stem, other) || isOneEdit(name, popular))
}

// stemOf returns a name without the suffixes -bin and -git, which name another build of the same program.
func stemOf(name string) string {
	return strings.TrimSuffix(strings.TrimSuffix(name, "-bin"), "-git")
}

// isOneEdit reports whether two names differ by one byte that was inserted, deleted or replaced, or by two neighbors that were exchanged. It
// returns false if only digits differ, as in php80 and php81: these are usually versions.
func isOneEdit(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	if len(b)-len(a) > 1 || a == b {
		return false
	}
	at := 0
	for at < len(a) && a[at] == b[at] {
		at++
	}
	switch {
	case len(a) < len(b):
		return a[at:] == b[at+1:] && !isDigit(b[at])
	case a[at+1:] == b[at+1:]:
		return !isDigit(a[at]) || !isDigit(b[at])
	}
	return at+1 < len(a) && a[at] == b[at+1] && a[at+1] == b[at] && a[at+2:] == b[at+2:] && !(isDigit(a[at]) && isDigit(b[at]))
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
