// Package letters parses command lines in the form of pacman's, such as -Qe or -Ssq, and decides what omg does with them. It
// refuses exactly the command lines that pacman refuses.
package letters

import (
	"fmt"
	"slices"
	"strings"

	"github.com/omg-arch/omg/shared/termtext"
)

// Line is a command line of pacman.
type Line struct {
	// Operation is the letter of the operation: one of DFQRSTU. It is 0 if only the help or the version is requested.
	Operation     byte
	Help, Version bool
	// Targets are the arguments that are not options.
	Targets []string

	several bool // the line has more than one operation
	counts  map[string]int
	values  map[string][]string
	args    []string
}

// Count returns how often an option was given. The parameter is the long form of the option without its dashes.
func (l *Line) Count(option string) int { return l.counts[option] }

// Has reports whether an option was given.
func (l *Line) Has(option string) bool { return l.counts[option] > 0 }

// Value returns the last value of an option, or an empty string.
func (l *Line) Value(option string) string {
	if list := l.values[option]; len(list) > 0 {
		return list[len(list)-1]
	}
	return ""
}

// Values returns all values of an option.
func (l *Line) Values(option string) []string { return l.values[option] }

// Kind is what a command line needs.
type Kind int

// The kinds of command lines.
const (
	// Reads means that the line only reads databases and files.
	Reads Kind = iota
	// Writes means that the line changes packages, databases or pacman's cache.
	Writes
	// Unanswered means that the line only reads, but omg has no answer: what a transaction would do, and pacman's own steps.
	Unanswered
)

// Kind returns what the command line needs.
func (l *Line) Kind() Kind {
	kind := l.kindOfOperation()
	if kind == Reads && l.Has("debug") {
		return Unanswered // pacman prints its own steps
	}
	return kind
}

func (l *Line) kindOfOperation() Kind {
	switch l.Operation {
	case 'D':
		if !l.Has("check") {
			return Writes
		}
	case 'F':
		if l.Has("refresh") {
			return Writes
		}
	case 'R', 'U':
		if l.prints() {
			return Unanswered
		}
		return Writes
	case 'S':
		switch {
		case l.Has("clean") || l.Has("refresh"):
			return Writes
		case l.Has("groups") || l.Has("info") || l.Has("list") || l.Has("search"):
			return Reads
		case l.prints():
			return Unanswered
		}
		return Writes
	}
	return Reads
}

// Usage returns a help text for the operation of the line.
func (l *Line) Usage() string {
	var b strings.Builder
	if l.Operation == 0 {
		return "usage: omg -OPERATION [OPTION]... [TARGET]...\n\nThe operations are those of pacman: -Q, -S, -F, -T, -D. omg --help lists omg's own commands.\n"
	}
	fmt.Fprintf(&b, "usage: omg -%c [OPTION]... [TARGET]...\n\nomg prints what pacman -%c prints; pacman(8) describes the options:\n", l.Operation, l.Operation)
	for field := range strings.FieldsSeq(operationOptions[l.Operation] + " b:dbpath r:root v:verbose -config -color -sysroot") {
		if letter, name, ok := strings.Cut(field, ":"); ok {
			fmt.Fprintf(&b, "  -%s, --%s\n", letter, name)
		} else {
			fmt.Fprintf(&b, "      -%s\n", field)
		}
	}
	return b.String()
}

// NeedsRepositories reports whether a line that only reads needs the databases of the repositories.
func (l *Line) NeedsRepositories() bool {
	switch l.Operation {
	case 'S':
		return true
	case 'Q':
		return l.Has("native") || l.Has("foreign") || l.Has("upgrades")
	case 'D':
		return l.Count("check") > 1
	}
	return false
}

// NeedsFiles reports whether a line that only reads needs the lists of files of the repositories.
func (l *Line) NeedsFiles() bool { return l.Operation == 'F' }

// IsOperation reports whether an argument contains an operation of pacman, such as -Qe or --query, or -V.
func IsOperation(arg string) bool {
	if name, ok := strings.CutPrefix(arg, "--"); ok {
		_, operation, _ := findLong(name)
		return operation != 0 && name != ""
	}
	letters, ok := strings.CutPrefix(arg, "-")
	if !ok {
		return false
	}
	for i := range len(letters) {
		c := letters[i]
		switch {
		case operations[c] != "", c == 'V':
			return true
		case c < 'a' || c > 'z' || c == 'b' || c == 'r':
			return false
		}
	}
	return false
}

// SkipOption returns the number of arguments that the option at the start of args takes, with its value. It returns 0 if args does
// not begin with an option of pacman or one of omg's own that may stand beside them.
func SkipOption(args []string) int {
	name, ok := strings.CutPrefix(args[0], "--")
	if !ok {
		letters, ok := strings.CutPrefix(args[0], "-")
		if !ok || letters == "" {
			return 0
		}
		_, usesNext, err := new(Line).cluster(letters, append(slices.Clone(args[1:]), ""))
		if err != nil {
			return 0
		}
		return count(usesNext)
	}
	name, _, inline := strings.Cut(name, "=")
	if o, _, _ := findLong(name); o != nil && name != "" {
		return count(o.hasValue && !inline)
	}
	return 0
}

func count(usesNext bool) int {
	if usesNext {
		return 2
	}
	return 1
}

// PacmanCommand returns the command line of pacman, quoted for a shell, without omg's own options. The parameter program is the
// start of the line, such as "sudo pacman".
func (l *Line) PacmanCommand(program string) string {
	words := []string{program}
	for i := 0; i < len(l.args); i++ {
		arg := l.args[i]
		if arg == "--" {
			for _, rest := range l.args[i:] {
				words = append(words, Quote(rest))
			}
			break
		}
		if name, ok := strings.CutPrefix(arg, "--"); ok {
			name, value, inline := strings.Cut(name, "=")
			if isOwn(name) {
				hasValue := name != "no-daemon"
				if hasValue && !inline && i+1 < len(l.args) {
					i++
					value = l.args[i]
				}
				if name == "pacman-config" {
					words = append(words, "--config", Quote(value))
				}
				continue
			}
		}
		words = append(words, Quote(arg))
	}
	return strings.Join(words, " ")
}

// Quote returns a word as a POSIX shell reads it. Characters that are not safe for a terminal are written as escape sequences, which
// the shells bash, zsh and ksh read.
func Quote(word string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./=:,+@%^"
	if word != "" && strings.Trim(word, plain) == "" {
		return word
	}
	if termtext.Clean(word) != word || strings.Contains(word, "\n") {
		return quoteBytes(word)
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// quoteBytes quotes a word with the escape sequences of a shell for every byte that is not a printable ASCII character.
func quoteBytes(word string) string {
	var b strings.Builder
	b.WriteString("$'")
	for i := range len(word) {
		switch c := word[i]; {
		case c == '\'' || c == '\\':
			b.WriteString(`\` + string(c))
		case c < ' ' || c > '~':
			fmt.Fprintf(&b, `\%03o`, c) // unlike \x, it has a fixed number of digits
		default:
			b.WriteByte(c)
		}
	}
	return b.String() + "'"
}
