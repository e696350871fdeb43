package posixre

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// ours answers as glibc.match does.
func ours(t *testing.T, expr string, texts ...string) string {
	e, err := Compile(expr)
	if err != nil {
		return "error: " + err.Error()
	}
	var out strings.Builder
	for _, text := range texts {
		matched := e.MatchString(text)
		at := e.FindIndex([]byte(text))
		require.Equal(t, matched, at != nil, "%q on %q", expr, text)
		out.WriteByte("01"[truth(matched)])
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

// TestRandomExpressionsAsGlibc builds expressions of all operators, right and
// wrong ones.
func TestRandomExpressionsAsGlibc(t *testing.T) {
	g := startGlibc(t)
	r := rand.New(rand.NewPCG(1, 2))
	tokens := []string{
		"a", "b", "a", "b", "A", "_", "-", "é", "É", " ", "c", ".", ".", "*", "+", "?", "|", "|", "(", ")", "(", ")", "^", "$",
		`\<`, `\>`, `\b`, `\B`, `\w`, `\W`, `\s`, `\S`, "\\`", `\'`, "{", "}", "{1}", "{2}", "{,2}", "{1,}", "{0,1}", "{0}", "{2,1}", ",",
		"[ab]", "[^a]", "[[:alpha:]]", "[^[:digit:]_]", "[", "]", "[]a]", "[a-c]", "[=", "[.-.]", "[[=b=]]", "\\", `\.`, `\n`, `\*`, "1", "\n",
	}
	letters := []string{"a", "b", "a", "b", "B", "c", "_", "-", " ", "é", "É", "1", "\n", ".", "*", "\\", "]", ")"}
	const rounds = 6000
	errors, matches := 0, 0
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
		want, got := g.match(expr, texts...), ours(t, expr, texts...)
		require.Equal(t, kindOf(want), kindOf(got), "%q: glibc %s, ours %s, texts %q", expr, want, got, texts)
		if kindOf(want) == "error" {
			errors++
		} else if strings.Contains(want, "1") {
			matches++
		}
	}
	require.Greater(t, errors, rounds/10)
	require.Greater(t, matches, rounds/10)
}
