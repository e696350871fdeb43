package posixre

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// matchResults returns this package's result for each text, in the format of glibc.match.
func matchResults(t *testing.T, expr string, texts ...string) string {
	e, err := Compile(expr)
	if err != nil {
		return "error: " + err.Error()
	}
	var out strings.Builder
	for _, text := range texts {
		matched := e.MatchString(text)
		at := e.FindIndex([]byte(text))
		require.Equal(t, matched, at != nil, "%q on %q", expr, text)
		out.WriteByte("01"[boolBit(matched)])
	}
	return out.String()
}

func kindOf(answer string) string {
	if strings.HasPrefix(answer, "error: ") {
		return "error"
	}
	return answer
}

func choose(r *rand.Rand, from []string) string { return from[r.IntN(len(from))] }

// TestCompile_EqualsGlibc compares this package with glibc on expressions whose meaning is easy to get wrong.
func TestCompile_EqualsGlibc(t *testing.T) {
	g := startGlibc(t)
	texts := []string{
		"", "a", "b", "c", "aa", "aaa", "ab", "A", "B-b", "a)", ")", "a}", "}", "]", "[", "-", "^", "\\", "d", "n", ".", "a b", "a\nb", "\n",
		"go", "golang", "cgo", "go-tools", "x go", "Go.", "élan", "naÏve", "ÉL", "_go", "123", "a123", "gtk+", "gtk", "gtk2", "c++", "libc", "lib", "zlib",
		"٣", "€", "ſ", "straße", "a{1", "a{1,x}", "a,b", "a^b", "a$b", "\u00a0", "\u3000", "日本", "日本語", "(", "()", "*", "+", "|", "$",
	}
	for _, expr := range []string{
		"", "^lib", "c++", "gtk+", `\<go\>`, "[[:digit:]]{3}", "go|lib", "^(go|lib)$", "^$", "$^", "a^b", "a$b", "a\nb", "a$\n^b",
		"a**", "a*+?", "a+?", "a?*", "a{2}{2}", "a{,}", "a{,2}", "a{2,}", "a{0}", "a{0,0}", "a{1}}", "(a{0})*b", "a{00002}", `a{1\,2}`, `a{\0}`, `a{1\}`, "a{1,2,3}", "a{-1}", "a{1", "a{1,", "a{", "a{ 1}", "a{a,}",
		"*", "+", "?", "{", "{1}", "^*", "^{1}", "$*", `\<*`, `\B+`, "(*a)", "(+)", "a|*b", "|*", "(|?)", "()*", "(^)*", "(^)*a", "(\\<)+go", "(^*)",
		"()", "(|)", "(a|)b", "|a", "a|", "a||b", "||", "(", "(()", "())", "a)", ")", ")*", "a|)", "(a))", "((a)",
		"[]a]", "[^]a]", "[]", "[^]", "[", "[^", "[a", "[a-", "[a-]", "[-a]", "[^-a]", "[--a]", "[a--]", "[+--]", "[a-c-e]", "[c-a]", "[a-a]", "[A-z]", "[Z-a]", "[W-{]", "[+-z]", "[[-a]", "[[a]", "[a[]", "[a^]", "[\\]", "[\\n]", "[a\\]]", "[\\]a]", "[a|b]", "[(]", "[.]", "[*]", "[$]",
		"[[:alpha:]]", "[^[:alpha:]]", "[[:lower:]]", "[[:upper:]]", "[[:ALPHA:]]", "[[:alpha:]-]", "[[:alpha:]-z]", "[a-[:alpha:]]", "[[:alpha]", "[[:alpha:]", "[[:", "[[:]]", "[[::]]", "[:alpha:]", "[[:space:]]", "[[:blank:]]", "[[:punct:]]", "[[:cntrl:]]", "[[:graph:]]", "[[:print:]]", "[[:xdigit:]]", "[[:alnum:]_]+", "[[:word:]]",
		"[[=a=]]", "[[=a=]b]", "[[=a=]-c]", "[a-[=c=]]", "[[=ab=]]", "[[==]]", "[[=]=]]", "[[.a.]]", "[[.-.]]", "[[.].]]", "[[.a.]-c]", "[a-[.c.]]", "[[...]]", "[[..]]", "[[.space.]]", "[[.a", "[[=a", "[é]", "[^é]", "[éa-c]",
		`\w`, `\W`, `\s`, `\S`, `\w+`, `^\W$`, "\\`go", `go\'`, "\\`$", `\<`, `\>`, `\b`, `\B`, `\Bgo`, `go\B`, `\bgo\b`, `\<\>`, `\b\B`, `\<é`, `e\>`, `o\>.`, `.\<a`, `\>\<`, `^\<`, `\>$`, "(\\<|x)go", `(\>-)?\<t`,
		`\`, `a\`, `\.`, `\*`, `\^`, `\$`, `\|`, `\(`, `\)`, `\[`, `\]`, `\{`, `\}`, `a\{1`, `\/`, `\-`, `\_`, `\a`, `\d`, `\n`, `\A`, `\N`, `\\`, `\é`, `\É`, `\0`, `\,`,
		".", "^.$", "^..$", "^...$", "日.", "[日]", "ſ", "s", "[s]", "ß", "É", "[a-ſ", "a.b", "a[^x]b", `a\Wb`, `a\Sb`, `a\sb`,
		"a{255}", "a{32767}", "a{32768}", "(a{10}){10}", "(a|b{2}){3}",
	} {
		want, got := g.match(expr, texts...), matchResults(t, expr, texts...)
		require.Equal(t, kindOf(want), kindOf(got), "%q: glibc %s, ours %s", expr, want, got)
	}
}

// TestCompile_EqualsGlibcRandom compares this package with glibc on random expressions, valid and invalid, that contain
// all operators.
func TestCompile_EqualsGlibcRandom(t *testing.T) {
	compareRandom(t, 5000, []string{
		"a", "b", "a", "b", "A", "_", "-", "é", "É", " ", "c", ".", ".", "*", "+", "?", "|", "|", "(", ")", "(", ")", "^", "$",
		`\<`, `\>`, `\b`, `\B`, `\w`, `\W`, `\s`, `\S`, "\\`", `\'`, "{", "}", "{1}", "{2}", "{,2}", "{1,}", "{0,1}", "{0}", "{2,1}", ",",
		"[ab]", "[^a]", "[[:alpha:]]", "[^[:digit:]_]", "[", "]", "[]a]", "[a-c]", "[=", "[.-.]", "[[=b=]]", "\\", `\.`, `\n`, `\*`, "1", "\n",
	}, []string{"a", "b", "a", "b", "B", "c", "_", "-", " ", "é", "É", "1", "\n", ".", "*", "\\", "]", ")"})
}

