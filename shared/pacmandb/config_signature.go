package pacmandb

import "strings"

// Signature says whether the database of a repository must, may or cannot have a signature file.
type Signature uint8

// The values of Signature, named as in SigLevel of pacman.conf(5).
const (
	// SignatureOptional is pacman's default.
	SignatureOptional Signature = iota
	SignatureNever
	SignatureRequired
)

// signature returns what the values of SigLevel require for databases; the last value that concerns databases applies.
// Values about trust, and values only about packages, have no effect.
func signature(words []string) (s Signature) {
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
