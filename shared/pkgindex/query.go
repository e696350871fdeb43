package pkgindex

import (
	"slices"
	"strings"

	"github.com/omg-arch/omg/shared/posixre"
	"github.com/omg-arch/omg/shared/wire"
)

// Query is a parsed search.
type Query struct {
	terms []term
	repos []string // the repositories to search; empty for all
	noAUR bool     // do not search the AUR
	aur   bool     // search only the AUR
	sort  string

	// Pause is called again and again during a search; an error ends it. It may be nil.
	Pause func() error
}

// field is the field that a term searches.
type field byte

const (
	fieldAny field = iota

	// In these fields, the text must contain the word.
	fieldName
	fieldDesc
	fieldProvides
	fieldGroup

	// In these fields, a value must equal the word.
	fieldDepends
	fieldMaint
	fieldKeyword
)

// fieldNames maps a word's prefix to the field that the word searches. The prefix repo: is not here, because it restricts
// the repositories of the query.
var fieldNames = map[string]field{
	"name":     fieldName,
	"desc":     fieldDesc,
	"provides": fieldProvides,
	"group":    fieldGroup,
	"depends":  fieldDepends,
	"maint":    fieldMaint,
	"keyword":  fieldKeyword,
}

// term is one word of a query.
type term struct {
	field field
	word  []byte        // the word as typed, without its prefix and folded; for an expression, the expression's text
	expr  *posixre.Expr // nil for a plain word
	raw   string        // the word or expression as typed, without its prefix
}

// text reports whether a term searches for its word in text, and not among complete values.
func (t *term) text() bool { return t.field <= fieldGroup }

// The maximum numbers of words and of regular expressions in a query. Fewer expressions than words are allowed, because
// each expression may have to be matched against every package.
const (
	maxWords       = 10_000
	maxExpressions = 100
)

// ParseQuery parses the words of a request. Its error wraps ErrQuery.
func ParseQuery(r *wire.SearchRequest) (*Query, error) {
	q := &Query{repos: slices.Clone(r.Repos), noAUR: r.NoAUR, aur: r.OnlyAUR, sort: r.Sort}
	if r.Sort != "" && !slices.Contains(sorts, r.Sort) {
		last := len(sorts) - 1
		return nil, invalidQuery("cannot sort by %q: use %s or %s", r.Sort, strings.Join(sorts[:last], ", "), sorts[last])
	}
	if r.Regex && len(r.Words) > maxExpressions {
		return nil, invalidQuery("%d expressions: at most %d per search", len(r.Words), maxExpressions)
	}
	if len(r.Words) > maxWords {
		return nil, invalidQuery("%d words: at most %d per search", len(r.Words), maxWords)
	}
	for _, w := range r.Words {
		t := term{raw: w}
		if prefix, rest, ok := strings.Cut(w, ":"); ok {
			if prefix == "repo" && rest != "" {
				q.repos = append(q.repos, rest)
				continue
			}
			if f, ok := fieldNames[prefix]; ok && rest != "" {
				t.field, t.raw = f, rest
			}
		}
		if r.NameOnly && t.field == fieldAny {
			t.field = fieldName
		}
		t.word = []byte(Fold(t.raw))
		if r.Regex {
			expr, err := posixre.Compile(t.raw)
			if err != nil {
				return nil, invalidQuery("%w", err)
			}
			t.expr = expr
		}
		q.terms = append(q.terms, t)
	}
	if len(q.terms) == 0 && len(q.repos) == 0 && !q.aur {
		return nil, invalidQuery("no words to search for")
	}
	return q, nil
}

// Unknown returns the first repository of a query that the set does not have, or an empty string if it has all of them.
func (s *Set) Unknown(q *Query) string {
	if q.aur {
		return ""
	}
	for _, repo := range q.repos {
		if !s.HasRepo(repo) {
			return repo
		}
	}
	return ""
}

// HasRepo reports whether the set has a source of this name, even if the source has no packages.
func (s *Set) HasRepo(name string) bool {
	return slices.ContainsFunc(s.parts, func(p sourceRange) bool { return p.called(name) })
}

// Expressions returns a POSIX extended regular expression for each word of the query. If a package matches the query,
// each expression matches, ignoring case, the package's name, its description, a provided name or a group. The bool is
// false if the query has no words, or if a word searches other fields.
func (q *Query) Expressions() ([]string, bool) {
	list := make([]string, len(q.terms))
	for i, t := range q.terms {
		if !t.text() {
			return nil, false
		}
		if list[i] = t.raw; t.expr == nil {
			list[i] = posixre.Quote(t.raw)
		}
	}
	return list, len(list) > 0
}
