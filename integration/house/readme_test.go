package house

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var target = regexp.MustCompile(`(?m)^([a-z][a-z-]*):[^=\n]* ## `)

// commands returns the lines of a document's ```sh blocks, without comments.
func commands(t *testing.T, text string) []string {
	t.Helper()
	var lines []string
	inside := false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "```"):
			inside = line == "```sh"
		case inside && line != "" && !strings.HasPrefix(line, "#"):
			lines = append(lines, line)
		}
	}
	require.NotEmpty(t, lines, "no ```sh block")
	return lines
}

func TestDocumentsNameRealTargets(t *testing.T) {
	targets := map[string]bool{}
	for _, m := range target.FindAllStringSubmatch(read(t, "Makefile"), -1) {
		targets[m[1]] = true
	}
	require.NotEmpty(t, targets)
	for _, document := range []string{"README.md", "CONTRIBUTING.md"} {
		checked := 0
		for _, line := range commands(t, read(t, document)) {
			words := strings.Fields(line)
			if words[0] != "make" {
				continue
			}
			for _, word := range words[1:] {
				if strings.HasPrefix(word, "#") {
					break
				}
				if !strings.Contains(word, "=") {
					checked++
					require.True(t, targets[word], "%s: %q: make has no target %s", document, line, word)
				}
			}
		}
		require.NotZero(t, checked, document)
	}
}

func TestReadmeOpensWithTheTwoCommands(t *testing.T) {
	first := commands(t, read(t, "README.md"))[:2]
	require.Regexp(t, `^make demo\b`, first[0])
	require.Regexp(t, `^make test\b`, first[1])
}