func TestWordAnchors_EqualGlibcRandom(t *testing.T) {
	compareRandom(t, 2000, []string{
		`\<`, `\>`, `\b`, `\B`, `(\<|a)`, `(\>|-)`, `(\B|é)*`, "(a*)", "(-?)", "a", "é", "-", "^", "$", "\\`", `\'`, ".", "|", "*", "[^é]",
	}, []string{"a", "É", "é", "-", "_", "\n", "1"})
}

func TestBracket_EqualsGlibcRandom(t *testing.T) {
	compareRandom(t, 2000, []string{
		"[", "[", "[^", "]", "]", "-", "-", "^", "a", "c", "Z", "y", "_", "0", "9", "@", "{", "!", "~", "[:digit:]", "[:lower:]", "[:punct:]", "[.c.]", "[=x=]", "\\",
	}, []string{"a", "B", "c", "y", "Z", "_", "0", "5", "9", "@", "{", "!", "~", "-", "^", "]", "[", "\\", "é", "É"})
}

// compareRandom compares this package with glibc: each round joins random tokens into an expression, and random letters
// into the texts to match. It skips expressions for which this package and glibc are known to differ.
func compareRandom(t *testing.T, rounds int, tokens, letters []string) {
	t.Helper()
	g := startGlibc(t)
	r := rand.New(rand.NewPCG(1, 2))
	var questions []question
	for range rounds {
		expr := ""
		for range 1 + r.IntN(8) {
			expr += choose(r, tokens)
		}
		texts := []string{"", "a"}
		for range 12 {
			text := ""
			for range r.IntN(7) {
				text += choose(r, letters)
			}
			texts = append(texts, text)
		}
		questions = append(questions, question{expr, texts})
	}
	errors, matches := 0, 0
	for i, want := range g.matchAll(questions) {
		expr, texts := questions[i].expr, questions[i].texts
		got := matchResults(t, expr, texts...)
		if strings.HasSuffix(want, "Invalid collation character") && strings.ContainsAny(expr, "éÉ") {
			continue
		}
		require.Equal(t, kindOf(want), kindOf(got), "%q: glibc %s, ours %s, texts %q", expr, want, got, texts)
		if kindOf(want) == "error" {
			errors++
		} else if strings.Contains(want, "1") {
			matches++
		}
	}
	require.Greater(t, errors, rounds/50)
	require.Greater(t, matches, rounds/20)
}

