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
	q := &Query{target: TrimTarget(target), wholePath: strings.Contains(target, "/")}
	if expression {
		expr, err := posixre.Compile(q.target)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrQuery, err)
		}
		q.expr = expr
	}
	return q, nil
}

// TrimTarget returns a target as it is compared: without the slashes at its start.
func TrimTarget(target string) string {
	for len(target) > 1 && target[0] == '/' {
		target = target[1:]
	}
	return target
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

// MatchingPaths returns the paths of a package that match the query. It is for lists of files without an index.
func (q *Query) MatchingPaths(paths []string) (found []string) {
	for _, path := range paths {
		if !q.matchesPath(path) {
			continue
		}
		found = append(found, path)
		if q.wholePath && q.expr == nil {
			break // pacman searches a sorted list for the path
		}
	}
	return found
}

func (q *Query) matchesPath(path string) bool {
	if !q.wholePath {
		slash := strings.LastIndexByte(path, '/')
		if path = path[slash+1:]; slash < 0 || path == "" {
			return false
		}
	}
	if q.expr != nil {
		return q.expr.MatchString(path)
	}
	return path == q.target
}
