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
	repos []string // empty for all
	noAUR bool
	aur   bool // only
	sort  string
}

// field is the field that a term searches.
type field byte

const (
	fieldAny      field = iota
	fieldName           // fields whose text contains the word
	fieldDesc           //
	fieldProvides       //
	fieldGroup          //
	fieldDepends        // fields with a value that equals the word
	fieldMaint          //
	fieldKeyword        //
)

// fieldNames are the prefixes of words. repo: is not one of them, because it restricts the query instead of a word.
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
	word  []byte // folded; the literal or, with expr, the expression's own text
	expr  *posixre.Expr
	raw   string // the expression as typed
}

// text reports whether a term searches text for its word, as opposed to whole values.
func (t *term) text() bool { return t.field <= fieldGroup }

// Limits of a query. Each expression may have to be matched against every package.
const (
	maxWords       = 10_000
	maxExpressions = 100
)

// ParseQuery parses the words of a request. The error is an ErrQuery.
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

// Unknown returns the first repository of a query that is not in the set, empty if all are.
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

// HasRepo reports whether the set has a repository of this name, even an empty one.
func (s *Set) HasRepo(name string) bool {
	return slices.ContainsFunc(s.parts, func(p sourceRange) bool { return p.called(name) })
}

// Expressions returns POSIX extended expressions. Every package that matches the query contains a match of each,
// ignoring case, in its name, description, a provided name or a group. False means that one of the words has no such
// expression.
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
