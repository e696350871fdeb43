package pacmandb

import "strings"

// globMatch reports whether the whole of s matches pattern as fnmatch(3) has
// it without flags, which is how pacman reads IgnorePkg and IgnoreGroup: '*'
// and '?' match a slash and a leading dot too, a backslash quotes, brackets
// hold a set with ranges and classes, negated by '!' or '^'. A bracket that
// is never closed stands for itself. Names of packages and groups are ASCII,
// so characters are bytes. Its time is bounded by the product of the lengths.
func globMatch(pattern, s string) bool {
	if !strings.ContainsAny(pattern, `*?[\`) {
		return pattern == s
	}
	// Of several stars only the last one passed needs to be retried.
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
		if rest, ok := globOne(pattern, s); ok {
			pattern, s = rest, s[1:]
			continue
		}
		if !starred || starAt == "" {
			return false
		}
		starAt = starAt[1:]
		pattern, s = star, starAt
	}
}

// globOne matches the first element of pattern, which is not a star, with the
// first byte of s and returns the rest of the pattern.
func globOne(pattern, s string) (rest string, ok bool) {
	if pattern == "" || s == "" {
		return "", false
	}
	switch pattern[0] {
	case '?':
		return pattern[1:], true
	case '[':
		if in, rest, closed := globSet(pattern[1:], s[0]); closed {
			return rest, in
		}
	case '\\':
		if len(pattern) == 1 {
			return "", false
		}
		pattern = pattern[1:]
	}
	return pattern[1:], pattern[0] == s[0]
}

// globSet matches c with the set that set begins with, after its '['.
func globSet(set string, c byte) (in bool, rest string, closed bool) {
	negated := set != "" && (set[0] == '!' || set[0] == '^')
	if negated {
		set = set[1:]
	}
	for first := true; set != ""; first = false {
		if set[0] == ']' && !first {
			return in != negated, set[1:], true
		}
		if strings.HasPrefix(set, "[:") {
			if name, after, ok := strings.Cut(set[2:], ":]"); ok {
				in = in || globClass(name, c)
				set = after
				continue
			}
		}
		var low, high byte
		low, set = globSetByte(set)
		high = low
		if len(set) > 1 && set[0] == '-' && set[1] != ']' {
			high, set = globSetByte(set[1:])
		}
		in = in || low <= c && c <= high
	}
	return false, "", false
}

func globSetByte(set string) (byte, string) {
	if set[0] == '\\' && len(set) > 1 {
		set = set[1:]
	}
	return set[0], set[1:]
}

// globClass reports whether c is in the class [:name:]; a class of another
// name is empty.
func globClass(name string, c byte) bool {
	lower, upper, digit := 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9'
	graph := '!' <= c && c <= '~'
	switch name {
	case "alnum":
		return lower || upper || digit
	case "alpha":
		return lower || upper
	case "blank":
		return c == ' ' || c == '\t'
	case "cntrl":
		return c < ' ' || c == 0x7f
	case "digit":
		return digit
	case "graph":
		return graph
	case "lower":
		return lower
	case "print":
		return graph || c == ' '
	case "punct":
		return graph && !lower && !upper && !digit
	case "space":
		return c == ' ' || '\t' <= c && c <= '\r'
	case "upper":
		return upper
	case "xdigit":
		return digit || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
	}
	return false
}
