package buildfacts

import (
	"regexp"
	"strings"
)

// pkgbuild holds the values that the top level of a PKGBUILD assigns to variables, as far as reading the text without running it shows
// them.
//
// A PKGBUILD is a bash script, and only bash knows what it does. The reader knows assignments, functions and comments, and simple
// expansions of variables. At anything else on the top level, such as a command or a condition, it stops, because each
// variable could then have another value: stopped says why, and no value is known.
type pkgbuild struct {
	values  map[string]*assigned
	stopped string
	// hasPkgverFunction means that makepkg replaces pkgver and pkgrel at each build.
	hasPkgverFunction bool

	text string
	at   int
	// fixed holds values that replace those of assignments.
	fixed map[string]string
	// mentions counts, for each name, the places in the text that look like an assignment.
	mentions map[string]int
	// size is the size of all words that were read, in bytes.
	size int
}

// maxWordsSize is the maximum size of all words in bytes. An expansion can make a word much longer than its text.
const maxWordsSize = 4 << 20

// assigned is the value of a variable. If isKnown is false, the value depends on more than the text.
type assigned struct {
	words   []string
	isArray bool
	isKnown bool
	// count is the number of assignments of the variable that were read.
	count int
}

// assignmentText matches what looks like an assignment, also of one element of an array.
var assignmentText = regexp.MustCompile(`([A-Za-z0-9_]+)(?:\[[^\]\n]*\])?\+?=`)

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*`)

// readPKGBUILD reads a PKGBUILD. The variables in fixed have the given values, whatever the PKGBUILD assigns to them.
func readPKGBUILD(content []byte, fixed map[string]string) *pkgbuild {
	p := &pkgbuild{values: map[string]*assigned{}, text: string(content), fixed: fixed, mentions: map[string]int{}}
	for _, m := range assignmentText.FindAllSubmatch(content, -1) {
		p.mentions[string(m[1])]++
	}
	for p.stopped == "" && p.skipToCommand() {
		p.readCommand()
	}
	return p
}

// value returns the words of a variable, or ok = false if they are unknown. A variable that is never assigned has no words. If the
// text has assignments of the variable that were not read, for example in a function, the value is unknown.
func (p *pkgbuild) value(name string) (words []string, ok bool) {
	if p.stopped != "" {
		return nil, false
	}
	v, count := p.values[name], 0
	if v != nil {
		count = v.count
	}
	if p.mentions[name] != count || v != nil && !v.isKnown {
		return nil, false
	}
	if v == nil {
		return nil, true
	}
	return v.words, true
}

// skipToCommand skips blank space, comments and separators. It returns false at the end of the text.
func (p *pkgbuild) skipToCommand() bool {
	for p.at < len(p.text) {
		switch c := p.text[p.at]; {
		case c == ' ', c == '\t', c == '\n', c == ';':
			p.at++
		case c == '#':
			p.skipLine()
		case strings.HasPrefix(p.text[p.at:], "\\\n"):
			p.at += 2
		default:
			return true
		}
	}
	return false
}

func (p *pkgbuild) skipLine() {
	if n := strings.IndexByte(p.text[p.at:], '\n'); n >= 0 {
		p.at += n
	} else {
		p.at = len(p.text)
	}
}

// readCommand reads an assignment or a function. Otherwise it stops.
func (p *pkgbuild) readCommand() {
	name := variableName.FindString(p.text[p.at:])
	rest := p.text[p.at+len(name):]
	switch {
	case name == "":
		p.stop()
	case strings.HasPrefix(rest, "="), strings.HasPrefix(rest, "+="):
		p.at += len(name) + strings.IndexByte(rest, '=') + 1
		p.readAssignment(name, rest[0] == '+')
	case name == "function":
		p.at += len(name)
		p.skipBlanks()
		name = variableName.FindString(p.text[p.at:])
		p.at += len(name)
		p.skipFunction(name)
	default:
		p.at += len(name)
		p.skipBlanks()
		if !strings.HasPrefix(p.text[p.at:], "(") {
			p.stop()
			return
		}
		p.skipFunction(name)
	}
}

// stop ends the reading, because something other than an assignment or a function is at the current place.
func (p *pkgbuild) stop() {
	if p.stopped == "" {
		p.stopped = "the PKGBUILD does more than assign values when it is read"
	}
}

func (p *pkgbuild) skipBlanks() {
	for p.at < len(p.text) && (p.text[p.at] == ' ' || p.text[p.at] == '\t') {
		p.at++
	}
}

// skipFunction skips the parentheses and the body of a function. Its name may have characters that variables do not have. The body ends at
// the end of its first line, if this is a closing brace, or at the first line that begins with a closing brace.
func (p *pkgbuild) skipFunction(name string) {
	end := strings.IndexByte(p.text[p.at:], '{')
	if end < 0 {
		p.stop()
		return
	}
	head := strings.Fields(p.text[p.at : p.at+end])
	if joined := strings.Join(head, ""); joined != "()" && joined != "" {
		p.stop()
		return
	}
	if name == "pkgver" {
		p.hasPkgverFunction = true
	}
	p.at += end + 1
	first, _, _ := strings.Cut(p.text[p.at:], "\n")
	if strings.HasSuffix(strings.TrimRight(first, " \t;"), "}") {
		p.at += len(first)
		return
	}
	body := strings.Index(p.text[p.at:], "\n}")
	if body < 0 {
		p.stop()
		return
	}
	p.at += body + len("\n}")
}

// readAssignment reads the value of an assignment, and records it.
func (p *pkgbuild) readAssignment(name string, isAppended bool) {
	now := &assigned{isKnown: true}
	if strings.HasPrefix(p.text[p.at:], "(") {
		p.at++
		now.isArray = true
		p.readArray(now)
	} else {
		word, isKnown := p.readWord(false)
		now.words, now.isKnown = []string{word}, isKnown
	}
	if p.stopped != "" {
		return
	}
	if fixed, isFixed := p.fixed[name]; isFixed {
		now.words, now.isKnown = []string{fixed}, true
	}
	before := p.values[name]
	if before != nil {
		now.count = before.count
	}
	now.count++
	if isAppended && before != nil {
		now.isKnown = now.isKnown && before.isKnown && now.isArray && before.isArray
		now.words = append(before.words, now.words...)
	}
	p.values[name] = now
	// After an assignment, only another one or the end of the command may follow: "a=1 command" runs a command.
	end := p.at
	p.skipBlanks()
	switch {
	case p.at == len(p.text), p.text[p.at] == '\n', p.text[p.at] == ';':
	case p.at > end && (p.text[p.at] == '#' || variableName.MatchString(p.text[p.at:])):
	default:
		p.stop()
	}
}

// readArray reads the words of an array, up to and including the closing parenthesis.
func (p *pkgbuild) readArray(into *assigned) {
	for {
		if !p.skipToCommand() {
			p.stop()
			return
		}
		if p.text[p.at] == ')' {
			p.at++
			return
		}
		start := p.at
		word, isKnown := p.readWord(true)
		if p.at == start {
			p.stop() // a character that does not belong to a word
		}
		if p.stopped != "" {
			return
		}
		into.isKnown = into.isKnown && isKnown && p.text[start] != '['
		into.words = append(into.words, word)
	}
}

// readWord reads one word with its quotes. The result isKnown is false if the word has expansions whose result is unknown. In an array,
// patterns and braces are expanded too.
func (p *pkgbuild) readWord(inArray bool) (word string, isKnown bool) {
	var b strings.Builder
	isKnown = true
	quote := byte(0)
	for p.at < len(p.text) {
		c := p.text[p.at]
		switch {
		case quote == '\'':
			if p.at++; c == '\'' {
				quote = 0
			} else {
				b.WriteByte(c)
			}
		case c == '"':
			p.at++
			quote ^= '"'
		case c == '\\':
			p.readEscape(&b, quote)
		case c == '`':
			p.stop()
			return "", false
		case c == '$':
			text, known := p.readExpansion(quote == '"')
			if p.stopped != "" {
				return "", false
			}
			if p.size += len(text); p.size > maxWordsSize {
				p.stop()
				return "", false
			}
			b.WriteString(text)
			isKnown = isKnown && known
		case quote == '"':
			p.at++
			b.WriteByte(c)
		case c == '\'':
			p.at++
			quote = '\''
		case strings.IndexByte(" \t\n;&|<>()", c) >= 0:
			return b.String(), isKnown
		default:
			if strings.IndexByte("*?[{", c) >= 0 && inArray || c == '~' && b.Len() == 0 {
				isKnown = false
			}
			p.at++
			b.WriteByte(c)
		}
	}
	if quote != 0 {
		p.stop() // a quote without an end
	}
	return b.String(), isKnown
}

