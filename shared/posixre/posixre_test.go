package posixre

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/fold"
)

func TestCompile_Errors(t *testing.T) {
	for expr, want := range map[string]string{
		"a[b":                          `regular expression "a[b": unmatched "[" at character 2`,
		"+":                            `regular expression "+": nothing to repeat before "+" at character 1`,
		"é|*a":                         `regular expression "é|*a": nothing to repeat before "*" at character 3`,
		"^*":                           `regular expression "^*": nothing to repeat before "*" at character 2`,
		"x(a":                          `regular expression "x(a": unmatched "(" at character 2`,
		`a\`:                           `regular expression "a\\": nothing after the backslash at character 2`,
		"a{":                           `regular expression "a{": unmatched "{" at character 2`,
		"a{x}":                         `regular expression "a{x}": wrong count after "{" at character 2`,
		"a{}":                          `regular expression "a{}": wrong count after "{" at character 2`,
		"a{2,1}":                       `regular expression "a{2,1}": the minimum count is above the maximum at character 2`,
		"a{32768}":                     `regular expression "a{32768}": a count above 32767 at character 2`,
		"[Z-a]":                        `regular expression "[Z-a]": wrong range in brackets at character 2`,
		"[a-z-9]":                      `regular expression "[a-z-9]": misplaced "-" in brackets at character 5`,
		"[[:foo:]]":                    `regular expression "[[:foo:]]": unknown class "foo" in brackets at character 2`,
		"[[.space.]]":                  `regular expression "[[.space.]]": unknown collating symbol "space" in brackets at character 2`,
		`(a)\1`:                        `regular expression "(a)\\1": back-references are not supported at character 4`,
		"a\xff":                        `regular expression "a\xff": bytes that are not UTF-8 at character 2`,
		"[\u202e\x1b[":                 `regular expression "[\u202e\x1b[": unmatched "[" at character 1`,
		"[" + strings.Repeat("é", 100): `regular expression "[` + strings.Repeat("é", 59) + `"...: unmatched "[" at character 1`,
	} {
		_, err := Compile(expr)
		var typed *Error
		require.ErrorAs(t, err, &typed, expr)
		require.Equal(t, expr, typed.Expr)
		require.EqualError(t, err, want)
	}
	_, err := Compile(`(a)\1`)
	require.ErrorIs(t, err, ErrBackReference)
}

func TestCompile_Limits(t *testing.T) {
	for name, expr := range map[string]string{
		"length":  strings.Repeat("a", maxLength+1),
		"nesting": strings.Repeat("(", 60_000),
		"counts":  "(a{300}){300}",
		"branch":  "a{30000}a{30000}",
		"either":  "a{30000}|a{30000}",
		"anchors": strings.Repeat(`(\<|x)`, maxMarkCopies+1),
		"sets":    strings.Repeat(`\w\W`, 10_000),
	} {
		_, err := Compile(expr)
		require.ErrorIs(t, err, ErrTooLarge, name)
		require.Less(t, len(err.Error()), 500, name)
	}
	nested := func(open, within, end string) string {
		return strings.Repeat(open, maxDepth) + within + strings.Repeat(end, maxDepth)
	}
	for name, c := range map[string]struct{ expr, text string }{
		"length":         {"^" + strings.Repeat("a", 10_000), strings.Repeat("A", 10_000)},
		"stars":          {"a" + strings.Repeat("*", 10_000), ""},
		"branches":       {strings.Repeat("b|", 5_000) + "a", "a"},
		"many groups":    {"^" + strings.Repeat("(a)", 3_000), strings.Repeat("a", 3_000)},
		"count":          {"^a{32767}$", strings.Repeat("a", maxCount)},
		"count in count": {"^((a{70}){7}){70}$", strings.Repeat("a", 34_300)},
		"no more":        {"^b{3000,3001}$", strings.Repeat("b", 3_001)},
		"at least":       {"^b{2500,}$", strings.Repeat("b", 2_500)},
		"nesting":        {nested("(", "a", ")"), "a"},
		"nested mixture": {nested("(x|y", "a", "z*)*"), "a"},
		"nested anchors": {nested("(x|y", `\<a`, "z*)*"), "a"},
		"exponential":    {"(a*)*(a|aa)*(a|a)*b", strings.Repeat("a", 5_000) + "b"},
	} {
		e, err := Compile(c.expr)
		require.NoError(t, err, name)
		require.True(t, e.MatchString(c.text), name)
		require.NotNil(t, e.FindIndex([]byte(c.text)), name)
	}
	for expr, text := range map[string]string{
		"^b{3000,3001}$":      strings.Repeat("b", 3_002),
		"^b{2500,}$":          strings.Repeat("b", 2_499),
		"(a*)*(a|aa)*(a|a)*b": strings.Repeat("a", 5_000),
	} {
		e, err := Compile(expr)
		require.NoError(t, err)
		require.False(t, e.MatchString(text), expr)
	}
}

func TestFindIndex_LeftmostLongest(t *testing.T) {
	for _, c := range []struct {
		expr, text string
		start, end int
	}{
		{"a|ab", "xabab", 1, 3},
		{`\<a|ab\>`, "xab ab", 1, 3},
		{`\<é+`, "aé éÉ", 4, 8},
		{`é\>`, "éa é", 4, 6},
		{`\B`, "ab", 1, 1},
		{`\b`, " é", 1, 1},
		{`\>`, "\xffé", 3, 3},
		{`x\>`, "\uFDD0x", 3, 4},
		{`.\>$`, "a\nb", 0, 1},
	} {
		e, err := Compile(c.expr)
		require.NoError(t, err)
		require.Equal(t, []int{c.start, c.end}, e.FindIndex([]byte(c.text)), "%q on %q", c.expr, c.text)
		require.Equal(t, c.expr, e.String())
	}
}

// TestWordAnchors_ASCII compares matches in marked text with those of package regexp, whose \b and \B have the same
// meaning for ASCII text.
func TestWordAnchors_ASCII(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	tokens := []string{"a", "b", "-", ".", "(a*)", `(a|\b)`, `(\B|b)`, `\b`, `\B`, `\b`, "(b+)", "(-?)", "[^a]", `(\b-?){2}`, `(\Ba?){3}`, "^", "$"}
	texts := []string{"", "a", "ab", "-", "a-b", "--", "ab-ba a_b", "b\na"}
	for range 3000 {
		expr := ""
		for range 1 + r.IntN(6) {
			expr += choose(r, tokens)
		}
		e, err := Compile(expr)
		require.NoError(t, err)
		plain := regexp.MustCompile("(?im)" + strings.ReplaceAll(expr, "[^a]", `[^a\n]`))
		plain.Longest()
		for _, text := range texts {
			require.Equal(t, plain.FindStringIndex(text), e.FindIndex([]byte(text)), "%q on %q", expr, text)
		}
	}
}

func TestRequiredLiterals(t *testing.T) {
	for expr, want := range map[string][]string{
		"firefox":              {"firefox"},
		"FireFox.*i18N":        {"firefox", "i18n"},
		"libc++":               {"libc"},
		"libstdc++x":           {"libstdc"},
		"(abc)+def":            {"abc", "abcdef"},
		"(abc){2}d":            {"abcabcd"},
		"(abc){2,}d":           {"abcabc", "abcabcd"},
		"(abc)*def":            {"def"},
		"(abc.)+def":           {"abc", "def"},
		"ab|abcd":              nil,
		"(gtk3|gtk3mm)-demo":   {"-demo", "gtk3"},
		"(foo|bar)":            nil,
		`\<python\>-[0-9]+`:    {"python-"},
		"py[t]hon":             {"python"},
		"py[tT]hon":            {"hon"},
		"É\u212Ak":             {"Ékk"},
		"a.b":                  nil,
		"":                     nil,
		"xyz{0}":               nil,
		"(xyz|xyz)?abc":        {"abc"},
		"ab\uFFFDcde\x00fg":    {"cde"},
		`\.\*lib`:              {".*lib"},
		"((((a+b)+c)+d)+efg)+": {"efg"},
	} {
		e, err := Compile(expr)
		require.NoError(t, err, expr)
		require.Equal(t, want, e.RequiredLiterals(), "%q", expr)
	}
}

// foldText returns text in the form in which an index stores it.
func foldText(text string) string {
	var out strings.Builder
	for i, r := range text {
		if _, n := utf8.DecodeRuneInString(text[i:]); r == utf8.RuneError && n == 1 {
			out.WriteByte(text[i])
		} else {
			out.WriteRune(fold.Rune(r))
		}
	}
	return out.String()
}

// requireSearchable checks two properties on which a search in an index relies: the expression matches a text if and
// only if it matches the case-folded text, and a case-folded text that matches contains all required strings.
func requireSearchable(t *testing.T, e *Expr, text string) {
	folded := foldText(text)
	matched := e.MatchString(text)
	require.Equal(t, matched, e.MatchString(folded), "%q on %q", e, text)
	at := e.FindIndex([]byte(text))
	require.Equal(t, matched, at != nil, "%q on %q", e, text)
	if matched {
		require.True(t, 0 <= at[0] && at[0] <= at[1] && at[1] <= len(text), "%q on %q: %v", e, text, at)
		for _, lit := range e.RequiredLiterals() {
			require.GreaterOrEqual(t, len(lit), minRequired)
			require.Contains(t, folded, lit, "%q on %q", e, text)
		}
	}
}

func TestRequiredLiterals_InEveryMatch(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	parts := []string{"ab", "B", "c", "É", "\u212A", "(", ")", "|", "*", "+", "?", "{2}", "{1,}", "{0,2}", ".", "[b]", "[^a]", `\<`, "^", "ſ"}
	letters := []string{"a", "b", "B", "c", "é", "É", "k", "\u212A", "S", "ſ", "ab", "abab", "cab"}
	matches := 0
	for range 8_000 {
		expr := ""
		for range 2 + r.IntN(8) {
			expr += choose(r, parts)
		}
		e, err := Compile(expr)
		if err != nil || len(e.RequiredLiterals()) == 0 {
			continue
		}
		for range 20 {
			text := ""
			for range r.IntN(8) {
				text += choose(r, letters)
			}
			requireSearchable(t, e, text)
			if e.MatchString(text) {
				matches++
			}
		}
	}
	require.Greater(t, matches, 200)
}

func FuzzCompile(f *testing.F) {
	for _, seed := range []string{
		`^lib`, `c++`, `\<go\>`, `[[:digit:]]{3}`, `(a|b)*c{2,}`, `[^]a-z]`, `\bé\B`, "[[.-.]-a]", `a{1001}`, `(\<|x){3}\W`, "\xff", "[\x00-\U0010ffff]",
	} {
		f.Add(seed, "Go 123 lib-é\xff\n")
	}
	f.Fuzz(func(t *testing.T, expr, text string) {
		if len(expr) > 200 || len(text) > 200 {
			return // larger expressions are slow and add no new cases
		}
		e, err := Compile(expr)
		if err != nil {
			var typed *Error
			require.ErrorAs(t, err, &typed)
			require.NotContains(t, err.Error(), "\n")
			return
		}
		requireSearchable(t, e, text)
	})
}

func TestLiteral(t *testing.T) {
	for expr, want := range map[string]string{
		"rg": "rg", "Git": "git", `a\.b`: "a.b", "É": "É", "é/x": "É/x",
		"": "", "a.b": "", "^a": "", "a|b": "", "(a)": "a", "a*": "", "[a]": "a", "[ab]": "", "a\uFFFD": "",
	} {
		e, err := Compile(expr)
		require.NoError(t, err)
		got, ok := e.Literal()
		require.Equal(t, want, got, expr)
		require.Equal(t, want != "", ok, expr)
		for _, text := range []string{"", "rg", "xGIT", "a.b", "axb", "\xffé/X", "b", "a\xff"} {
			require.Equal(t, e.MatchString(text), e.Match([]byte(text)), "%q and %q", expr, text)
			if ok {
				require.Equal(t, e.MatchString(text), strings.Contains(fold.String(text), got), "%q and %q", expr, text)
			}
		}
	}
}
