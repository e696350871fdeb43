package pkgindex

import "bytes"

// Tier says how good a match is; less is better. The tier of several words is
// the worst of theirs.
type Tier uint8

// The tiers.
const (
	TierExact    Tier = iota // the name itself
	TierProvides             // a provides' name itself
	TierPrefix               // the start of the name
	TierWord                 // the start of a word in the name
	TierName                 // elsewhere in the name
	TierOther                // in a provides or a group
	TierDesc                 // in the description, or in what is not shown
	numTiers
)

// wordByte says whether a byte of folded text belongs to a word. Bytes of
// letters outside ASCII do.
func wordByte(c byte) bool {
	return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c >= 0x80
}

// nameTier is the tier of the best occurrence of word in name, of which the
// first is at i.
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
