package scriptlet

import (
	"strconv"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// unknown stands for a part of a text that only bash knows when it runs the script, such as the output of a command. It is a character for
// private use, which is a part of a word for the parser.
const unknown = "\uE000"

// argument is the same for a part that is an argument of a function or of the script, such as $1.
const argument = "\uE001"

// hasUnknown reports whether a part of a text is unknown.
func hasUnknown(text string) bool { return strings.ContainsAny(text, unknown+argument) }

// homeDir stands for the home directory of any user, as in "~/.bashrc".
const homeDir = "~"

const (
	// maxAlternatives is the number of values that are kept for a variable or a word, and maxValue their maximum length in bytes.
	maxAlternatives = 8
	maxValue        = 64 << 10
	// maxWords is the number of words to which one word can expand.
	maxWords = 64
)

// variable holds the constant values that a script assigns to a variable.
type variable struct {
	values []string
	// elements holds the words of an array.
	elements []string
}

// arg is a word of a command: all values that it can have, of which there is at least one.
type arg struct {
	values []string
	// isSplit means that bash splits the value at spaces, because it is not quoted.
	isSplit bool
	// isPattern means that bash replaces the value by the names of files that match it.
	isPattern bool
	// word is nil for a word of a value that bash splits.
	word *syntax.Word
}

// first returns the first value.
func (a *arg) first() string { return a.values[0] }

// isOneOf reports whether a value of the word is one of the given ones.
func (a *arg) isOneOf(wanted ...string) bool {
	for _, value := range a.values {
		for _, w := range wanted {
			if value == w {
				return true
			}
		}
	}
	return false
}

func newArg(value string) arg { return arg{values: []string{value}} }

// expandArgs returns the words of a command, as bash would split them.
func (e *examiner) expandArgs(words []*syntax.Word) []arg {
	var args []arg
	for _, word := range words {
		for _, w := range expandBraces(word) {
			if elements, isArray := e.arrayElements(w); isArray {
				for _, element := range elements {
					args = append(args, newArg(element))
				}
				continue
			}
			a := e.expandWord(w)
			// The first word can have several values that are split, and its caller does it.
			if len(args) > 0 && a.isSplit && strings.ContainsAny(a.first(), " \t\n") {
				for _, field := range strings.Fields(a.first()) {
					args = append(args, newArg(field))
				}
				continue
			}
			args = append(args, a)
		}
		if len(args) > maxValue {
			break
		}
	}
	return args
}

// expandBraces returns the words that a word with lists in braces stands for, as in {curl,-O}.
func expandBraces(word *syntax.Word) []*syntax.Word {
	split := *word
	if !syntax.SplitBraces(&split) {
		return []*syntax.Word{word}
	}
	words := []*syntax.Word{{}}
	for _, part := range split.Parts {
		braces, ok := part.(*syntax.BraceExp)
		if !ok || braces.Sequence {
			for _, w := range words {
				w.Parts = append(w.Parts, part)
			}
			continue
		}
		var longer []*syntax.Word
		for _, w := range words {
			for _, element := range braces.Elems {
				for _, inner := range expandBraces(element) {
					if len(longer) < maxWords {
						parts := append(append([]syntax.WordPart{}, w.Parts...), inner.Parts...)
						longer = append(longer, &syntax.Word{Parts: parts})
					}
				}
			}
		}
		words = longer
	}
	var whole []*syntax.Word
	for _, w := range words {
		if len(w.Parts) > 0 {
			whole = append(whole, w)
		}
	}
	return whole
}

// arrayElements returns the elements of an array if the word stands for all elements of an array that the script sets.
func (e *examiner) arrayElements(word *syntax.Word) ([]string, bool) {
	if len(word.Parts) != 1 {
		return nil, false
	}
	part := word.Parts[0]
	if quoted, ok := part.(*syntax.DblQuoted); ok && len(quoted.Parts) == 1 {
		part = quoted.Parts[0]
	}
	param, ok := part.(*syntax.ParamExp)
	if !ok || param.Param == nil || param.Index == nil || !isPlain(param) {
		return nil, false
	}
	index, ok := param.Index.(*syntax.Word)
	if !ok || index.Lit() != "@" && index.Lit() != "*" {
		return nil, false
	}
	v := e.variables[param.Param.Value]
	if v == nil || len(v.elements) == 0 {
		return nil, false
	}
	return v.elements, true
}

// isPlain reports whether a parameter expansion has no operator that changes the value.
func isPlain(p *syntax.ParamExp) bool {
	return !p.Excl && !p.Length && p.Slice == nil && p.Repl == nil && p.Names == 0 && p.Exp == nil
}

// expandWord returns the values of a word that bash does not expand to several words, except by splitting it.
func (e *examiner) expandWord(word *syntax.Word) arg {
	a := arg{values: []string{""}, word: word}
	for _, part := range word.Parts {
		e.appendPart(&a, part, false)
	}
	if rest, ok := strings.CutPrefix(a.first(), "~"); ok && len(a.values) == 1 {
		// "~bob/x" is a file in a home directory, as is "~/x".
		if user, path, hasPath := strings.Cut(rest, "/"); hasPath && user != "" && !hasUnknown(user) {
			a.values[0] = homeDir + "/" + path
		}
	}
	return a
}

// appendPart appends the values of a part to those of the word before it.
func (e *examiner) appendPart(a *arg, part syntax.WordPart, isQuoted bool) {
	switch part := part.(type) {
	case *syntax.Lit:
		text, isPattern := unescape(part.Value, isQuoted)
		a.isPattern = a.isPattern || isPattern
		e.appendTo(a, text)
	case *syntax.SglQuoted:
		if part.Dollar {
			e.appendTo(a, decodeEscapes(part.Value))
		} else {
			e.appendTo(a, part.Value)
		}
	case *syntax.DblQuoted:
		for _, inner := range part.Parts {
			e.appendPart(a, inner, true)
		}
	case *syntax.ParamExp:
		a.isSplit = a.isSplit || !isQuoted
		e.appendTo(a, e.paramValues(part)...)
	case *syntax.CmdSubst:
		a.isSplit = a.isSplit || !isQuoted
		e.appendTo(a, e.substitutedValues(part)...)
	default:
		e.appendTo(a, unknown)
	}
}

// appendTo appends each of the endings to each value of a word, as long as there are not too many.
func (e *examiner) appendTo(a *arg, endings ...string) {
	var longer []string
	for _, ending := range endings {
		for _, value := range a.values {
			if len(longer) == maxAlternatives {
				break
			}
			if size := len(value) + len(ending); size > maxValue || !e.spend(size) {
				value, ending = "", unknown
			}
			longer = append(longer, value+ending)
		}
	}
	a.values = longer
}

// paramValues returns the values of a parameter.
func (e *examiner) paramValues(p *syntax.ParamExp) []string {
	if p.Param == nil {
		return []string{unknown}
	}
	name := p.Param.Value
	v := e.variables[name]
	var values []string
	switch {
	case v != nil && p.Index != nil && len(v.elements) > 0:
		values = v.elements[:min(len(v.elements), maxAlternatives)]
	case v != nil && len(v.values) > 0:
		values = v.values
	case v != nil && len(v.elements) > 0:
		values = v.elements[:1]
	case name == "HOME" && v == nil:
		values = []string{homeDir}
	case strings.Trim(name, "0123456789@*") == "" && isPlain(p):
		values = []string{argument}
	}
	if p.Exp != nil && !p.Excl && !p.Length && p.Slice == nil && p.Repl == nil && p.Names == 0 && p.Exp.Word != nil {
		switch p.Exp.Op {
		case syntax.DefaultUnset, syntax.DefaultUnsetOrNull, syntax.AssignUnset, syntax.AssignUnsetOrNull,
			syntax.AlternateUnset, syntax.AlternateUnsetOrNull:
			inner := e.expandNested(p.Exp.Word)
			return append(append([]string{}, values...), inner.values...)
		}
		return []string{unknown}
	}
	if len(values) == 0 || !isPlain(p) {
		return []string{unknown}
	}
	return values
}

// expandNested is expandWord for a word inside another word.
func (e *examiner) expandNested(word *syntax.Word) arg {
	if e.depth > maxNesting {
		return newArg(unknown)
	}
	e.depth++
	defer func() { e.depth-- }()
	return e.expandWord(word)
}

// substitutedValues returns the output of a command that only finds or prints what its arguments say: $(command -v curl), $(echo curl).
func (e *examiner) substitutedValues(s *syntax.CmdSubst) []string {
	if len(s.Stmts) != 1 || e.depth > maxNesting {
		return []string{unknown}
	}
	call, ok := s.Stmts[0].Cmd.(*syntax.CallExpr)
	if !ok || len(call.Args) < 2 {
		return []string{unknown}
	}
	e.depth++
	args := e.expandArgs(call.Args)
	e.depth--
	if len(args) < 2 {
		return []string{unknown}
	}
	switch args[0].first() {
	case "grep", "egrep", "fgrep":
		for i := range args {
			if option := args[i].first(); option == "--quiet" || strings.HasPrefix(option, "-") && !strings.HasPrefix(option, "--") && strings.Contains(option, "q") {
				return []string{""}
			}
		}
	case "which", "type", "command":
		for i := 1; i < len(args); i++ {
			if !strings.HasPrefix(args[i].first(), "-") {
				return args[i].values
			}
		}
	case "echo", "printf":
		if text, ok := printedText(args); ok {
			return []string{strings.TrimRight(text, "\n")}
		}
	}
	return []string{unknown}
}

// printedText returns what echo or printf prints, if this follows from its arguments.
func printedText(args []arg) (string, bool) {
	var words []string
	for i := range args {
		words = append(words, args[i].first())
	}
	name, words := words[0], words[1:]
	decode := name == "printf"
	for name == "echo" && len(words) > 0 && len(words[0]) > 1 && strings.Trim(words[0], "neE") == "-" {
		decode = decode || strings.Contains(words[0], "e")
		words = words[1:]
	}
	if name == "printf" {
		if len(words) == 0 || strings.HasPrefix(words[0], "-") && words[0] != "--" {
			return "", false
		}
		format := words[0]
		if words = words[1:]; !strings.Contains(format, "%") {
			words = []string{format}
		} else if trimmed := strings.TrimSuffix(format, `\n`); trimmed == "%s" || trimmed == "%b" {
			words = []string{strings.Join(words, "")}
			decode = trimmed == "%b"
		} else {
			return "", false
		}
	}
	text := strings.Join(words, " ")
	if decode {
		text = decodeEscapes(text)
	}
	return text, true
}

// unescape removes the backslashes of a literal, and reports whether it contains a pattern for names of files.
func unescape(text string, isQuoted bool) (string, bool) {
	if !strings.ContainsAny(text, `\*?[`) {
		return text, false
	}
	var b strings.Builder
	isPattern := false
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '\\' && i+1 < len(text) && (!isQuoted || strings.IndexByte("$`\"\\", text[i+1]) >= 0):
			i++
			c = text[i]
		case !isQuoted && (c == '*' || c == '?' || c == '['):
			isPattern = true
		}
		b.WriteByte(c)
	}
	return b.String(), isPattern
}

