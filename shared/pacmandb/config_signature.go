package pacmandb

import "strings"

// SignaturePolicy says whether the database of a repository must, may or cannot have a signature file.
type SignaturePolicy uint8

// The values of SignaturePolicy, named as in SigLevel of pacman.conf(5).
const (
	// SignatureOptional is pacman's default.
	SignatureOptional SignaturePolicy = iota
	SignatureNever
	SignatureRequired
)

// parseSignaturePolicy returns what the values of SigLevel require for databases; the last value that concerns databases applies.
// Values about trust, and values only about packages, have no effect.
func parseSignaturePolicy(words []string) (s SignaturePolicy) {
	for _, word := range words {
		if strings.HasPrefix(word, "Package") {
			continue
		}
		switch strings.TrimPrefix(word, "Database") {
		case "Never":
			s = SignatureNever
		case "Optional":
			s = SignatureOptional
		case "Required":
			s = SignatureRequired
		}
	}
	return s
}
