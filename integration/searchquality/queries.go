// Package searchquality measures how well search results are ordered. It runs graded queries over real packages, and compares omg's
// order with the orders of other programs on the same results. See docs/search-quality.md.
package searchquality

import (
	"embed"
	"fmt"
	"hash/crc32"
	"slices"
	"strconv"
	"strings"
)

// Grade says how useful a package is for a query. A package without a grade is not useful.
type Grade int

// The grades. They are the numbers in the files of queries.
const (
	Related Grade = 1 // related to what was meant
	Good    Grade = 2 // a good answer
	Meant   Grade = 3 // what nearly everyone means who types the query
)

// Query is a graded query.
type Query struct {
	Kind   string // for example "typo", see Kinds
	Text   string // as a user types it
	Grades map[string]Grade
	Source string // who wrote the query: "own", or "nix" for the published queries of NixOS' package search
}

// Kinds lists the kinds of queries.
var Kinds = []string{"exact", "prefix", "words", "intent", "typo", "case", "versioned", "aur", kindCommand}

// kindCommand is the kind of the queries that are commands of packages with other names.
const kindCommand = "command"

// Words returns the words of the query, as the command line of omg passes them.
func (q *Query) Words() []string { return strings.Fields(q.Text) }

// IsHeldOut reports whether the query belongs to the half that was not looked at while the order was tuned. A checksum of the text
// decides, so that nobody chose the half.
func (q *Query) IsHeldOut() bool { return crc32.ChecksumIEEE([]byte(q.Text))>>8&1 == 1 }

//go:embed queries/*.tsv
var queryFiles embed.FS

// ReadQueries returns the graded queries over a corpus: "arch" or "debian", or "debian-commands" for Debian with an index of its commands.
func ReadQueries(corpus string) ([]Query, error) {
	name := "queries/" + corpus + ".tsv"
	content, err := queryFiles.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var queries []Query
	for i, line := range strings.Split(strings.TrimSuffix(string(content), "\n"), "\n") {
		q, err := parseQuery(line)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, i+1, err)
		}
		queries = append(queries, q)
	}
	return queries, nil
}

// parseQuery parses a line: the kind, the query, its graded packages such as "vim=3 nano=2", and its source, separated by tabs.
func parseQuery(line string) (Query, error) {
	fields := strings.Split(line, "\t")
	if len(fields) != 4 {
		return Query{}, fmt.Errorf("%d fields instead of 4", len(fields))
	}
	q := Query{Kind: fields[0], Text: fields[1], Grades: map[string]Grade{}, Source: fields[3]}
	if !slices.Contains(Kinds, q.Kind) {
		return q, fmt.Errorf("unknown kind %q", q.Kind)
	}
	for _, graded := range strings.Fields(fields[2]) {
		name, number, _ := strings.Cut(graded, "=")
		grade, err := strconv.Atoi(number)
		if err != nil || Grade(grade) < Related || Grade(grade) > Meant {
			return q, fmt.Errorf("%q is not a package and a grade from 1 to 3", graded)
		}
		q.Grades[name] = Grade(grade)
	}
	if q.best() != Meant {
		return q, fmt.Errorf("no package has grade %d", Meant)
	}
	return q, nil
}

// best returns the best grade of the query.
func (q *Query) best() (best Grade) {
	for _, g := range q.Grades {
		best = max(best, g)
	}
	return best
}
