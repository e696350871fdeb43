package runtimes

import (
	"cmp"
	"strconv"
	"strings"
)

// maxShowableBytes limits the length of text that Showable accepts.
const maxShowableBytes = 64

// Showable reports whether a version or a name can be printed anywhere: it matches
// ^[0-9A-Za-z][0-9A-Za-z.+_~:@/-]{0,63}$. Any other text from a repository could be a command for a shell, a bar or a
// terminal.
func Showable(s string) bool {
	if s == "" || len(s) > maxShowableBytes || !alphanumeric(s[0]) {
		return false
	}
	for i := 1; i < len(s); i++ {
		if c := s[i]; !alphanumeric(c) && strings.IndexByte(".+_~:@/-", c) < 0 {
			return false
		}
	}
	return true
}

// Sanitize returns a version or a name if it is Showable, otherwise "?".
func Sanitize(s string) string {
	if Showable(s) {
		return s
	}
	return "?"
}

func isDigit(c byte) bool      { return '0' <= c && c <= '9' }
func isLetter(c byte) bool     { return 'a' <= c|0x20 && c|0x20 <= 'z' }
func alphanumeric(c byte) bool { return isDigit(c) || isLetter(c) }

// version is a parsed version: temurin-21.0.1+12 has the vendor temurin, the numbers 21 0 1 and the rest +12. A variant
// is another build of the same version of Python: 3.13.1t in pyenv, 3.13.1+freethreaded in uv.
type version struct {
	vendor  string
	nums    []uint64
	rest    string
	variant string
}

// maxVersionNumbers limits how many numbers of a version are compared.
const maxVersionNumbers = 6

func parseVersion(runtime, s string) version {
	i := 0
	for i < len(s) && !isDigit(s[i]) {
		i++
	}
	v := version{vendor: strings.ToLower(strings.TrimRight(s[:i], "-_@"))}
	s = s[i:]
	for len(v.nums) < maxVersionNumbers && s != "" && isDigit(s[0]) {
		j := 1
		for j < len(s) && isDigit(s[j]) {
			j++
		}
		n, err := strconv.ParseUint(s[:j], 10, 63)
		if err != nil {
			break // no real version has a number of more than 63 bits
		}
		v.nums = append(v.nums, n)
		s = s[j:]
		if len(s) < 2 || s[0] != '.' || !isDigit(s[1]) {
			break
		}
		s = s[1:]
	}
	v.rest = s
	if runtime == Python {
		v.rest, v.variant = splitPythonVariant(s)
	}
	// Versions of Java up to 8 begin with a 1 that is left out here: 1.8.0_392 is a version of Java 8.
	if runtime == Java && len(v.nums) > 1 && v.nums[0] == 1 && v.nums[1] < 9 {
		v.nums = v.nums[1:]
	}
	if v.vendor == "v" || v.vendor == runtime || v.vendor == "cpython" || v.vendor == "jdk" || v.vendor == "bun-v" {
		v.vendor = ""
	}
	return v
}

// isPrerelease reports whether a version is a pre-release: 3.14.0rc1, 22.0.0-nightly. A suffix for a vendor of Java, as
// in 21.0.1-tem, does not make a version a pre-release.
func (v version) isPrerelease(runtime string) bool {
	if runtime == Java {
		return strings.Contains(v.rest, "-ea")
	}
	for i := range len(v.rest) {
		if isLetter(v.rest[i]) {
			return true
		}
	}
	return len(v.nums) == 0
}

func compareNums(a, b []uint64) int {
	for i := range max(len(a), len(b)) {
		var x, y uint64
		if i < len(a) {
			x = a[i]
		}
		if i < len(b) {
			y = b[i]
		}
		if c := cmp.Compare(x, y); c != 0 {
			return c
		}
	}
	return 0
}

// compareVersions orders two versions of a runtime, older first.
func compareVersions(runtime, a, b string) int {
	v, w := parseVersion(runtime, a), parseVersion(runtime, b)
	if c := compareNums(v.nums, w.nums); c != 0 {
		return c
	}
	if x, y := v.isPrerelease(runtime), w.isPrerelease(runtime); x != y {
		if x {
			return -1
		}
		return 1
	}
	return cmp.Or(compareRest(v.rest, w.rest), cmp.Compare(w.variant, v.variant))
}

// compareRest compares the texts that follow the numbers in two versions, such as rc2 and rc10. It compares digits by
// value: rc2 < rc10.
func compareRest(a, b string) int {
	for a != "" && b != "" {
		i, j := countDigits(a), countDigits(b)
		if i > 0 && j > 0 {
			x, y := strings.TrimLeft(a[:i], "0"), strings.TrimLeft(b[:j], "0")
			if c := cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(x, y)); c != 0 {
				return c
			}
			a, b = a[i:], b[j:]
			continue
		}
		if a[0] != b[0] {
			return cmp.Compare(a[0], b[0])
		}
		a, b = a[1:], b[1:]
	}
	return cmp.Compare(len(a), len(b))
}

func countDigits(s string) int {
	i := 0
	for i < len(s) && isDigit(s[i]) {
		i++
	}
	return i
}

