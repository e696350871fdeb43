package pacmandb

import "strings"

// Signature is whether the database of a repository has a signature beside it.
type Signature uint8

// The kinds, as SigLevel in pacman.conf(5) has them.
const (
	// SignatureOptional is pacman's where nothing is said.
	SignatureOptional Signature = iota
	SignatureNever
	SignatureRequired
)

// signature is what the words of SigLevel, the last of which counts, say of
// databases. Those about trust and about packages alone say nothing of it.
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
