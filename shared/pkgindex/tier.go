package pkgindex

import "bytes"

// Tier is the quality class of a match, and the first sort key of results: a lower tier is better. A package that
// matches several words has the worst of the words' tiers.
type Tier uint8

// The tiers. Each is the place in a package where the word was found.
const (
	TierExact           Tier = iota // the word equals the package's name
	TierProvides                    // the word equals a name that the package provides
	TierPrefix                      // the name starts with the word
	TierWordStart                   // a part of the name starts with the word, such as b in a-b
	TierNameContains                // the name contains the word, but no part of the name starts with it
	TierProvidesOrGroup             // a provided name or a group contains the word
	TierDesc                        // the word is in the description, or in a field that results do not show
	numTiers
)

// isWordByte reports whether a byte of folded text is part of a word: a letter, a digit, or any byte outside ASCII.
func isWordByte(c byte) bool {
	return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c >= 0x80
}

// nameTier compares the tiers of all occurrences of a word in a package name, and returns the best tier. The first
// occurrence is at name[i].
func nameTier(name, word []byte, i int) Tier {
	if i == 0 {
		if len(name) == len(word) {
			return TierExact
		}
		return TierPrefix
	}
	for {
		if !isWordByte(name[i-1]) {
			return TierWordStart
		}
		next := bytes.Index(name[i+1:], word)
		if next < 0 {
			return TierNameContains
		}
		i += 1 + next
	}
}
