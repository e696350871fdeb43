package letters

import (
	"slices"
	"strings"

	"github.com/omg-arch/omg/shared/wire"
)

// literal lists the characters that mean themselves both in an expression and in a word of omg search.
const literal = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_@%&,;=~ "

// SearchRequest returns the request whose packages pacman -Ss finds for the targets. Within a repository, pacman sorts them by the
// bytes of their names.
func (l *Line) SearchRequest() *wire.SearchRequest {
	isLiteral := func(w string) bool { return w != "" && strings.Trim(w, literal) == "" }
	words := slices.Clone(l.Targets)
	r := &wire.SearchRequest{Words: words, NoAUR: true, Sort: wire.SortRepo}
	if !slices.ContainsFunc(words, func(w string) bool { return !isLiteral(w) }) {
		return r
	}
	r.Regex = true
	for i, w := range words {
		if w == "" || strings.Contains(w, ":") { // pacman has no prefixes such as name:
			words[i] = "(" + w + ")"
		}
	}
	return r
}
