package letters

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// argument is one option of a command line, in the order in which it was typed.
type argument struct {
	letter   byte   // the lower-case letter; 0 for a long option
	name     string // the long option; "" for a letter
	value    string
	hasValue bool
}

// Parse parses the arguments after the name of the program, as pacman does with getopt_long(3): letters can be joined, options may
// follow targets, long options may be abbreviated, and "--" ends the options.
func Parse(args []string) (*Line, error) {
	l := &Line{counts: map[string]int{}, values: map[string][]string{}, args: slices.Clone(args)}
	options, err := l.split(args)
	switch {
	case err != nil:
		return nil, err
	case l.several:
		return nil, invalidf("only one operation may be used at a time")
	case l.Help || l.Version:
		return l, nil
	case l.Operation == 0:
		return nil, invalidf("no operation specified (use -h for help)")
	}
	for _, o := range options {
		if err := l.apply(o); err != nil {
			return nil, err
		}
	}
	if err := l.check(); err != nil {
		return nil, err
	}
	return l, nil
}

// invalidf returns an error for a command line that pacman refuses. Pacman's exit code is 1.
func invalidf(format string, args ...any) error { return &InvalidError{fmt.Sprintf(format, args...)} }

// InvalidError is the error for a command line that pacman refuses.
type InvalidError struct{ text string }

func (e *InvalidError) Error() string { return e.text }

// split separates operations, options and targets. It stores operations and targets in l.
func (l *Line) split(args []string) (options []argument, err error) {
	inOrder := os.Getenv("POSIXLY_CORRECT") != ""
	for i := 0; i < len(args); i++ {
		arg := args[i]
		switch {
		case arg == "--":
			l.Targets = append(l.Targets, args[i+1:]...)
			return options, nil
		case len(arg) < 2 || arg[0] != '-':
			if inOrder {
				l.Targets = append(l.Targets, args[i:]...)
				return options, nil
			}
			l.Targets = append(l.Targets, arg)
		case strings.HasPrefix(arg, "--"):
			o, usesNext, err := l.long(arg[2:], args[i+1:])
			if err != nil {
				return nil, err
			}
			if o != nil {
				options = append(options, *o)
			}
			if usesNext {
				i++
			}
		default:
			list, usesNext, err := l.cluster(arg[1:], args[i+1:])
			if err != nil {
				return nil, err
			}
			options = append(options, list...)
			if usesNext {
				i++
			}
		}
	}
	return options, nil
}

// long parses a long option without its dashes. It returns nil for an operation. usesNext means that rest[0] is its value.
func (l *Line) long(text string, rest []string) (a *argument, usesNext bool, err error) {
	name, value, inline := strings.Cut(text, "=")
	o, operation, similar := findLong(name)
	switch {
	case len(similar) > 0:
		return nil, false, invalidf("option '--%s' is ambiguous; possibilities: '--%s'", name, strings.Join(similar, "' '--"))
	case o == nil:
		return nil, false, invalidf("unrecognized option '--%s'", name)
	case inline && !o.hasValue && !o.optionalValue:
		return nil, false, invalidf("option '--%s' doesn't allow an argument", o.name)
	case operation != 0:
		l.setOperation(operation)
		return nil, false, nil
	}
	switch o.name {
	case "help":
		l.Help = true
		return nil, false, nil
	case "version":
		l.Version = true
		return nil, false, nil
	}
	if o.hasValue && !inline {
		if len(rest) == 0 {
			return nil, false, invalidf("option '--%s' requires an argument", o.name)
		}
		value, inline, usesNext = rest[0], true, true
	}
	return &argument{name: o.name, value: value, hasValue: inline}, usesNext, nil
}

// cluster parses joined letters without their dash. usesNext means that rest[0] is the value of the last letter.
func (l *Line) cluster(text string, rest []string) (list []argument, usesNext bool, err error) {
	for i := range len(text) {
		c := text[i]
		switch {
		case c == 'V':
			l.Version = true
			continue
		case c == 'h':
			l.Help = true
			continue
		case operations[c] != "":
			l.setOperation(c)
			continue
		}
		at := strings.IndexByte(shortOptions, c)
		if at < 0 || c == ':' {
			return nil, false, invalidf("invalid option -- '%c'", c)
		}
		if !strings.HasPrefix(shortOptions[at+1:], ":") {
			list = append(list, argument{letter: c})
			continue
		}
		value := text[i+1:]
		if value == "" {
			if len(rest) == 0 {
				return nil, false, invalidf("option requires an argument -- '%c'", c)
			}
			value, usesNext = rest[0], true
		}
		return append(list, argument{letter: c, value: value, hasValue: true}), usesNext, nil
	}
	return list, false, nil
}

// setOperation stores an operation. Like pacman, it refuses two operations, even if they are the same.
func (l *Line) setOperation(letter byte) {
	l.several = l.several || l.Operation != 0
	l.Operation = letter
}

// apply stores an option after it has checked that the operation accepts it.
func (l *Line) apply(o argument) error {
	name := o.name
	if o.letter != 0 {
		var ok bool
		if name, ok = nameOfLetter(l.Operation, o.letter); !ok {
			return invalidf("invalid option '-%c'", o.letter)
		}
	} else if !isAllowed(l.Operation, name) && !isOwn(name) {
		return invalidf("invalid option '--%s'", name)
	}
	l.counts[name]++
	if o.hasValue {
		l.values[name] = append(l.values[name], o.value)
	}
	if name == "color" && o.value != "never" && o.value != "auto" && o.value != "always" {
		return invalidf("invalid argument '%s' for --color", o.value)
	}
	return nil
}

func isOwn(name string) bool {
	return slices.ContainsFunc(ownOptions, func(o option) bool { return o.name == name })
}
