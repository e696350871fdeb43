package posixre

import (
	"slices"
	"sort"
	"sync"
	"unicode"
)

// runeSet is a set of characters as a list of ranges, each the first and the last character. Except while a set is
// built, it is normal: the ranges are sorted and do not overlap.
type runeSet []rune

// normal sorts the ranges and joins those that overlap or are adjacent. It may modify s.
func (s runeSet) normal() runeSet {
	sort.Sort(rangesByStart(s))
	out := s[:0]
	for i := 0; i < len(s); i += 2 {
		if n := len(out); n > 0 && s[i] <= out[n-1]+1 {
			out[n-1] = max(out[n-1], s[i+1])
		} else {
			out = append(out, s[i], s[i+1])
		}
	}
	return out
}

type rangesByStart runeSet

func (s rangesByStart) Len() int           { return len(s) / 2 }
func (s rangesByStart) Less(i, j int) bool { return s[2*i] < s[2*j] }
func (s rangesByStart) Swap(i, j int) {
	s[2*i], s[2*j] = s[2*j], s[2*i]
	s[2*i+1], s[2*j+1] = s[2*j+1], s[2*i+1]
}

// negate returns the characters that are not in s. The ranges of s must be sorted and must not overlap.
func (s runeSet) negate() runeSet {
	out := make(runeSet, 0, len(s)+2)
	next := rune(0)
	for i := 0; i < len(s); i += 2 {
		if s[i] > next {
			out = append(out, next, s[i]-1)
		}
		next = s[i+1] + 1
	}
	if next <= unicode.MaxRune {
		out = append(out, next, unicode.MaxRune)
	}
	return out
}

// has reports whether s contains r. The ranges of s must be sorted and must not overlap.
func (s runeSet) has(r rune) bool {
	i := sort.Search(len(s)/2, func(i int) bool { return s[2*i+1] >= r })
	return 2*i < len(s) && s[2*i] <= r
}

// casedChars returns, in order, every character that differs from another character only in case.
var casedChars = sync.OnceValue(func() []rune {
	var out []rune
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if unicode.SimpleFold(r) != r || unicode.ToUpper(r) != r {
			out = append(out, r)
		}
	}
	return out
})

// addFolds adds r and the characters that differ from it only in case.
func (s runeSet) addFolds(r rune) runeSet {
	s = append(s, r, r)
	for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
		s = append(s, f, f)
	}
	return s
}

// addRange adds the characters whose upper case is in the range from lo to hi. As text is compared in upper case, a
// lower-case letter in the range matches nothing.
func (s runeSet) addRange(lo, hi rune) runeSet {
	letter := func(r rune) {
		if unicode.ToUpper(r) == r {
			s = s.addFolds(r)
		}
	}
	// For a short range, testing each character is faster than a search in the table of cased characters.
	if hi-lo < 256 {
		for r := lo; r <= hi; r++ {
			letter(r)
		}
		return s
	}
	all := casedChars()
	at, _ := slices.BinarySearch(all, lo)
	for ; at < len(all) && all[at] <= hi; at++ {
		if all[at] > lo {
			s = append(s, lo, all[at]-1)
		}
		letter(all[at])
		lo = all[at] + 1
	}
	if lo <= hi {
		s = append(s, lo, hi)
	}
	return s
}

// classes holds the character classes of glibc's locale C.UTF-8 when case is ignored; each class is closed under case
// folding. They follow the rules by which glibc makes its tables from Unicode's: letters of any kind and digits outside
// ASCII are alphabetic, and no-break spaces are punctuation.
var classes = map[string]func() runeSet{
	"alpha":  alphaSet,
	"lower":  alphaSet,
	"upper":  alphaSet,
	"alnum":  sync.OnceValue(func() runeSet { return unionSets(alphaSet(), runeSet{'0', '9'}) }),
	"digit":  func() runeSet { return runeSet{'0', '9'} },
	"xdigit": func() runeSet { return runeSet{'0', '9', 'A', 'F', 'a', 'f'} },
	"blank":  blankSet,
	"space":  spaceSet,
	"cntrl":  cntrlSet,
	"print":  printableSet,
	"graph":  graphSet,
	"punct": sync.OnceValue(func() runeSet {
		return minus(graphSet(), unionSets(alphaSet(), runeSet{'0', '9'}))
	}),
}

var wordSet = sync.OnceValue(func() runeSet { return unionSets(alphaSet(), runeSet{'0', '9', '_', '_'}) })

var (
	alphaSet = sync.OnceValue(func() runeSet {
		return minus(runeSetOfTables(unicode.L, unicode.Nl, unicode.Other_Alphabetic, unicode.Nd), runeSet{'0', '9'})
	})
	blankSet = sync.OnceValue(func() runeSet {
		return unionSets(minus(runeSetOfTables(unicode.Zs), noBreakSpaces), runeSet{'\t', '\t'})
	})
	spaceSet = sync.OnceValue(func() runeSet {
		return unionSets(minus(runeSetOfTables(unicode.Z), noBreakSpaces), runeSet{'\t', '\r'})
	})
	cntrlSet     = sync.OnceValue(func() runeSet { return unionSets(runeSetOfTables(unicode.Cc, unicode.Zl, unicode.Zp)) })
	printableSet = sync.OnceValue(func() runeSet {
		assigned := runeSetOfTables(unicode.L, unicode.M, unicode.N, unicode.P, unicode.S, unicode.Z, unicode.Cf, unicode.Co)
		return minus(assigned, runeSetOfTables(unicode.Zl, unicode.Zp))
	})
	graphSet = sync.OnceValue(func() runeSet { return minus(printableSet(), spaceSet()) })
)

// noBreakSpaces are the no-break spaces.
var noBreakSpaces = runeSet{0xA0, 0xA0, 0x2007, 0x2007, 0x202F, 0x202F}

func unionSets(sets ...runeSet) runeSet { return runeSet(slices.Concat(sets...)).normal() }

func minus(a, b runeSet) runeSet { return unionSets(a.negate(), b).negate() }

func runeSetOfTables(tables ...*unicode.RangeTable) runeSet {
	var s runeSet
	add := func(lo, hi, stride rune) {
		if stride == 1 {
			s = append(s, lo, hi)
			return
		}
		for r := lo; r <= hi; r += stride {
			s = append(s, r, r)
		}
	}
	for _, t := range tables {
		for _, r := range t.R16 {
			add(rune(r.Lo), rune(r.Hi), rune(r.Stride))
		}
		for _, r := range t.R32 {
			add(rune(r.Lo), rune(r.Hi), rune(r.Stride))
		}
	}
	return s.normal()
}
