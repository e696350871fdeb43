// Package setup makes the changes of omg setup: a file of settings beside the user's config.toml, and a block that shows omg-probe
// in the prompt of a shell. It changes nothing else in the startup file of the shell, except that it ends an unfinished last line.
// It records what it cannot find again otherwise, so that all changes can be undone.
package setup

import (
	"errors"
	"slices"
	"strings"
)

// beginLine and endLine are the first and the last line of a block. Both are comments in all supported shells.
const (
	beginLine = "# >>> omg setup >>>"
	endLine   = "# <<< omg setup <<<"
)

// A block begins with a note if its removal has to undo more than its own lines.
const (
	createdNote = "# This file did not exist before."
	endedNote   = "# The line above had no line end before."
)

// errBlock means that the lines beginLine and endLine are not one pair.
var errBlock = errors.New("the lines of omg setup in it are incomplete: remove them, from \"" + beginLine + "\" to \"" + endLine + "\"")

// text is the content of a file, divided at its block.
type text struct {
	before, after []string // the lines outside of the block
	block         []string // the lines between beginLine and endLine, without the note
	note          string   // createdNote, endedNote or empty
	hasBlock      bool
}

// parse divides the content of a file.
func parse(content string) (t text, err error) {
	lines := strings.SplitAfter(content, "\n")
	if lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	isLine := func(want string) func(string) bool {
		return func(line string) bool { return strings.TrimRight(line, "\r\n") == want }
	}
	begin, end := slices.IndexFunc(lines, isLine(beginLine)), slices.IndexFunc(lines, isLine(endLine))
	if begin < 0 && end < 0 {
		return text{before: lines}, nil
	}
	if begin < 0 || end < begin || slices.ContainsFunc(lines[begin+1:end], isLine(beginLine)) ||
		slices.ContainsFunc(lines[end+1:], func(line string) bool { return isLine(beginLine)(line) || isLine(endLine)(line) }) {
		return text{}, errBlock
	}
	t = text{before: lines[:begin], after: lines[end+1:], hasBlock: true}
	for _, line := range lines[begin+1 : end] {
		t.block = append(t.block, strings.TrimRight(line, "\r\n"))
	}
	if len(t.block) > 0 && (t.block[0] == createdNote || t.block[0] == endedNote) {
		t.note, t.block = t.block[0], t.block[1:]
	}
	return t, nil
}

// noteFor returns the note of the block, or of a new block at the end of the file.
func (t *text) noteFor(exists bool) string {
	switch {
	case t.hasBlock:
		return t.note
	case !exists:
		return createdNote
	case len(t.before) > 0 && !strings.HasSuffix(t.before[len(t.before)-1], "\n"):
		return endedNote
	}
	return ""
}

// withBlock returns the content with other lines, and a note, in the block. If lines is empty, the content has no block. A new block
// is at the end of the file.
func (t *text) withBlock(note string, lines []string) string {
	var b strings.Builder
	for _, line := range t.before {
		b.WriteString(line)
	}
	if len(lines) > 0 {
		if s := b.String(); s != "" && !strings.HasSuffix(s, "\n") {
			b.WriteByte('\n')
		}
		for _, line := range block(note, lines) {
			b.WriteString(line + "\n")
		}
	} else if t.note == endedNote && len(t.after) == 0 {
		return strings.TrimSuffix(b.String(), "\n")
	}
	for _, line := range t.after {
		b.WriteString(line)
	}
	return b.String()
}

// block returns all lines of a block.
func block(note string, lines []string) []string {
	all := []string{beginLine}
	if note != "" {
		all = append(all, note)
	}
	return append(append(all, lines...), endLine)
}

// diff returns the lines of the change of the block: removed lines begin with -, added lines with +.
func (t *text) diff(note string, lines []string) (changes []string) {
	if t.hasBlock {
		for _, line := range block(t.note, t.block) {
			changes = append(changes, "-"+line)
		}
	}
	if len(lines) > 0 {
		for _, line := range block(note, lines) {
			changes = append(changes, "+"+line)
		}
	}
	return changes
}
