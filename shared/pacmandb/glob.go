package pacmandb

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// globMatch reports whether the whole of s matches pattern, as fnmatch(3) does without flags in a UTF-8 locale. pacman
// matches IgnorePkg and IgnoreGroup in this way, and Include one path element at a time. The characters '*' and '?'
// also match a slash and a leading dot, and a backslash quotes the next character. Brackets contain a set of
// characters, ranges and classes, and a '!' or '^' at the start negates the set; a bracket that is not closed is an
// ordinary character. Like glibc, globMatch first compares UTF-8 characters and, if these do not match, bytes. Its time
// is at most proportional to the length of pattern times the length of s.
func globMatch(pattern, s string) bool {
	if !hasGlobMeta(pattern) {
		return pattern == s
	}
	return utf8.ValidString(pattern) && utf8.ValidString(s) && decodeCharFunc(utf8.DecodeRuneInString).matchGlob(pattern, s) ||
		decodeCharFunc(decodeFirstByte).matchGlob(pattern, s)
}

// MatchesPatterns reports whether s matches one of the patterns of a setting such as NoExtract. The last pattern that matches
// decides; a pattern after an exclamation mark excludes s.
func MatchesPatterns(patterns []string, s string) bool {
	for _, pattern := range slices.Backward(patterns) {
		pattern, inverted := strings.CutPrefix(pattern, "!")
		if !inverted {
			pattern = strings.TrimPrefix(pattern, `\`)
		}
		if globMatch(pattern, s) {
			return !inverted
		}
	}
	return false
}

// decodeCharFunc decodes the first character of a pattern or a name, either as a UTF-8 character or as a byte.
type decodeCharFunc func(s string) (c rune, size int)

// decodeFirstByte decodes the first byte of s as a character; a byte outside ASCII belongs to no class.
func decodeFirstByte(s string) (rune, int) {
	if s[0] < utf8.RuneSelf {
		return rune(s[0]), 1
	}
	return utf8.MaxRune + 1 + rune(s[0]), 1
}

func (decode decodeCharFunc) matchGlob(pattern, s string) bool {
	// If a later part of the pattern does not match, only the last star that was passed needs to match more characters.
	star, starAt := "", ""
	starred := false
	for {
		if strings.HasPrefix(pattern, "*") {
			pattern = pattern[1:]
			star, starAt, starred = pattern, s, true
			continue
		}
		if s == "" && pattern == "" {
			return true
		}
		if rest, size, ok := decode.matchPatternElement(pattern, s); ok {
			pattern, s = rest, s[size:]
			continue
		}
		if !starred || starAt == "" {
			return false
		}
		_, size := decode(starAt)
		starAt = starAt[size:]
		pattern, s = star, starAt
	}
}

// hasGlobMeta reports whether a pattern can match any text other than the pattern itself.
func hasGlobMeta(pattern string) bool { return strings.ContainsAny(pattern, specialInPattern) }

const specialInPattern = `*?[\`

// matchPatternElement matches the first element of pattern, which must not be a star, with the first character of s. It
// returns the remaining pattern and the length of the character.
func (decode decodeCharFunc) matchPatternElement(pattern, s string) (rest string, size int, ok bool) {
	if pattern == "" || s == "" {
		return "", 0, false
	}
	c, size := decode(s)
	switch pattern[0] {
	case '?':
		return pattern[1:], size, true
	case '[':
		if in, rest, closed := decode.matchSet(pattern[1:], c); closed {
			return rest, size, in
		}
	case '\\':
		if len(pattern) == 1 {
			return "", 0, false
		}
		pattern = pattern[1:]
	}
	want, length := decode(pattern)
	return pattern[length:], size, want == c
}

// matchSet parses a set of characters such as [a-z]. The parameter pattern starts after the '['. It returns whether the set
// contains the character c, the pattern after the ']' (rest), and whether there is a ']' (closed).
func (decode decodeCharFunc) matchSet(pattern string, c rune) (in bool, rest string, closed bool) {
	negated := pattern != "" && (pattern[0] == '!' || pattern[0] == '^')
	if negated {
		pattern = pattern[1:]
	}
	for begin := true; pattern != ""; begin = false {
		if pattern[0] == ']' && !begin {
			return in != negated, pattern[1:], true
		}
		if strings.HasPrefix(pattern, "[:") {
			if name, after, ok := strings.Cut(pattern[2:], ":]"); ok {
				in = in || inGlobClass(name, c)
				pattern = after
				continue
			}
		}
		var low, high rune
		low, pattern = decode.decodeSetRune(pattern)
		high = low
		if len(pattern) > 1 && pattern[0] == '-' && pattern[1] != ']' {
			high, pattern = decode.decodeSetRune(pattern[1:])
		}
		in = in || low <= c && c <= high
	}
	return false, "", false
}

// decodeSetRune decodes one character of a set, which is written as the character itself, after a backslash, or as [=c=] or
// [.c.]. It returns the character and the remaining pattern.
func (decode decodeCharFunc) decodeSetRune(set string) (rune, string) {
	for _, mark := range []string{"=", "."} {
		if inner, ok := strings.CutPrefix(set, "["+mark); ok {
			if inner == "" {
				continue
			}
			c, size := decode(inner)
			if rest, ok := strings.CutPrefix(inner[size:], mark+"]"); ok {
				return c, rest
			}
		}
	}
	if set[0] == '\\' && len(set) > 1 {
		set = set[1:]
	}
	c, size := decode(set)
	return c, set[size:]
}

// globClasses maps the name of a character class to the function that reports whether a character is in the class. A
// class of any other name is empty.
var globClasses = map[string]func(rune) bool{
	"alnum":  func(c rune) bool { return unicode.IsLetter(c) || unicode.IsDigit(c) },
	"alpha":  unicode.IsLetter,
	"blank":  func(c rune) bool { return c == ' ' || c == '\t' },
	"cntrl":  unicode.IsControl,
	"digit":  func(c rune) bool { return '0' <= c && c <= '9' },
	"graph":  func(c rune) bool { return unicode.IsGraphic(c) && !unicode.IsSpace(c) },
	"lower":  unicode.IsLower,
	"print":  unicode.IsPrint,
	"punct":  func(c rune) bool { return unicode.IsPunct(c) || unicode.IsSymbol(c) },
	"space":  unicode.IsSpace,
	"upper":  unicode.IsUpper,
	"xdigit": func(c rune) bool { return unicode.Is(unicode.ASCII_Hex_Digit, c) },
}

func inGlobClass(name string, c rune) bool {
	in := globClasses[name]
	return in != nil && in(c)
}
