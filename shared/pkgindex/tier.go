package pkgindex

import "bytes"

// Tier is how good a match is; lower is better. For several words, it is the worst of their tiers.
type Tier uint8

// The tiers.
const (
	TierExact    Tier = iota // the entire name
	TierProvides             // an entire provided name
	TierPrefix               // the start of the name
	TierWord                 // the start of a word in the name
	TierName                 // elsewhere in the name
	TierOther                // in a provides or a group
	TierDesc                 // in the description, or in a field that is not shown
	numTiers
)

// wordByte reports whether a byte of folded text belongs to a word. The bytes of letters outside ASCII do.
func wordByte(c byte) bool {
	return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c >= 0x80
}

// nameTier returns the tier of the best occurrence of word in name; i is the position of the first.
func nameTier(name, word []byte, i int) Tier {
	if i == 0 {
		if len(name) == len(word) {
			return TierExact
		}
		return TierPrefix
	}
	for {
		if !wordByte(name[i-1]) {
			return TierWord
		}
		next := bytes.Index(name[i+1:], word)
		if next < 0 {
			return TierName
		}
		i += 1 + next
	}
}