// readEscape reads a backslash and the character after it.
func (p *pkgbuild) readEscape(b *strings.Builder, quote byte) {
	if p.at+1 == len(p.text) {
		p.stop()
		p.at++
		return
	}
	next := p.text[p.at+1]
	p.at += 2
	switch {
	case next == '\n':
	case quote == '"' && strings.IndexByte("$`\"\\", next) < 0:
		b.WriteByte('\\')
		b.WriteByte(next)
	default:
		b.WriteByte(next)
	}
}

// expansion matches an expansion in braces: a variable, and what is done with its value. The second part has no quotes, backslashes,
// nested expansions or braces.
var expansion = regexp.MustCompile("^\\$\\{([A-Za-z_][A-Za-z0-9_]*)([^{}$`'\"\\\\\\n]*)\\}")

// readExpansion reads a dollar sign, which can be in double quotes, and what is expanded. It stops at a command substitution and at anything that could assign a variable.
func (p *pkgbuild) readExpansion(isQuoted bool) (text string, isKnown bool) {
	rest := p.text[p.at:]
	if name := variableName.FindString(rest[1:]); name != "" {
		p.at += 1 + len(name)
		return p.scalar(name)
	}
	if m := expansion.FindStringSubmatch(rest); m != nil {
		p.at += len(m[0])
		if strings.HasPrefix(m[2], "=") || strings.HasPrefix(m[2], ":=") {
			p.stop()
			return "", false
		}
		value, known := p.scalar(m[1])
		text, isKnown := applyOperation(value, m[2])
		return text, known && isKnown
	}
	if len(rest) > 1 && (rest[1] == '{' || rest[1] == '(' || rest[1] == '[' || !isQuoted && (rest[1] == '\'' || rest[1] == '"')) {
		p.stop()
		return "", false
	}
	p.at++
	// A dollar sign before another character stands for itself, or for a special parameter.
	isLiteral := len(rest) == 1 || strings.IndexByte(" \t\n\"/.", rest[1]) >= 0
	return "$", isLiteral
}