// TestCompile_GlibcDifferences checks each difference that the package comment lists.
func TestCompile_GlibcDifferences(t *testing.T) {
	g := startGlibc(t)
	for _, c := range []struct{ expr, text, glibc, matchResults string }{
		{`(a)\1`, "aa", "1", "error"},
		{"\xff", "\xff", "1", "error"},
		{".", "\xff", "0", "1"},
		{"[^a]", "\xff", "0", "1"},
		{"k", "\u212A", "0", "1"},
		{"\u212A", "K", "0", "1"},
		{"ß", "ẞ", "0", "1"},
		{"i", "ı", "1", "0"},
		{"ı", "I", "1", "0"},
		{"[à-ö]", "É", "error", "1"},
		{"[à-ö]", "z", "error", "0"},
		{"[[=é=]]", "É", "error", "1"},
		{"[[.é.]]", "e", "error", "0"},
		{strings.Repeat("(", 201) + "a" + strings.Repeat(")", 201), "a", "1", "error"},
		{`(\<|x){2}b`, "axb", "1", "0"},
		{`(\<|x)(\<|x)b`, "axb", "0", "0"},
		{"(a{210}){210}", "a", "0", "error"},
	} {
		require.Equal(t, c.glibc, kindOf(g.match(c.expr, c.text)), "glibc: %q on %q", c.expr, c.text)
		require.Equal(t, c.matchResults, kindOf(matchResults(t, c.expr, c.text)), "ours: %q on %q", c.expr, c.text)
	}
}

// TestClasses_EqualGlibc compares the classes of this package and of glibc for every character that both know. It
// allows a few differences, because the two use different versions of Unicode, between which some characters changed
// their class.
func TestClasses_EqualGlibc(t *testing.T) {
	g := startGlibc(t)
	glibcClass := func(class string) runeSet {
		var s runeSet
		for _, field := range strings.Fields(g.ask("class " + class)) {
			var lo, hi rune
			_, err := fmt.Sscanf(field, "%x-%x", &lo, &hi)
			require.NoError(t, err)
			s = append(s, lo, hi)
		}
		return s
	}
	count := func(s runeSet) (n int) {
		for i := 0; i < len(s); i += 2 {
			n += int(s[i+1]-s[i]) + 1
		}
		return n
	}
	unknown := func(class string) runeSet { return unionSets(glibcClass(class), glibcClass("cntrl")).negate() }("print")
	unknown = unionSets(unknown, unionSets(printableSet(), cntrlSet()).negate())
	for name, class := range classes {
		ask := name
		if name == "lower" || name == "upper" {
			ask = "alpha"
		}
		want, got := minus(glibcClass(ask), unknown), minus(class(), unknown)
		require.NotEmpty(t, want, name)
		require.LessOrEqual(t, count(minus(want, got))+count(minus(got, want)), 50, name)

		closed := slices.Clone(class())
		for _, r := range casedChars() { // all other characters fold to themselves
			if class().has(r) {
				closed = closed.addFolds(r)
			}
		}
		require.Equal(t, class(), closed.normal(), "%s is not closed under case folding", name)
	}
}
