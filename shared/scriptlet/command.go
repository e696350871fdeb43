package scriptlet

import (
	"path"
	"regexp"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// call is a command with its arguments, in a statement.
type call struct {
	args []arg
	stmt *syntax.Stmt
	line int
	// nesting is the number of commands before it that run this command, such as sudo.
	nesting int
}

// maxPrefixes is the maximum number of commands that run a command, one through the other.
const maxPrefixes = 16

// examineStmt adds the facts about one statement, without those about the statements in it.
func (w *walker) examineStmt(s *syntax.Stmt) {
	for _, redirect := range s.Redirs {
		w.examineRedirect(redirect)
	}
	command, ok := s.Cmd.(*syntax.CallExpr)
	if !ok || len(command.Args) == 0 {
		return
	}
	w.examineCall(call{args: w.expandArgs(command.Args), stmt: s, line: w.line(command.Args[0].Pos())})
}

// examineRedirect adds the facts about one redirection.
func (w *walker) examineRedirect(r *syntax.Redirect) {
	if r.Word == nil {
		return
	}
	line := w.line(r.OpPos)
	target := w.expandWord(r.Word)
	for _, value := range target.values {
		if strings.HasPrefix(value, "/dev/tcp/") || strings.HasPrefix(value, "/dev/udp/") {
			w.fact(KindDownloads, line, value)
		}
	}
	switch r.Op {
	case syntax.RdrOut, syntax.AppOut, syntax.RdrClob, syntax.AppClob, syntax.RdrAll, syntax.AppAll, syntax.RdrInOut:
		w.examineWrite(target, line)
	}
}

// examineCall adds the facts about a command, for each program that it can run.
func (w *walker) examineCall(c call) {
	if len(c.args) == 0 || !w.spend(callCost*len(c.args)) {
		return
	}
	if c.nesting > maxPrefixes {
		w.fact(KindUnreadable, c.line, errTooDeep.Error())
		return
	}
	name := c.args[0]
	rest := c.args[1:]
	for _, value := range name.values {
		args := append([]arg{newArg(value)}, rest...)
		if name.isSplit {
			fields := strings.Fields(value)
			if len(fields) == 0 { // an empty variable: the next word is the command
				w.examineCall(call{rest, c.stmt, c.line, c.nesting + 1})
				continue
			}
			args = nil
			for _, field := range fields {
				args = append(args, newArg(field))
			}
			args = append(args, rest...)
		}
		args[0].word, args[0].isPattern = name.word, name.isPattern
		w.examineProgram(call{args, c.stmt, c.line, c.nesting})
	}
}

// examineProgram adds the facts about a command with one program.
func (w *walker) examineProgram(c call) {
	given := c.args[0].first()
	name := path.Base(given)
	w.enqueue(given)
	for _, f := range w.functions[given] {
		if w.runsArguments(f) {
			w.examineArguments(c)
			break
		}
	}
	if strings.HasPrefix(name, "python") || strings.HasPrefix(name, "pypy") {
		name = "python"
	} else if base := strings.TrimSuffix(strings.TrimRight(name, "0123456789."), "-"); base == "pip" || base == "bundle" || base == "lua" || base == "ruby" || base == "gem" || base == "php" || base == "perl" {
		name = base
	}
	switch p, isPrefix := prefixes[name]; {
	case hasUnknown(given) || c.args[0].isPattern && name != "[" && name != "[[":
		w.examineUnknown(c)
	case isPrefix:
		w.examinePrefix(c, name, p)
	case shells[name]:
		w.examineShell(c, name)
	case name == "eval":
		w.runText(joinArgs(c.args[1:]), argWord(c.args[1:]), c.line, "eval")
	case name == "trap":
		if len(c.args) > 2 && c.args[1].first() != "-" {
			w.runText(c.args[1].first(), nodeOf(c.args[1].word), c.line, "trap")
		}
	case name == "source" || name == ".":
		w.examineSource(c)
	case name == "find":
		w.examineFind(c)
	default:
		w.examineInterpreter(c, name)
		w.examineNetwork(c, name)
		w.examinePackageManager(c, name)
		w.examineDecoder(c, name)
		w.examineService(c, name)
		w.examineWriter(c, name)
	}
}

// examineUnknown adds the fact about a command whose name is unknown. A name from the arguments of a function is not a fact: calls of the
// function are examined with their arguments.
func (w *walker) examineUnknown(c call) {
	name := c.args[0].first()
	if text, ok := negatedSubshell(c.args[0].word); ok {
		w.runText(text, c.args[0].word, c.line, name)
		return
	}
	if w.enqueueMatching(name) {
		return
	}
	w.enqueueAll()
	if !strings.HasPrefix(name, argument) {
		w.fact(KindEvaluates, c.line, name)
	}
}

// negatedSubshell returns the commands in a negated subshell without a space before it: !(cmd). The parser takes it for a pattern for names
// of files, which bash does only after "shopt -s extglob".
func negatedSubshell(word *syntax.Word) (string, bool) {
	if word == nil || len(word.Parts) != 1 {
		return "", false
	}
	pattern, ok := word.Parts[0].(*syntax.ExtGlob)
	if !ok || pattern.Op != syntax.GlobExcept {
		return "", false
	}
	return pattern.Pattern.Value, true
}

// examineArguments examines the arguments of a function of the script that runs its arguments as a command or as a text.
func (w *walker) examineArguments(c call) {
	const maxSkipped = 2 // the arguments before the command, for example the name of a user
	for skipped := 1; skipped < len(c.args) && skipped <= 1+maxSkipped; skipped++ {
		first := &c.args[skipped]
		if hasUnknown(first.first()) {
			continue
		}
		if strings.ContainsAny(first.first(), " \t\n;") {
			if _, err := parse(first.first()); err == nil {
				w.runText(first.first(), nodeOf(first.word), c.line, c.args[0].first())
			}
			continue
		}
		w.examineCall(call{c.args[skipped:], c.stmt, c.line, c.nesting + 1})
	}
}

// examinePrefix examines the command that another command runs.
func (w *walker) examinePrefix(c call, name string, p prefix) {
	args, skip := c.args[1:], p.positional
	if name == "systemd-run" {
		w.fact(KindEnablesService, c.line, name)
	}
	user := name == "su" || name == "runuser" && !hasOption(args, "-u", "--user")
	for len(args) > 0 {
		option := args[0].first()
		switch {
		case p.text != "" && (option == p.text || option == "--command" || option == "--split-string"):
			if len(args) > 1 {
				w.runText(args[1].first(), nodeOf(args[1].word), c.line, name+" "+option)
			}
			return
		case p.text != "" && strings.HasPrefix(option, "--command="):
			w.runText(strings.TrimPrefix(option, "--command="), nodeOf(args[0].word), c.line, name+" --command")
			return
		case name == "command" && (option == "-v" || option == "-V"):
			return
		case p.valued[option]:
			args = args[min(2, len(args)):]
		case strings.HasPrefix(option, "-"):
			args = args[1:]
		case name == "env" || name == "sudo" || name == "doas":
			if at := strings.IndexByte(option, '='); at <= 0 {
				w.examineCall(call{args, c.stmt, c.line, c.nesting + 1})
				return
			}
			args = args[1:]
		case user:
			args = args[1:] // the name of the user; the text can follow
		case skip > 0:
			skip--
			args = args[1:]
		default:
			w.examineCall(call{args, c.stmt, c.line, c.nesting + 1})
			return
		}
	}
	if user || name == "sudo" && len(c.args) > 1 || name == "runuser" {
		w.examineInput(c, name)
	}
}

// examineShell examines the text that a shell runs.
func (w *walker) examineShell(c call, name string) {
	isText := false
	for i := 1; i < len(c.args); i++ {
		a := &c.args[i]
		option := a.first()
		switch {
		case isText && (!strings.HasPrefix(option, "-") || i == len(c.args)-1):
			w.runText(option, nodeOf(a.word), c.line, name+" -c")
			return
		case option == "-o" || option == "+o" || option == "--rcfile" || option == "--init-file" || option == "-O":
			i++
		case option == "-s" || option == "-" || option == "/dev/stdin":
			w.examineInput(c, name)
			return
		case strings.HasPrefix(option, "--") || strings.HasPrefix(option, "+"):
		case strings.HasPrefix(option, "-"):
			isText = isText || strings.Contains(option, "c")
		default:
			w.examineScriptFile(c, a, name)
			return
		}
	}
	w.examineInput(c, name)
}

// examineScriptFile adds the fact about a script that is the output of a command: bash <(curl URL).
func (w *walker) examineScriptFile(c call, a *arg, name string) {
	if a.word == nil {
		return
	}
	for _, part := range a.word.Parts {
		if _, ok := part.(*syntax.ProcSubst); ok {
			w.fact(KindEvaluates, c.line, name+" <(…)")
		}
	}
}

// examineSource examines what the commands source and "." read.
func (w *walker) examineSource(c call) {
	if len(c.args) < 2 {
		return
	}
	if file := c.args[1].first(); file == "/dev/stdin" || file == "/dev/fd/0" {
		w.examineInput(c, "source")
		return
	}
	w.examineScriptFile(c, &c.args[1], "source")
}

// examineInput examines the text that a shell reads from its input.
func (w *walker) examineInput(c call, name string) {
	for _, redirect := range c.stmt.Redirs {
		switch redirect.Op {
		case syntax.Hdoc, syntax.DashHdoc:
			if redirect.Hdoc != nil && len(redirect.Hdoc.Parts) > 0 {
				text := w.hereDocument(redirect)
				w.runText(text, redirect.Hdoc, c.line, name)
			}
			return
		case syntax.WordHdoc:
			text := w.expandWord(redirect.Word)
			w.runText(text.first(), redirect.Word, c.line, name)
			return
		case syntax.RdrIn:
			w.examineScriptFile(c, &arg{word: redirect.Word}, name)
			return
		}
	}
	from := w.input[c.stmt]
	if from == nil {
		return
	}
	if text, word, ok := w.printed(from); ok {
		w.runText(text, word, c.line, name)
		return
	}
	w.fact(KindEvaluates, c.line, "… | "+name)
	w.enqueueAll()
}

// hereDocument returns the text of a here-document. The delimiter decides whether variables are expanded.
func (w *walker) hereDocument(r *syntax.Redirect) string {
	for _, part := range r.Word.Parts {
		if lit, ok := part.(*syntax.Lit); !ok || strings.Contains(lit.Value, `\`) {
			if only, ok := r.Hdoc.Parts[0].(*syntax.Lit); ok && len(r.Hdoc.Parts) == 1 {
				return only.Value
			}
		}
	}
	a := arg{values: []string{""}}
	for _, part := range r.Hdoc.Parts {
		w.appendPart(&a, part, true)
	}
	return a.first()
}

// printed returns what a statement prints, and where this text is, if it follows from the script.
func (w *walker) printed(s *syntax.Stmt) (string, syntax.Node, bool) {
	command, ok := s.Cmd.(*syntax.CallExpr)
	if !ok || len(command.Args) == 0 {
		return "", nil, false
	}
	args := w.expandArgs(command.Args)
	if len(args) == 0 {
		return "", nil, false
	}
	switch path.Base(args[0].first()) {
	case "echo", "printf":
		text, ok := printedText(args)
		return text, s, ok
	case "cat":
		for _, redirect := range s.Redirs {
			if (redirect.Op == syntax.Hdoc || redirect.Op == syntax.DashHdoc) && redirect.Hdoc != nil && len(redirect.Hdoc.Parts) > 0 && len(args) == 1 {
				return w.hereDocument(redirect), redirect.Hdoc, true
			}
		}
	}
	return "", nil, false
}

// examineFind examines the command that find runs for each file.
func (w *walker) examineFind(c call) {
	for i := range c.args {
		if !c.args[i].isOneOf("-exec", "-execdir", "-ok", "-okdir") {
			continue
		}
		end := i + 1
		for end < len(c.args) && !c.args[end].isOneOf(";", "+") {
			end++
		}
		w.examineCall(call{c.args[i+1 : end], c.stmt, c.line, c.nesting + 1})
	}
}

// Patterns for texts in other languages. Such a text is not parsed: it is enough that the words are in it, because a text of this kind is
// not shown to anybody.
var codePatterns = []struct {
	kind    Kind
	pattern *regexp.Regexp
}{
	{KindDownloads, regexp.MustCompile(`\b(?:urllib|urlopen|urlretrieve|requests\.(?:get|post|put|request|Session)|http\.client|httplib|httpx\.|aiohttp|ftplib|` +
		`socket\.(?:socket|create_connection)|LWP::|HTTP::Tiny|IO::Socket|Net::(?:HTTP|FTP|SSL)|open-uri|URI\.open|TCPSocket|XMLHttpRequest|` +
		`fsockopen|curl_init|socket\.http|download\.file|Downloads\.download|curl|wget)\b|\bfetch\(|require\(\s*['"](?:node:)?(?:https?|net|dgram)['"]|` +
		`file_get_contents\(\s*['"]https?:`)},
	{KindEvaluates, regexp.MustCompile(`\b(?:exec|eval)\b\s*[("'$]|\b(?:b64decode|b32decode|b85decode|decodebytes|unhexlify|fromhex|marshal\.loads|decode_base64|base64_decode|` +
		`atob)\b|pack\s*\(?\s*['"]H\*|['"]base64['"]`)},
	{KindPackageManager, regexp.MustCompile(`\b(?:npm|pnpm|yarn|bun|pip[0-9.]*|gem|cargo|go|luarocks|pacman|yay|paru)['"]?[,\s]+(?:['"]?-\S+\s+)*['"]?(?:install|add|i|ci|-S\w*)\b|Pkg\.add|install\.packages`)},
}

// combined matches several options of one letter in one word, such as -ne.
var combined = regexp.MustCompile(`^-[a-z]{2,4}$`)

// examineInterpreter adds the facts about a text in another language that a command runs.
func (w *walker) examineInterpreter(c call, name string) {
	options, ok := interpreters[name]
	if !ok {
		return
	}
	hasFile := false
	for i := 1; i < len(c.args); i++ {
		option := c.args[i].first()
		switch {
		case name == "python" && option == "-m" && i+1 < len(c.args):
			if module := c.args[i+1].first(); module == "pip" || module == "pipx" || module == "uv" {
				w.examinePackageManager(call{c.args[i+1:], c.stmt, c.line, c.nesting}, module)
			}
			return
		case options[option] || combined.MatchString(option) && options["-"+option[len(option)-1:]]:
			if i+1 < len(c.args) {
				w.examineCode(c.args[i+1].first(), nodeOf(c.args[i+1].word), c.line, name)
			}
			return
		case name == "perl" && strings.HasPrefix(option, "-M"):
			w.examineCode(option, nodeOf(c.args[i].word), c.line, name)
		case !strings.HasPrefix(option, "-"):
			hasFile = hasFile || option != "/dev/stdin"
		}
		if hasFile {
			w.examineScriptFile(c, &c.args[i], name)
			break
		}
	}
	if hasFile {
		return
	}
	for _, redirect := range c.stmt.Redirs {
		if (redirect.Op == syntax.Hdoc || redirect.Op == syntax.DashHdoc) && redirect.Hdoc != nil && len(redirect.Hdoc.Parts) > 0 {
			w.examineCode(w.hereDocument(redirect), redirect.Hdoc, c.line, name)
			return
		}
		if redirect.Op == syntax.WordHdoc {
			text := w.expandWord(redirect.Word)
			w.examineCode(text.first(), redirect.Word, c.line, name)
			return
		}
	}
	if from := w.input[c.stmt]; from != nil && !hasInformative(c.args) {
		if text, word, ok := w.printed(from); ok {
			w.examineCode(text, word, c.line, name)
		} else {
			w.fact(KindEvaluates, c.line, "… | "+name)
		}
	}
}

// examineCode adds the facts about a text in another language than that of the shell.
func (w *walker) examineCode(text string, word syntax.Node, at int, name string) {
	if strings.Trim(text, " \n"+unknown) == "" && strings.Contains(text, unknown) {
		w.fact(KindEvaluates, at, name)
		return
	}
	first, last := at, at
	if word != nil {
		first, last = w.line(word.Pos()), w.line(word.End())
	}
	for _, code := range codePatterns {
		if found := code.pattern.FindStringIndex(text); found != nil {
			line := min(first+strings.Count(text[:found[0]], "\n"), last)
			w.fact(code.kind, line, name+": "+strings.TrimSpace(text[found[0]:found[1]]))
		}
	}
}

// joinArgs joins the values of words, as eval does.
func joinArgs(args []arg) string {
	values := make([]string, len(args))
	for i := range args {
		values[i] = args[i].first()
	}
	return strings.Join(values, " ")
}

// argWord returns the first word that is in the script, or nil.
func argWord(args []arg) syntax.Node {
	if len(args) == 0 {
		return nil
	}
	return nodeOf(args[0].word)
}

// nodeOf returns a word as a node, or nil without a word.
func nodeOf(word *syntax.Word) syntax.Node {
	if word == nil || len(word.Parts) == 0 {
		return nil
	}
	return word
}

// hasInformative reports whether a command only prints its version or help.
func hasInformative(args []arg) bool {
	return len(args) == 2 && informative[args[1].first()]
}

// hasOption reports whether one of the words is one of the given options.
func hasOption(args []arg, options ...string) bool {
	for i := range args {
		if args[i].isOneOf(options...) {
			return true
		}
	}
	return false
}