// scalar returns the value of a variable in an expansion, which is the first word of an array.
func (p *pkgbuild) scalar(name string) (string, bool) {
	v := p.values[name]
	if v == nil || !v.isKnown || len(v.words) == 0 {
		return "", false
	}
	return v.words[0], true
}

// applyOperation returns the result of an expansion such as ${name%-git}. The operation is what follows the name. Operations with patterns and
// others are unknown.
func applyOperation(value, operation string) (string, bool) {
	if strings.ContainsAny(operation, "*?[") {
		return "", operation == ""
	}
	cut := func(prefix string) (string, bool) { return strings.CutPrefix(operation, prefix) }
	if operation == "" {
		return value, true
	}
	for _, suffix := range []string{"%%", "%"} {
		if pattern, ok := cut(suffix); ok {
			return strings.TrimSuffix(value, pattern), true
		}
	}
	for _, prefix := range []string{"##", "#"} {
		if pattern, ok := cut(prefix); ok {
			return strings.TrimPrefix(value, pattern), true
		}
	}
	n := 1
	pattern, ok := cut("//")
	if ok {
		n = -1
	} else if pattern, ok = cut("/"); !ok {
		return "", false
	}
	from, to, _ := strings.Cut(pattern, "/")
	if from == "" || from[0] == '#' || from[0] == '%' || strings.Contains(to, "&") {
		return "", false
	}
	if len(value)+strings.Count(value, from)*len(to) > maxWordsSize {
		return "", false
	}
	return strings.Replace(value, from, to, n), true
}
