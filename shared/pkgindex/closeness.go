package pkgindex

import (
	"bytes"

	"github.com/omg-arch/omg/shared/similar"
)

// quality says how good the match of a package is. A smaller tier is better, and in the same tier a larger closeness.
type quality struct {
	tier      Tier
	closeness int  // from 0 to maxCloseness
	isKind    bool // the package ranks in this tier because of its description, see namesKind
}

const maxCloseness = 255

// What the closeness of a match consists of. docs/search-quality.md says how the numbers were chosen.
const (
	closenessPerNameByte = -5  // for each byte of the name that the words leave over
	closenessInWord      = -90 // the name goes on after the word without a separator, as vimix does after vim

	closenessKind = 187 // the description says that the package is what the words say, see namesKind

	// The following are for each word, and the closeness is their mean.
	closenessName      = 60 // the word is in the name
	closenessWordStart = 20 // a word begins with it
	closenessWholeWord = 40 // it is a whole word
	closenessHead      = 60 // it is in the head of the description
	closenessHeadEnd   = 60 // the head ends with it
	closenessNext      = 40 // it follows the previous word of the query
)

// score combines a match and the package's rank into a number below 1<<scoreBits. A larger one is better.
func score(q quality, r docRank) int { return (q.closeness + int(r.prominence)) << (scoreBits - 9) }

// scoreBits is the number of bits of a score. Closeness and prominence together need 9 bits.
const scoreBits = 16

func limitCloseness(n int) int { return min(max(n, 0), maxCloseness) }

// wordPlace is where a word of a query was found in a package's text.
type wordPlace struct {
	tier       Tier
	nameLen    int // the number of bytes of the name that an expression matches
	descOffset int // where the word begins in the description, if it was found there; otherwise -1
}

// nameCloseness returns the closeness of a match in a name of nameLen bytes. The words have wordsLen bytes together. If the name begins
// with a single word, next is the byte after it.
func nameCloseness(nameLen, wordsLen int, next byte, r docRank) int {
	n := maxCloseness + closenessPerNameByte*max(0, nameLen-wordsLen)
	isVersion := next >= '0' && next <= '9' && !r.isPart() // gcc12 is a gcc, but lib32-zlib is not a lib
	if isWordByte(next) && !isVersion {
		n += closenessInWord
	}
	return limitCloseness(n)
}

// descCloseness returns the closeness of a match that is not only in the name, from the words and where they were found.
func descCloseness(terms []matcherTerm, places []wordPlace, desc []byte, headLen int) int {
	sum := 0
	for i := range terms {
		p := &places[i]
		start, end := p.descOffset, p.descOffset+len(terms[i].word)
		if start < 0 {
			sum += closenessName
			if p.tier <= TierWordStart {
				sum += closenessWordStart + closenessWholeWord
			}
			continue
		}
		if start == 0 || !isWordByte(desc[start-1]) {
			sum += closenessWordStart
			if isWordEnd(desc, end) {
				sum += closenessWholeWord
			}
		}
		if end <= headLen {
			sum += closenessHead
			if end >= headLen-1 { // a plural has one letter more
				sum += closenessHeadEnd
			}
		}
		if i > 0 && places[i-1].descOffset >= 0 && places[i-1].descOffset+len(terms[i-1].word)+1 == start {
			sum += closenessNext
		}
	}
	return limitCloseness(sum / len(terms))
}

// isWordEnd reports whether a word of a text, or its plural, ends at a position.
func isWordEnd(text []byte, end int) bool {
	if end < len(text) && text[end] == 's' {
		end++
	}
	return end == len(text) || !isWordByte(text[end])
}

// namesKind reports whether the head of a description ends with the words, in the singular or plural: the package is what they say.
func namesKind(terms []matcherTerm, head []byte) bool {
	return endsWithWords(terms, head) || bytes.HasSuffix(head, []byte("s")) && endsWithWords(terms, head[:len(head)-1])
}

func endsWithWords(terms []matcherTerm, head []byte) bool {
	for i := len(terms) - 1; i >= 0; i-- {
		t := &terms[i]
		if t.expr != nil || t.field != fieldAny && t.field != fieldDesc || len(t.word) == 0 || !bytes.HasSuffix(head, t.word) {
			return false
		}
		head = head[:len(head)-len(t.word)]
		if len(head) == 0 {
			return i == 0
		}
		if isWordByte(head[len(head)-1]) {
			return false
		}
		head = head[:len(head)-1]
	}
	return true
}

// areJoined reports whether a name contains the words one after the other, with a separator or nothing between them.
func areJoined(terms []matcherTerm, name []byte) bool {
	first := terms[0].word
	for at := 0; ; at++ {
		i := bytes.Index(name[at:], first)
		if i < 0 {
			return false
		}
		if at += i; followEachOther(terms[1:], name[at+len(first):]) {
			return true
		}
		if at == len(name) {
			return false
		}
	}
}

// followEachOther reports whether a text begins with the words, each after a separator or nothing.
func followEachOther(terms []matcherTerm, text []byte) bool {
	for _, t := range terms {
		if !bytes.HasPrefix(text, t.word) && len(text) > 0 && similar.IsSeparator(text[0]) {
			text = text[1:]
		}
		if !bytes.HasPrefix(text, t.word) {
			return false
		}
		text = text[len(t.word):]
	}
	return true
}

// descOffset returns the offset in the description of n bytes at a place in a package's whole text, or -1 if they are not in the
// description. In a damaged file, they may go beyond it.
func descOffset(text docText, i, n int) int {
	start := len(text.all) - 1 - len(text.desc)
	if i < start || i+n > start+len(text.desc) {
		return -1
	}
	return i - start
}