// escapes has the characters for the single letters after a backslash in $'text'.
var escapes = map[byte]byte{'a': 7, 'b': 8, 'e': 27, 'E': 27, 'f': 12, 'n': 10, 'r': 13, 't': 9, 'v': 11, '\\': '\\', '\'': '\'', '"': '"', '?': '?'}

// decodeEscapes decodes the escapes of $'text', which echo -e and printf have too.
func decodeEscapes(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' || i+1 == len(text) {
			b.WriteByte(text[i])
			continue
		}
		i++
		c := text[i]
		plain, isLetter := escapes[c]
		switch {
		case isLetter:
			b.WriteByte(plain)
		case c == 'x' || c == 'u' || c == 'U':
			digits := countDigits(text[i+1:], map[byte]int{'x': 2, 'u': 4, 'U': 8}[c], "0123456789abcdefABCDEF")
			if n, err := strconv.ParseUint(text[i+1:i+1+digits], 16, 32); err == nil {
				writeCode(&b, n, c == 'x')
			}
			i += digits
		case c >= '0' && c <= '7':
			digits := countDigits(text[i:], 3, "01234567")
			n, _ := strconv.ParseUint(text[i:i+digits], 8, 32)
			writeCode(&b, n, true)
			i += digits - 1
		default:
			b.WriteByte('\\')
			b.WriteByte(c)
		}
	}
	return b.String()
}

func writeCode(b *strings.Builder, code uint64, isByte bool) {
	switch {
	case code == 0: // bash ends the text here
	case isByte:
		b.WriteByte(byte(code))
	default:
		b.WriteRune(rune(code))
	}
}

// countDigits returns how many of the first characters of a text are digits, at most the given number.
func countDigits(text string, limit int, digits string) int {
	n := 0
	for n < len(text) && n < limit && strings.IndexByte(digits, text[n]) >= 0 {
		n++
	}
	return n
}

// showUnknown returns a text in which unknown parts are shown as an ellipsis.
func showUnknown(text string) string {
	return strings.NewReplacer(unknown, "…", argument, "…").Replace(text)
}
