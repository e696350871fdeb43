// Package setup makes the changes of omg setup: a file of settings beside the user's config.toml, and a block that shows omg-probe
// in the prompt of a shell. It changes nothing else in the startup file of the shell, except that it ends an unfinished last line.
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

// errBlock means that the lines beginLine and endLine are not one pair.
var errBlock = errors.New("the lines of omg setup in it are incomplete: remove them, from \"" + beginLine + "\" to \"" + endLine + "\"")

// text is the content of a file, divided at its block.
type text struct {
	before, after []string // the lines outside of the block
	block         []string // the lines between beginLine and endLine
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
	return t, nil
}

// withBlock returns the content with other lines in the block. If lines is empty, the content has no block. A new block is at the
// end of the file.
func (t *text) withBlock(lines []string) string {
	var b strings.Builder
	write := func(lines []string) {
		for _, line := range lines {
			b.WriteString(line)
		}
	}
	write(t.before)
	if len(lines) > 0 {
		if s := b.String(); s != "" && !strings.HasSuffix(s, "\n") {
			b.WriteByte('\n')
		}
		for _, line := range slices.Concat([]string{beginLine}, lines, []string{endLine}) {
			b.WriteString(line + "\n")
		}
	}
	write(t.after)
	return b.String()
}

// diff returns the lines of the change of the block: removed lines begin with -, added lines with +.
func (t *text) diff(lines []string) (changes []string) {
	marked := func(mark string, lines []string) {
		for _, line := range slices.Concat([]string{beginLine}, lines, []string{endLine}) {
			changes = append(changes, mark+line)
		}
	}
	if t.hasBlock {
		marked("-", t.block)
	}
	if len(lines) > 0 {
		marked("+", lines)
	}
	return changes
}
