package main

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// step is one line of a walk that is not output, or a comment.
type step struct {
	kind string // one of the kinds below, or "" for a comment
	text string
	line int
}

// The kinds of steps.
const (
	asUser       = "alice$ "
	asRoot       = "root# "
	untilUser    = "wait$ "
	untilRoot    = "wait# "
	onTerminal   = "alice> "
	drawing      = "alice>> "
	typeKeys     = "< "
	expectOutput = "= "
	expectPrompt = "? "
	endTerminal  = "."
)

var (
	commandKinds  = []string{asUser, asRoot, untilUser, untilRoot, drawing, onTerminal}
	terminalKinds = []string{typeKeys, expectOutput, expectPrompt, endTerminal}
)

// indent is at the beginning of each line that is not a comment.
const indent = "  "

// parse returns the steps of a walk, without the output.
func parse(text string) (steps []step, err error) {
	commands, isOnTerminal := 0, false
	var blank []step // the empty lines before this line: output if this line is output, otherwise comments
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		content, isIndented := strings.CutPrefix(line, indent)
		kinds := commandKinds
		if isOnTerminal {
			kinds = terminalKinds
		}
		s := step{"", line, i + 1}
		if isIndented {
			for _, kind := range kinds {
				if rest, ok := strings.CutPrefix(content, kind); ok {
					s.kind, s.text = kind, rest
					break
				}
			}
		}
		if line == "" && !isOnTerminal {
			blank = append(blank, s)
			continue
		}
		if !isIndented || s.kind != "" {
			steps = append(steps, blank...)
		}
		blank = nil
		switch {
		case isOnTerminal && s.kind == "":
			return nil, fmt.Errorf("line %d: a command on a terminal has not ended", s.line)
		case isIndented && s.kind == "":
			continue // output
		case s.kind == typeKeys:
			if _, err := unquote(s.text); err != nil {
				return nil, fmt.Errorf("line %d: %w", s.line, err)
			}
		case s.kind == endTerminal:
			isOnTerminal = false
		case s.kind == onTerminal || s.kind == drawing:
			isOnTerminal = true
		}
		if s.kind != "" {
			commands++
		}
		steps = append(steps, s)
	}
	switch {
	case commands == 0:
		return nil, errors.New("it has no commands")
	case isOnTerminal:
		return nil, errors.New("the last command on a terminal has not ended")
	}
	return append(steps, blank...), nil
}

// unquote returns the keys of a step, which are written as in a string of Go.
func unquote(keys string) (string, error) {
	return strconv.Unquote(`"` + strings.ReplaceAll(keys, `"`, `\"`) + `"`)
}

// system is where the commands run.
type system interface {
	// run runs a command and returns its output and its exit code.
	run(user, command string) (output string, code int, err error)
	// await repeats a command until it succeeds.
	await(user, command string) error
	// open starts a command on a terminal.
	open(user, command string) (terminal, error)
	// progress says which step begins.
	progress(s step)
}

// terminal is a terminal on which a command runs.
type terminal interface {
	enter(keys string) error
	// expect waits until the terminal shows a text after the last keys.
	expect(text string) error
	// expectPrompt waits until a prompt of a shell shows a text, and types a command again and again until then.
	expectPrompt(text string) error
	// end waits until the command ends, and returns all that the terminal has shown.
	end() (output string, code int, err error)
}

const user = "alice"

// walk runs the steps, and returns the text of the walk with their output.
func walk(m system, steps []step, normalize func(string) string) (string, error) {
	var b strings.Builder
	write := func(output string, code int) {
		// Empty lines at the end would be comments.
		for line := range strings.Lines(strings.TrimRight(normalize(output), " \n")) {
			b.WriteString(strings.TrimRight(indent+strings.TrimSuffix(line, "\n"), " ") + "\n")
		}
		if code != 0 {
			fmt.Fprintf(&b, "%s[%d]\n", indent, code)
		}
	}
	var t terminal
	isShown := false
	for _, s := range steps {
		m.progress(s)
		var err error
		var output string
		var code int
		if s.kind == "" {
			b.WriteString(s.text + "\n")
			continue
		}
		b.WriteString(indent + s.kind + s.text + "\n")
		switch s.kind {
		case asUser:
			output, code, err = m.run(user, s.text)
		case asRoot:
			output, code, err = m.run("root", s.text)
		case untilUser:
			err = m.await(user, s.text)
		case untilRoot:
			err = m.await("root", s.text)
		case onTerminal, drawing:
			isShown = s.kind == onTerminal
			t, err = m.open(user, s.text)
		case typeKeys:
			var keys string
			if keys, err = unquote(s.text); err == nil {
				err = t.enter(keys)
			}
		case expectOutput:
			err = t.expect(s.text)
		case expectPrompt:
			err = t.expectPrompt(s.text)
		case endTerminal:
			output, code, err = t.end()
			if !isShown {
				output = ""
			}
		}
		if err != nil {
			return b.String(), fmt.Errorf("line %d: %s: %w", s.line, s.text, err)
		}
		write(output, code)
	}
	return b.String(), nil
}

// replacement is what normalized output has instead of something that differs between runs.
type replacement struct {
	pattern *regexp.Regexp
	by      string
}

// newNormalizer returns the function that makes output equal in each run.
func newNormalizer(version string) func(string) string {
	replacements := []replacement{
		{regexp.MustCompile(`\x1b\[[0-9;?]*[a-zA-Z]|\x1b\][^\x07]*\x07`), ""},
		{regexp.MustCompile(`\r`), ""},
		{regexp.MustCompile(`\b20[0-9]{2}-[01][0-9]-[0-3][0-9][ T][0-9:]{5,8}( ?(UTC|Z))?`), "TIME"},
		{regexp.MustCompile(`\b(just now|([0-9]+|an?) (second|minute|hour|day)s? ago)\b`), "SOME TIME ago"},
		{regexp.MustCompile(`\bnext request in (less than a minute|([0-9]+|an?) (second|minute|hour|day)s?)\b`), "next request in SOME TIME"},
		{regexp.MustCompile(`(?m)(bytes, )[0-9.]+m?s$`), "${1}SOME TIME"},
		{regexp.MustCompile(`\b[0-9]+ years old\b`), "SOME YEARS old"},
		{regexp.MustCompile(`(127\.0\.0\.1|\[::1\]):[0-9]+->`), "PORT->"},
		{regexp.MustCompile(`\(process [0-9]+`), "(process NUMBER"},
		{regexp.MustCompile(`\bgeneration [0-9]+`), "generation NUMBER"},
		// omgd compares its answers with libalpm in the background, and fish writes completions in the background.
		{regexp.MustCompile(`(?m)^( *ok +libalpm) +[0-9.]+$`), "$1"},
		{regexp.MustCompile(`(?m)^.*/fish/generated_completions/.*\n`), ""},
	}
	return func(output string) string {
		if version != "" {
			output = strings.ReplaceAll(output, version, "VERSION")
		}
		for _, r := range replacements {
			output = r.pattern.ReplaceAllString(output, r.by)
		}
		return output
	}
}
