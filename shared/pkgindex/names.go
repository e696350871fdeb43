package pkgindex

import "strings"

// stripVersion returns the name from "name>=1.2", "name=1:2-3" or "name: why". The name ends where libalpm ends it.
func stripVersion(rel string) string {
	rel, _, _ = strings.Cut(rel, ": ")
	if i := strings.IndexAny(rel, "<>="); i >= 0 {
		return rel[:i]
	}
	return rel
}

// separatorBits are the bits of nameCharBits for characters that are neither letters nor digits.
const separatorBits = 3 << 30

// nameCharBits returns the set of characters in a name as bits: 26 bits for letters, 4 for digits, and 2 for all other
// characters. Two names at an edit distance of n differ in at most 2n bits, so that a search for similar names excludes
// nearly all names without reading their text.
func nameCharBits(name []byte) uint32 {
	var set uint32
	for _, c := range name {
		switch {
		case 'a' <= c && c <= 'z':
			set |= 1 << (c - 'a')
		case '0' <= c && c <= '9':
			set |= 1 << (26 + (c-'0')/3)
		case c == '-':
			set |= 1 << 30
		default:
			set |= 1 << 31
		}
	}
	return set
}
