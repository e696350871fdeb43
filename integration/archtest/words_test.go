package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestWords_Predicates checks that the comment of a function that only returns a bool says "reports whether".
func TestWords_Predicates(t *testing.T) {
	functions(t, func(place string, f *ast.FuncDecl) {
		if f.Doc == nil || f.Type.Results == nil || f.Type.Results.NumFields() != 1 {
			return
		}
		if result, ok := f.Type.Results.List[0].Type.(*ast.Ident); !ok || result.Name != "bool" {
			return
		}
		comment := strings.Join(strings.Fields(f.Doc.Text()), " ")
		// A function that does something may also return whether it has done so.
		if !regexp.MustCompile(`reports whether|returns (true|false)`).MatchString(comment) {
			t.Errorf("%s: the comment of %s should be: %[2]s reports whether …: %q", place, f.Name.Name, comment)
		}
	})
}

// maxThing and maxCase are the maximum numbers of words before and after the underscore in the name of a test.
const (
	maxThing = 4
	maxCase  = 6
)

var (
	testName = regexp.MustCompile(`^(?:Test|Fuzz|Benchmark)([A-Z][A-Za-z0-9]*)(?:_([A-Z][A-Za-z0-9]*))?$`)
	camel    = regexp.MustCompile(`[A-Z]+[a-z0-9]*`)
	sentence = regexp.MustCompile(`^(?:An?|The|What|Which|Who)[A-Z][a-z]`)
)

// TestWords_TestNames: a test is named for what it tests, and then for the case: TestSearch_NoIndex.
func TestWords_TestNames(t *testing.T) {
	functions(t, func(place string, f *ast.FuncDecl) {
		name := f.Name.Name
		if !strings.HasSuffix(strings.Split(place, ":")[0], "_test.go") || name == "TestMain" ||
			f.Recv != nil || !regexp.MustCompile(`^(Test|Fuzz|Benchmark)[A-Z_]`).MatchString(name) {
			return
		}
		parts := testName.FindStringSubmatch(name)
		if parts == nil || len(camel.FindAllString(parts[1], -1)) > maxThing || len(camel.FindAllString(parts[2], -1)) > maxCase ||
			sentence.MatchString(parts[1]) {
			t.Errorf("%s: %s should be TestThing_Case: the thing in at most %d words, the case in at most %d", place, name, maxThing, maxCase)
		}
	})
}

// badWords are patterns that a colleague would not write, with what to write instead.
var badWords = []struct {
	contains string // is in each text that matches: looking for it takes a fraction of the time
	pattern  *regexp.Regexp
	instead  string
}{
	{" no ", regexp.MustCompile(`\b(?:[Ii]t|[Tt]hat|[Ww]hich|[Ww]hat|[Pp]ath) (?:is|are) no (?:[a-z]+ )?(?:socket|file|directory|link|database|error|index|option|number|version|setting|package|repository)\b`), "it is not a …"},
	{"behind ", regexp.MustCompile(`\bbehind (?:its|the) end\b`), "after its end"},
	{"anew", regexp.MustCompile(`\banew\b`), "again"},
	{"mend", regexp.MustCompile(`\bmend(?:s|ed|ing)?\b`), "fix"},
	{"hoever", regexp.MustCompile(`\b[Ww]hoever\b`), "a noun as the subject"},
	{"Who ", regexp.MustCompile(`(?:^|[.:;] |// )Who (?:[a-z]+s|has|is|was|may|can)\b`), "a noun as the subject, such as a user or a client"},
	{"pacman -Sy", regexp.MustCompile(`\b(?:with|[Rr]un|sudo) pacman -Syy?(?:[^uy]|$)`), "pacman -Syu: without -u, pacman may upgrade a part of the system"},
	{" all is ", regexp.MustCompile(`\b(?:where|if|as|while|when) all is (?:well|right)\b`), "normally"},
}

// TestWords_Patterns checks that comments, texts and documents have none of the patterns in badWords. CONTRIBUTING.md
// is left out, because it shows them as examples.
func TestWords_Patterns(t *testing.T) {
	dir, checked := root(t), 0
	files(t, func(path string) {
		if !slices.Contains([]string{".go", ".md", ".1", ".5", ".8", ".sh", ".txtar", ".toml"}, filepath.Ext(path)) ||
			path == "CONTRIBUTING.md" || path == "integration/archtest/words_test.go" {
			return
		}
		checked++
		text, err := os.ReadFile(filepath.Join(dir, path))
		require.NoError(t, err)
		number := 0
		for line := range strings.Lines(string(text)) {
			number++
			for _, bad := range badWords {
				if !strings.Contains(line, bad.contains) {
					continue
				}
				if found := bad.pattern.FindString(line); found != "" {
					t.Errorf("%s:%d: %q: write: %s", path, number, strings.TrimSpace(found), bad.instead)
				}
			}
		}
	})
	require.NotZero(t, checked)
}

// functions calls the function check for each function in the repository. The parameter place is "file:line".
func functions(t *testing.T, check func(place string, f *ast.FuncDecl)) {
	dir, checked := root(t), 0
	files(t, func(path string) {
		if filepath.Ext(path) != ".go" {
			return
		}
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, filepath.Join(dir, path), nil, parser.ParseComments|parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, d := range f.Decls {
			if f, ok := d.(*ast.FuncDecl); ok {
				checked++
				line := set.Position(f.Pos()).Line
				check(path+":"+strconv.Itoa(line), f)
			}
		}
	})
	require.NotZero(t, checked)
}
