package pacman

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/wire"
)

// query is one search, with its words for omg and for pacman.
type query struct {
	words  []string
	regex  bool
	pacman []string
}

// key returns the same string for two queries that pacman treats alike.
func (q query) key() string { return fmt.Sprintf("%q", q.pacman) }

// omg returns the arguments with which omg runs the query.
func (q query) omg() []string {
	if q.regex {
		return slices.Concat([]string{"-x", "--"}, q.words)
	}
	return slices.Concat([]string{"--"}, q.words)
}

// literal returns a query for words that are not regular expressions. In pacman's arguments, the special characters of
// the words are escaped.
func literal(words ...string) query {
	q := query{words: words, pacman: []string{"--"}}
	for _, w := range words {
		w = escape.ReplaceAllString(w, `\$0`)
		if w == "-" {
			w = "[-]" // pacman would read standard input for "-"
		}
		q.pacman = append(q.pacman, w)
	}
	return q
}

// escape matches the characters that have to be escaped in a POSIX extended regular expression.
var escape = regexp.MustCompile(`[][(){}.*+?^$|\\]`)

// expression returns a query of regular expressions in pacman's syntax.
func expression(words ...string) query {
	return query{words: words, regex: true, pacman: append([]string{"--"}, words...)}
}

// queries returns hand-written queries and random ones from the real packages' text, the same in every run.
func queries(t *testing.T, packages []wire.Package) []query {
	var qs []query
	for _, w := range handPicked {
		qs = append(qs, literal(strings.Fields(w)...))
	}
	for _, w := range expressions {
		qs = append(qs, expression(strings.Fields(w)...))
	}
	for c := 'a'; c <= 'z'; c++ {
		qs = append(qs, literal(string(c)))
	}
	rng := rand.New(rand.NewPCG(2022, 9))
	var words, names, provides, groups []string
	for _, p := range packages {
		names = append(names, p.Name)
		words = append(words, strings.Fields(p.Desc)...)
		for _, v := range p.Provides {
			v, _, _ = strings.Cut(v, "=")
			provides = append(provides, v)
		}
		groups = append(groups, p.Groups...)
	}
	// A word with a colon could be read as the name of a field and its value.
	words = slices.DeleteFunc(words, func(w string) bool { return strings.Contains(w, ":") })
	pick := func(from []string) string { return from[rng.IntN(len(from))] }
	piece := func(s string) string {
		r := []rune(s)
		from := rng.IntN(len(r))
		return string(r[from : from+1+rng.IntN(len(r)-from)])
	}
	for range 50 {
		qs = append(qs,
			literal(pick(words)),
			literal(pick(names)),
			literal(piece(pick(names))),
			literal(piece(pick(words)), piece(pick(words))),
			literal(strings.ToUpper(pick(words))),
			literal(pick(provides)),
			literal(pick(groups)),
			literal(piece(pick(names)), pick(words), piece(pick(words))),
		)
	}
	require.Greater(t, len(qs), 400)
	return qs
}

var handPicked = []string{
	"firefox", "FIREFOX", "FireFox", "linux", "c++", "libstdc++", "gtk+", "g++", "notepad++",
	"python-", "-git", "lib32-", "lib.so", "libgl.so", "sh", "awk", "cron", "java-runtime", "smtp-server",
	"kde-applications", "gnome-extra", "base-devel", "xfce4-goodies", "plasma",
	"web browser", "text editor", "c library", "a b c", "x11 lib", "vim vi", "qt 5",
	"@", "_", "-", ".", "+", "(", ")", "[", "]", "{", "}", "*", "?", "^", "$", "|", `\`, "/", "'", `"`, ",", ";", "&", "%", "#", "!", "~", "<", ">", "=",
	"(c)", "[x]", "a.b", "2.0", "1.", "foo(bar", "x[y", "a_b", "e@", "100%",
	"é", "ü", "ö", "ñ", "Ü", "–", "—", "’", "™", "日本", "über", "naïve",
	"nothinghasthis", "zzzzzz", "0", "1", "00", "3d", "go", "r", "R", "js",
}

var expressions = []string{
	"^lib", "lib$", "^go$", `\<go\>`, `\<go`, `go\>`, "c++", "gtk+", "libstdc++", "[[:digit:]]{3}", "[[:digit:]]+",
	"^python-.*-common$", "firefox|thunderbird", "(foo|bar)baz", "^(a|b)", "x{2}", "x{2,}", "o{1,2}p", "a{,2}b", "^.{3}$", "^.{2}$",
	"[aeiou]{4}", "[^a-z0-9._-]", "[[:upper:]]", "[[:space:]]", "[[:punct:]]+x", "[]x]", "[x-]", "[^]]z", "q.?t", "fire.*fox", "^$",
	".", ".*", "(", ")", "[", "a**", "a+?", "*a", "+", "?", "a||b", "()", "a()b", "a|*b", "{", "a{", "a{1", "a{2,1}", "a{x}", `\`, `a\`,
	`\.`, `\+`, `\(`, `a\.b`, `\w+\>`, `\bvi\b`, `\Bvi`, `\s-\s`, `\W\W`, "^kde", "kde$", "x^y", "x$y", "(^lib)|(lib$)", "lib(gl|egl)", "perl-[a-c]", "éa?", "ü",
	"[é]", "lib.*so", "HTTP", "[h]TTP", "vim gvim", "^linux ^linux-headers", "fire fox$", `(\<x)11`, "a.c+", "lib[0-9]", "[[:alpha:]]{20}", "[[:alnum:]_]{22,}",
}
