package archtest

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
)

var target = regexp.MustCompile(`(?m)^([a-z][a-z0-9 -]*):[^=\n]* ## `)

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

// makeTargets returns the Makefile's targets that `make help` lists.
func makeTargets(t *testing.T) map[string]bool {
	t.Helper()
	targets := map[string]bool{}
	for _, m := range target.FindAllStringSubmatch(read(t, "Makefile"), -1) {
		for _, name := range strings.Fields(m[1]) {
			targets[name] = true
		}
	}
	require.NotEmpty(t, targets)
	return targets
}

func TestDocs_NameRealTargets(t *testing.T) {
	targets := makeTargets(t)
	for _, document := range []string{"README.md", "CONTRIBUTING.md", "docs/packagers.md", "docs/releasing.md"} {
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

// TestDocs_Links checks that each link leads to an existing file, and to an existing heading if the link has a
// fragment.
func TestDocs_Links(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#$\s]*)(?:#([^)\s]+))?\)`)
	dir := root(t)
	checked := 0
	files(t, func(path string) {
		if filepath.Ext(path) != ".md" {
			return
		}
		for _, m := range link.FindAllStringSubmatch(read(t, path), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			checked++
			to := filepath.Join(filepath.Dir(path), m[1])
			if m[1] == "" {
				to = path
			}
			if _, err := os.Stat(filepath.Join(dir, to)); err != nil {
				t.Errorf("%s: %s leads nowhere", path, m[0])
			} else if m[2] != "" && !slices.Contains(anchors(read(t, to)), m[2]) {
				t.Errorf("%s: %s: there is no such heading", path, m[0])
			}
		}
	})
	require.NotZero(t, checked)
}

// anchors are the names by which a document's headings can be linked.
func anchors(text string) (all []string) {
	for line := range strings.Lines(text) {
		if title, ok := strings.CutPrefix(strings.TrimLeft(line, "#"), " "); ok && strings.HasPrefix(line, "#") {
			name := strings.Map(func(r rune) rune {
				switch {
				case r == ' ':
					return '-'
				case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
					return unicode.ToLower(r)
				}
				return -1
			}, strings.TrimSpace(title))
			all = append(all, name)
		}
	}
	return all
}

// TestDocs_ReachedAndWhole: each document of docs/ can be reached from the README,
// and each table is whole: a row after a blank line does not belong to it.
func TestDocs_ReachedAndWhole(t *testing.T) {
	readme := read(t, "README.md") + read(t, "CONTRIBUTING.md")
	checked := 0
	files(t, func(path string) {
		if filepath.Ext(path) != ".md" {
			return
		}
		if filepath.Dir(path) == "docs" {
			checked++
			require.Contains(t, readme, "("+path+")", "no link leads to it")
		}
		before := []string{"", ""}
		for line := range strings.Lines(read(t, path)) {
			if strings.HasPrefix(line, "|") && !strings.HasPrefix(before[0], "|") {
				before = []string{line, "header"}
				continue
			}
			if before[1] == "header" {
				require.Regexp(t, `^\|[ :|-]+\|$`, strings.TrimSpace(line), "%s: a table without a header: %s", path, before[0])
			}
			before = []string{line, ""}
		}
	})
	require.NotZero(t, checked)
}

func TestReadme_FirstCommands(t *testing.T) {
	first := commands(t, read(t, "README.md"))[:2]
	require.Regexp(t, `^make demo\b`, first[0])
	require.Regexp(t, `^make test\b`, first[1])
}