// hasPrefix reports whether v matches a prefix such as 20 or 3.12 or temurin-21. For Java, a prefix without a vendor
// matches the versions of all vendors. For any other runtime, such a prefix matches only the main implementation, such as
// CPython.
func (v version) hasPrefix(runtime string, prefix version) bool {
	if prefix.variant != v.variant {
		return false
	}
	if prefix.vendor != v.vendor && (runtime != Java || prefix.vendor != "") {
		return false
	}
	if len(prefix.nums) > len(v.nums) || len(prefix.nums) == 0 {
		return false
	}
	for i, n := range prefix.nums {
		if v.nums[i] != n {
			return false
		}
	}
	if prefix.rest == "" {
		return true
	}
	return len(prefix.nums) == len(v.nums) && (v.rest == prefix.rest ||
		strings.HasPrefix(v.rest, prefix.rest) && !alphanumeric(v.rest[len(prefix.rest)]))
}

// interval is the range of versions from lo (included) to hi (excluded).
type interval struct {
	lo, hi    []uint64
	unbounded bool // the interval has no upper end
}

func (i interval) holds(nums []uint64) bool {
	return compareNums(nums, i.lo) >= 0 && (i.unbounded || compareNums(nums, i.hi) < 0)
}

// maxIntervals limits the alternatives of a range.
const maxIntervals = 32

// parseRange parses a range of npm or mise: ^18, ~20.1, >=18 <21, 18.x || 20, 18 - 20, and Python's ~=3.12. ok is false
// if s is not a range.
func parseRange(s string) (alternatives []interval, ok bool) {
	for alternative := range strings.SplitSeq(s, "||") {
		i, ok := parseComparators(strings.TrimSpace(alternative))
		if !ok || len(alternatives) == maxIntervals {
			return nil, false
		}
		alternatives = append(alternatives, i)
	}
	return alternatives, true
}

func parseComparators(s string) (interval, bool) {
	all := interval{unbounded: true}
	if lo, hi, found := strings.Cut(s, " - "); found {
		s = ">=" + strings.TrimSpace(lo) + " <=" + strings.TrimSpace(hi)
	}
	s = strings.ReplaceAll(s, ",", " ")
	for s = strings.TrimLeft(s, " \t"); s != ""; s = strings.TrimLeft(s, " \t") {
		op := s[:len(s)-len(strings.TrimLeft(s, "<>=^~!"))]
		s = strings.TrimLeft(s[len(op):], " \t")
		word := s
		if i := strings.IndexAny(s, " \t<>=^~!"); i >= 0 {
			word = s[:i]
		}
		s = s[len(word):]
		nums, ok := parsePartial(word)
		if !ok {
			return interval{}, false
		}
		one, ok := comparatorInterval(op, nums)
		if !ok {
			return interval{}, false
		}
		all = all.intersect(one)
	}
	return all, true
}

// intersect returns the intersection of two intervals.
func (i interval) intersect(j interval) interval {
	if compareNums(j.lo, i.lo) > 0 {
		i.lo = j.lo
	}
	if !j.unbounded && (i.unbounded || compareNums(j.hi, i.hi) < 0) {
		i.hi, i.unbounded = j.hi, false
	}
	return i
}

// parsePartial parses 20, 20.1, 20.x, * and v20.1.0. A suffix, as in 20.0.0-rc.1, is ignored.
func parsePartial(s string) ([]uint64, bool) {
	s = strings.TrimPrefix(s, "v")
	if s == "" {
		return nil, false
	}
	if i := strings.IndexAny(s, "-+"); i > 0 {
		s = s[:i]
	}
	var nums []uint64
	for part := range strings.SplitSeq(s, ".") {
		if part == "x" || part == "X" || part == "*" {
			break
		}
		n, err := strconv.ParseUint(part, 10, 32)
		if err != nil || len(nums) == maxVersionNumbers {
			return nil, false
		}
		nums = append(nums, n)
	}
	return nums, true
}

// nextVersion returns the first version after all versions that begin with the numbers nums[:keep].
func nextVersion(nums []uint64, keep int) []uint64 {
	up := append([]uint64(nil), nums[:keep]...)
	up[keep-1]++
	return up
}

func comparatorInterval(op string, nums []uint64) (interval, bool) {
	n := len(nums)
	if n == 0 { // *
		return interval{unbounded: true}, op != "!=" && op != "<" && op != ">"
	}
	switch op {
	case "", "=", "==", "===":
		if n >= 3 {
			return interval{lo: nums, hi: nextVersion(append(nums, 0), n+1)}, true
		}
		return interval{lo: nums, hi: nextVersion(nums, n)}, true
	case ">=":
		return interval{lo: nums, unbounded: true}, true
	case ">":
		if n >= 3 {
			return interval{lo: nextVersion(append(nums, 0), n+1), unbounded: true}, true
		}
		return interval{lo: nextVersion(nums, n), unbounded: true}, true
	case "<":
		return interval{hi: nums}, true
	case "<=":
		if n >= 3 {
			return interval{hi: nextVersion(append(nums, 0), n+1)}, true
		}
		return interval{hi: nextVersion(nums, n)}, true
	case "~":
		return interval{lo: nums, hi: nextVersion(nums, min(n, 2))}, true
	case "~=": // Python's ~=3.12 means >=3.12 and <4, and ~=3.12.1 means >=3.12.1 and <3.13
		return interval{lo: nums, hi: nextVersion(nums, max(1, n-1))}, true
	case "^":
		keep := 1 // the first number that is not 0 must not change: ^1.2 means >=1.2 and <2, and ^0.2 means >=0.2 and <0.3
		for keep < n && nums[keep-1] == 0 {
			keep++
		}
		return interval{lo: nums, hi: nextVersion(nums, keep)}, true
	}
	return interval{}, false
}
