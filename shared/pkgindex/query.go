package pkgindex

import (
	"slices"
	"strings"

	"github.com/omg-arch/omg/shared/fold"
	"github.com/omg-arch/omg/shared/posixre"
	"github.com/omg-arch/omg/shared/wire"
)

// Query is a parsed search.
type Query struct {
	terms    []term
	unwanted []term   // a package that matches one of these is not found
	repos    []string // the repositories to search; if empty, the query searches all repositories
	noAUR    bool     // the AUR is not searched
	onlyAUR  bool     // only the AUR is searched
	// allRepos means that repositories are searched even if searches exclude them.
	allRepos bool
	sortBy   string
	states   []stateTerm

	// InState holds the packages of each state in States, in the FileSet that is searched.
	InState map[string]*DocSet
	// ExplicitNames holds the names of the explicitly installed packages. Only Match uses it, for is:explicit.
	ExplicitNames map[string]bool

	// PauseFunc, if not nil, is called regularly during a search. If PauseFunc returns an error, the search ends with that
	// error.
	PauseFunc func() error
}

// field is a field of a package, such as the name or the description. A term of a query searches one field.
type field byte

const (
	fieldAny field = iota // the name, the description, the provided names and the groups

	// A term that searches one of these fields matches if the field contains the term's word.
	fieldName
	fieldDesc
	fieldProvides
	fieldGroup

	// A term that searches one of these fields matches if a value of the field equals the word.
	fieldDepends
	fieldMaint
	fieldKeyword
	fieldExactGroup // group:=word
)

// fieldByPrefix maps a word's prefix to the field that the word searches. The prefix repo: is not here, because it
// restricts the repositories of the query.
var fieldByPrefix = map[string]field{
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
	word  []byte        // the case-folded form of raw
	expr  *posixre.Expr // the compiled expression; nil if the term is a plain word
	raw   string        // the word or the expression as the user typed it, without its prefix
}

// searchesDocText reports whether a term searches for its word within a text. Otherwise the term must equal a complete
// value.
func (t *term) searchesDocText() bool { return t.field <= fieldGroup }

// The maximum numbers of words and of regular expressions in a query. The limit for expressions is lower, because it
// may be necessary to match each expression against every package.
const (
	maxWords       = 10_000
	maxExpressions = 100
)

// OnlyWord returns the word of a query that consists of one plain word for all fields and all repositories. It reports whether the query is
// such a query.
func (q *Query) OnlyWord() (word string, ok bool) {
	if len(q.terms) != 1 || len(q.unwanted) > 0 || len(q.states) > 0 || len(q.repos) > 0 || q.onlyAUR || q.terms[0].field != fieldAny || q.terms[0].expr != nil {
		return "", false
	}
	return q.terms[0].raw, true
}

// ParseQuery parses the words of a request. Its error wraps ErrQuery.
func ParseQuery(r *wire.SearchRequest) (*Query, error) {
	q := &Query{repos: slices.Clone(r.Repos), noAUR: r.NoAUR, onlyAUR: r.OnlyAUR, allRepos: r.AllRepos, sortBy: r.Sort}
	if r.Sort != "" && !slices.Contains(sortOrders, r.Sort) {
		last := len(sortOrders) - 1
		return nil, queryErrorf("cannot sort by %q: use %s or %s", r.Sort, strings.Join(sortOrders[:last], ", "), sortOrders[last])
	}
	if r.Regex && len(r.Words) > maxExpressions {
		return nil, queryErrorf("%d expressions: at most %d per search", len(r.Words), maxExpressions)
	}
	if len(r.Words) > maxWords {
		return nil, queryErrorf("%d words: at most %d per search", len(r.Words), maxWords)
	}
	seen := make(map[string]bool, len(r.Words))
	for _, w := range r.Words {
		if seen[w] {
			continue // it would only take time
		}
		seen[w] = true
		t := term{raw: w}
		if prefix, rest, ok := strings.Cut(w, ":"); ok {
			if prefix == "repo" && rest != "" {
				q.repos = append(q.repos, rest)
				continue
			}
			if prefix == "not" && rest != "" {
				unwanted, err := ParseQuery(&wire.SearchRequest{Words: []string{rest}, Regex: r.Regex, NameOnly: r.NameOnly})
				if err != nil {
					return nil, err
				}
				if len(unwanted.terms) == 0 && len(unwanted.states) == 0 {
					return nil, queryErrorf("%s: only a word can follow not:", w)
				}
				q.unwanted = append(q.unwanted, unwanted.terms...)
				for _, t := range unwanted.states {
					q.states = append(q.states, stateTerm{t.state, true})
				}
				continue
			}
			if prefix+":" == wire.StatePrefix && rest != "" {
				state, err := parseState(rest)
				if err != nil {
					return nil, err
				}
				q.states = append(q.states, state)
				continue
			}
			if f, ok := fieldByPrefix[prefix]; ok && rest != "" {
				t.field, t.raw = f, rest
			}
			if name, ok := strings.CutPrefix(t.raw, "="); ok && t.field == fieldGroup && !r.Regex && name != "" {
				t.field, t.raw = fieldExactGroup, name
			}
		}
		if r.NameOnly && t.field == fieldAny {
			t.field = fieldName
		}
		t.word = []byte(fold.String(t.raw))
		if r.Regex {
			expr, err := posixre.Compile(t.raw)
			if err != nil {
				return nil, queryErrorf("%w", err)
			}
			t.expr = expr
		}
		q.terms = append(q.terms, t)
	}
	if len(q.terms) == 0 && len(q.repos) == 0 && !q.onlyAUR && !q.allRepos && !q.wantsState() {
		if len(q.unwanted)+len(q.states) > 0 {
			return nil, queryErrorf("not: leaves out packages that other words find: add a word")
		}
		return nil, queryErrorf("no words to search for")
	}
	return q, nil
}

// UnknownRepo returns the first repository in the query q that the set s lacks, or an empty string if s lacks none.
func (s *FileSet) UnknownRepo(q *Query) string {
	if q.onlyAUR {
		return ""
	}
	for _, repo := range q.repos {
		if !s.HasRepo(repo) {
			return repo
		}
	}
	return ""
}

// HasRepo reports whether the set has a source with the given name. The source may have no packages.
func (s *FileSet) HasRepo(name string) bool {
	return slices.ContainsFunc(s.sources, func(p sourceRange) bool { return p.isSourceNamed(name) })
}

// AsRegexps converts each word of the query into a POSIX extended regular expression. A package that matches the
// query also matches each expression, ignoring case, with its name, its description, a provided name or a group. The
// bool is false if there are no such expressions: the query has no words, or a word searches another field or names a state.
func (q *Query) AsRegexps() ([]string, bool) {
	if len(q.unwanted)+len(q.states) > 0 {
		return nil, false
	}
	list := make([]string, len(q.terms))
	for i, t := range q.terms {
		if !t.searchesDocText() {
			return nil, false
		}
		if list[i] = t.raw; t.expr == nil {
			list[i] = posixre.Quote(t.raw)
		}
	}
	return list, len(list) > 0
}
