package pacmandb

import "strings"

// Compare compares two versions as pacman does (alpm_pkg_vercmp). It returns -1 if a is older than b, 0 if they are the
// same, and 1 if a is newer than b.
//
// A version has the form [epoch:]version[-release]; the default epoch is 0. The parts are compared in this order, and
// the releases only if both versions have one. So "1" equals "1-1" and "1-2", which differ from each other: Compare is
// not an order if only some of the versions have a release. It is not an order either if parts begin or end with
// separators ("1a1" < "1a.b" < "1a." < "1a1"); real versions have no such parts. All this is as in pacman.
func Compare(a, b string) int {
	if a == b {
		return 0
	}
	epochA, versionA, releaseA, hasA := splitVersion(a)
	epochB, versionB, releaseB, hasB := splitVersion(b)
	if c := compareParts(epochA, epochB); c != 0 {
		return c
	}
	if c := compareParts(versionA, versionB); c != 0 || !hasA || !hasB {
		return c
	}
	return compareParts(releaseA, releaseB)
}

// splitVersion splits a version into its parts. The epoch is the digits before a colon, and the release is the text
// after the last hyphen.
func splitVersion(s string) (epoch, version, release string, hasRelease bool) {
	epoch, version = "0", s
	digits := 0
	for digits < len(s) && isDigit(s[digits]) {
		digits++
	}
	if digits < len(s) && s[digits] == ':' {
		if digits > 0 {
			epoch = s[:digits]
		}
		version = s[digits+1:]
	}
	if i := strings.LastIndexByte(version, '-'); i >= 0 {
		return epoch, version[:i], version[i+1:], true
	}
	return epoch, version, "", false
}

// compareParts compares two parts as rpm and libalpm do: it compares segments, each of digits or of letters, one after
// the other. All other bytes only separate segments.
func compareParts(a, b string) int {
	if a == b {
		return 0
	}
	for a != "" && b != "" {
		restA, restB := skipVersionSeparators(a), skipVersionSeparators(b)
		separatorsA, separatorsB := len(a)-len(restA), len(b)-len(restB)
		a, b = restA, restB
		if a == "" || b == "" {
			break
		}
		if separatorsA != separatorsB {
			return sign(separatorsA - separatorsB)
		}
		numeric := isDigit(a[0])
		endA, endB := versionSegmentLen(a, numeric), versionSegmentLen(b, numeric)
		segmentA, segmentB := a[:endA], b[:endB]
		a, b = a[endA:], b[endB:]
		if segmentB == "" { // one part has a segment of digits here, the other has letters: the part with the digits is newer
			if numeric {
				return 1
			}
			return -1
		}
		if numeric {
			segmentA, segmentB = strings.TrimLeft(segmentA, "0"), strings.TrimLeft(segmentB, "0")
			if len(segmentA) != len(segmentB) {
				return sign(len(segmentA) - len(segmentB))
			}
		}
		if c := strings.Compare(segmentA, segmentB); c != 0 {
			return c
		}
	}
	// At least one of the two parts has ended. If segments remain in the other part, it is newer, unless the first of
	// them begins with a letter: 1.0rc1 is older than 1.0.
	switch {
	case a == "" && b == "":
		return 0
	case a != "" && !isLetter(a[0]), b != "" && isLetter(b[0]):
		return 1
	}
	return -1
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

// skipVersionSeparators returns s without the bytes before its first digit or letter.
func skipVersionSeparators(s string) string {
	for s != "" && !isDigit(s[0]) && !isLetter(s[0]) {
		s = s[1:]
	}
	return s
}

// versionSegmentLen returns the length of the segment at the start of s, in bytes: of the digits if numeric is set, otherwise
// of the letters.
func versionSegmentLen(s string, numeric bool) int {
	i := 0
	for i < len(s) && (numeric && isDigit(s[i]) || !numeric && isLetter(s[i])) {
		i++
	}
	return i
}

func sign(n int) int {
	if n < 0 {
		return -1
	}
	return 1
}
