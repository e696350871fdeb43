package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// documentPassages returns the paragraphs and table rows of documents and manual pages.
func documentPassages(root string) (all []sample, err error) {
	for _, kind := range []struct{ name, suffix, under string }{
		{"document", ".md", "."}, {"manual", "", "integration/manuals/pages"},
	} {
		under := filepath.Join(root, kind.under)
		if _, err := os.Stat(under); err != nil {
			continue
		}
		err = eachFile(under, kind.suffix, func(path string) error {
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			name, _ := filepath.Rel(root, path)
			for _, p := range paragraphs(string(text)) {
				all = append(all, sample{kind.name, fmt.Sprintf("%s:%d", name, p.line), p.text})
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

type paragraph struct {
	line int
	text string
}

// paragraphs returns the paragraphs, list entries and table rows of a document, without code.
func paragraphs(text string) (all []paragraph) {
	var lines []string
	begin, code := 0, false
	end := func() {
		if joined := strings.Join(lines, "\n"); countWords(joined) >= minPassageWords && isMostlyLetters(joined) {
			all = append(all, paragraph{begin, joined})
		}
		lines = nil
	}
	for i, line := range strings.Split(text, "\n") {
		trimmed := strings.TrimSpace(line)
		fence := strings.HasPrefix(trimmed, "```")
		starts := strings.HasPrefix(trimmed, "- ") || strings.HasPrefix(trimmed, "|") || strings.HasPrefix(trimmed, ".") || strings.HasPrefix(trimmed, "#")
		if fence || trimmed == "" || starts {
			end()
		}
		if fence {
			code = !code
		}
		if fence || code || trimmed == "" {
			continue
		}
		if len(lines) == 0 {
			begin = i + 1
		}
		lines = append(lines, line)
	}
	end()
	return all
}

// isMostlyLetters reports whether a paragraph is more than markup.
func isMostlyLetters(s string) bool {
	letters := 0
	for _, r := range s {
		if 'a' <= r && r <= 'z' {
			letters++
		}
	}
	return letters*2 >= len(s)
}
