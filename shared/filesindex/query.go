package filesindex

import (
	"errors"
	"fmt"
	"strings"

	"github.com/omg-arch/omg/shared/posixre"
)

// ErrQuery is the error for a query that cannot be answered.
var ErrQuery = errors.New("invalid query")

// Query is what pacman -F searches for: a path, the name of a file, or with -x a POSIX extended regular expression, which
// ignores case.
//
// A target with a slash is compared with whole paths, after its leading slashes are removed. Another target is compared
// with the part of each path after the last slash; a directory, whose path ends with a slash, and a path without a slash
// are not compared. Without an expression, a package has a whole path at most once, even if its list has it several times.
type Query struct {
	target    string
	wholePath bool
	expr      *posixre.Expr // nil for a query without an expression
}

// NewQuery returns the query for a target as pacman -F gets it, or with expression as pacman -Fx gets it. Its error wraps
// ErrQuery.
func NewQuery(target string, expression bool) (*Query, error) {
	q := &Query{target: target, wholePath: strings.Contains(target, "/")}
	for q.wholePath && len(q.target) > 1 && q.target[0] == '/' {
		q.target = q.target[1:]
	}
	if expression {
		expr, err := posixre.Compile(q.target)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrQuery, err)
		}
		q.expr = expr
	}
	return q, nil
}

// WholePath reports whether the query compares whole paths.
func (q *Query) WholePath() bool { return q.wholePath }

// literals returns the case-folded strings that are in every match of the expression, and whether a text that contains
// them matches.
func (q *Query) literals() (all [][]byte, suffice bool) {
	if l, ok := q.expr.Literal(); ok {
		return [][]byte{[]byte(l)}, true
	}
	for _, l := range q.expr.RequiredLiterals() {
		all = append(all, []byte(l))
	}
	return all, false
}
