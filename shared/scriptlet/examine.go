package scriptlet

import (
	"path"
	"regexp"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// examiner collects the facts about a script.
type examiner struct {
	Options
	lines   []string
	facts   []Fact
	omitted int
	seen    map[Fact]bool

	variables map[string]*variable
	functions map[string][]*function
	queue     []*function // functions that run, and that were not examined yet
	isQueued  map[*function]bool
	runners   map[*function]bool // whether runsArguments holds; only for functions that are called
	scripts   map[string]bool    // the texts that were parsed because a command runs them
	matched   map[string]bool    // the partly unknown names for which enqueueMatching was called, with its result
	depth     int                // of words inside words
	spent     int                // what the examination has cost so far, about in bytes
}

// function is a function of a script.
type function struct {
	part
	decl *syntax.FuncDecl
}

// spend adds to the cost of the examination, and reports whether it is still allowed. Otherwise a fact says that the script is too complex.
func (e *examiner) spend(cost int) bool {
	if e.spent > maxCost {
		return false
	}
	if e.spent += cost; e.spent > maxCost {
		e.add(KindUnreadable, 0, "", "too complex")
		return false
	}
	return true
}

// part is the script, or a text in it that a command runs.
type part struct {
	// function is the function that contains the text.
	function string
	// firstLine and lastLine are the lines of the script where the text is, for a text that a command runs; otherwise 0.
	firstLine, lastLine int
	// nesting is how many texts contain this one.
	nesting int
}

// line returns the line of the script that contains a position.
func (p *part) line(pos syntax.Pos) int {
	if p.firstLine == 0 {
		return int(pos.Line())
	}
	return min(p.firstLine+int(pos.Line())-1, p.lastLine)
}

// examineFile adds the facts about the whole script.
func (e *examiner) examineFile(file *syntax.File) {
	e.variables, e.functions = map[string]*variable{}, map[string][]*function{}
	e.isQueued, e.runners, e.scripts = map[*function]bool{}, map[*function]bool{}, map[string]bool{}
	e.matched = map[string]bool{}
	script := part{}
	e.collect(file, script)
	e.walk(file, script)
	for _, name := range e.Entries {
		e.enqueue(name)
	}
	e.examineQueue()
}

// examineQueue examines the functions that run.
func (e *examiner) examineQueue() {
	for len(e.queue) > 0 {
		f := e.queue[0]
		e.queue = e.queue[1:]
		e.walk(f.decl.Body, f.part)
	}
}

// enqueue notes that the functions with the given name run.
func (e *examiner) enqueue(name string) {
	for _, f := range e.functions[name] {
		if !e.isQueued[f] {
			e.isQueued[f] = true
			e.queue = append(e.queue, f)
		}
	}
}

// enqueueMatching notes that the functions run whose names a partly unknown name can be. It reports whether there are any.
func (e *examiner) enqueueMatching(name string) bool {
	if found, isKnown := e.matched[name]; isKnown {
		return found
	}
	pattern := strings.FieldsFunc(name, func(r rune) bool { return strings.ContainsRune(unknown+argument, r) })
	if len(pattern) == 0 || !e.spend(callCost*(1+len(e.functions))) {
		return false
	}
	for i := range pattern {
		pattern[i] = regexp.QuoteMeta(pattern[i])
	}
	expression, err := regexp.Compile(".*" + strings.Join(pattern, ".*") + ".*")
	if err != nil {
		return false
	}
	found := false
	for name := range e.functions {
		if expression.MatchString(name) {
			found = true
			e.enqueue(name)
		}
	}
	e.matched[name] = found
	return found
}

// enqueueAll notes that any function may run, because the name of a command is unknown.
func (e *examiner) enqueueAll() {
	for name := range e.functions {
		e.enqueue(name)
	}
}

// walkBounded walks over the nodes of a tree. If the tree is too deep, a fact says so, and its deepest nodes are left out.
func (e *examiner) walkBounded(root syntax.Node, p part, visit func(syntax.Node) bool) {
	depth := 0
	syntax.Walk(root, func(node syntax.Node) bool {
		if node == nil {
			depth--
			return false
		}
		if depth == maxDepth {
			e.add(KindUnreadable, p.line(node.Pos()), p.function, errTooDeep.Error())
			return false
		}
		if !visit(node) {
			return false
		}
		depth++
		return true
	})
}

// collect collects the variables and functions of a script, or of a text that a command runs.
func (e *examiner) collect(root syntax.Node, p part) {
	e.walkBounded(root, p, func(node syntax.Node) bool {
		switch node := node.(type) {
		case *syntax.FuncDecl:
			f := &function{part: p, decl: node}
			f.function = node.Name.Value
			e.functions[f.function] = append(e.functions[f.function], f)
		case *syntax.Assign:
			e.assign(node)
		case *syntax.ForClause:
			if loop, ok := node.Loop.(*syntax.WordIter); ok {
				for _, item := range e.expandArgs(loop.Items) {
					e.setVariable(loop.Name.Value, item.values)
				}
			}
		}
		return true
	})
}

// runsArguments reports whether a function runs its arguments as a command or as a text, as in: try() { "$@"; }
func (e *examiner) runsArguments(f *function) (found bool) {
	if known, ok := e.runners[f]; ok {
		return known
	}
	e.walkBounded(f.decl.Body, f.part, func(node syntax.Node) bool {
		if _, ok := node.(*syntax.FuncDecl); ok {
			return false
		}
		if call, ok := node.(*syntax.CallExpr); ok && len(call.Args) > 0 {
			args := e.expandArgs(call.Args)
			if len(args) == 0 {
				return true
			}
			name := path.Base(args[0].first())
			candidates := args[:1]
			if _, isPrefix := prefixes[name]; isPrefix || name == "eval" || shells[name] {
				candidates = args[1:]
			}
			for i := range candidates {
				found = found || strings.HasPrefix(candidates[i].first(), argument)
			}
		}
		return !found
	})
	e.runners[f] = found
	return found
}

// assign records the value that a script assigns to a variable.
func (e *examiner) assign(a *syntax.Assign) {
	if a.Name == nil || a.Naked {
		return
	}
	name := a.Name.Value
	if a.Array != nil {
		v := e.variable(name)
		if !a.Append {
			v.elements = nil
		}
		var words []*syntax.Word
		for _, element := range a.Array.Elems {
			if element.Value != nil {
				words = append(words, element.Value)
			}
		}
		for _, word := range e.expandArgs(words) {
			if len(v.elements) < maxValue {
				v.elements = append(v.elements, word.first())
			}
		}
		return
	}
	value := newArg("")
	if a.Value != nil {
		value = e.expandWord(a.Value)
	}
	v := e.variable(name)
	switch {
	case a.Index != nil:
		if len(v.elements) < maxValue {
			v.elements = append(v.elements, value.first())
		}
	case a.Append && len(v.values) > 0:
		longer := arg{values: v.values}
		e.appendTo(&longer, value.values...)
		v.values = nil
		e.setVariable(name, longer.values)
	default:
		e.setVariable(name, value.values)
	}
}

func (e *examiner) variable(name string) *variable {
	v := e.variables[name]
	if v == nil {
		v = &variable{}
		e.variables[name] = v
	}
	return v
}

// setVariable adds values to those that a variable can have.
func (e *examiner) setVariable(name string, values []string) {
	v := e.variable(name)
	for _, value := range values {
		isNew := true
		for _, old := range v.values {
			isNew = isNew && old != value
		}
		if isNew && len(v.values) < maxAlternatives {
			v.values = append(v.values, value)
		}
	}
}

// walker examines the statements of a script, of a function, or of a text that a command runs.
type walker struct {
	*examiner
	part
	// input holds, for a statement that reads from a pipe, the statement that writes to it.
	input map[*syntax.Stmt]*syntax.Stmt
}

// walk adds the facts about the commands below a node, except those in functions.
func (e *examiner) walk(root syntax.Node, p part) {
	w := &walker{examiner: e, part: p, input: map[*syntax.Stmt]*syntax.Stmt{}}
	e.walkBounded(root, p, func(node syntax.Node) bool {
		switch node := node.(type) {
		case *syntax.FuncDecl:
			return false
		case *syntax.BinaryCmd:
			if node.Op == syntax.Pipe || node.Op == syntax.PipeAll {
				w.connect(lastStage(node.X), node.Y)
			}
		case *syntax.Stmt:
			w.examineStmt(node)
		}
		return true
	})
}

// lastStage returns the statement of a pipeline that writes its output.
func lastStage(s *syntax.Stmt) *syntax.Stmt {
	for {
		pipe, ok := s.Cmd.(*syntax.BinaryCmd)
		if !ok || pipe.Op != syntax.Pipe && pipe.Op != syntax.PipeAll {
			return s
		}
		s = pipe.Y
	}
}

// connect records that a statement, or the statements that it consists of, can read what another one writes.
func (w *walker) connect(from, to *syntax.Stmt) {
	if _, isKnown := w.input[to]; isKnown {
		return
	}
	w.input[to] = from
	lists := [][]*syntax.Stmt{}
	switch cmd := to.Cmd.(type) {
	case *syntax.BinaryCmd:
		lists = append(lists, []*syntax.Stmt{cmd.X})
		if cmd.Op == syntax.AndStmt || cmd.Op == syntax.OrStmt {
			lists = append(lists, []*syntax.Stmt{cmd.Y})
		}
	case *syntax.Block:
		lists = append(lists, cmd.Stmts)
	case *syntax.Subshell:
		lists = append(lists, cmd.Stmts)
	case *syntax.WhileClause:
		lists = append(lists, cmd.Cond, cmd.Do)
	case *syntax.ForClause:
		lists = append(lists, cmd.Do)
	case *syntax.IfClause:
		for clause := cmd; clause != nil; clause = clause.Else {
			lists = append(lists, clause.Cond, clause.Then)
		}
	case *syntax.CaseClause:
		for _, item := range cmd.Items {
			lists = append(lists, item.Stmts)
		}
	case *syntax.TimeClause:
		if cmd.Stmt != nil {
			lists = append(lists, []*syntax.Stmt{cmd.Stmt})
		}
	}
	for _, list := range lists {
		for _, inner := range list {
			w.connect(from, inner)
		}
	}
}

// fact adds a fact about a position.
func (w *walker) fact(kind Kind, at int, subject string) { w.add(kind, at, w.function, subject) }

// runText examines a text that a command runs as a script. The word is where the text comes from.
func (w *walker) runText(text string, word syntax.Node, at int, what string) {
	if strings.Trim(text, " \t\n"+unknown+argument) == "" {
		if hasUnknown(text) {
			w.enqueueAll()
		}
		// Calls of the function are examined with their arguments.
		if strings.Contains(text, unknown) {
			w.fact(KindEvaluates, at, what)
		}
		return
	}
	p := part{function: w.function, firstLine: at, lastLine: at, nesting: w.nesting + 1}
	if word != nil {
		p.firstLine, p.lastLine = w.line(word.Pos()), w.line(word.End())
	}
	key := p.function + "\x00" + text
	if w.scripts[key] {
		return
	}
	if p.nesting > maxNesting || len(w.scripts) == maxScripts {
		w.fact(KindUnreadable, at, what+": "+errTooDeep.Error())
		return
	}
	w.scripts[key] = true
	file, err := parse(text)
	switch {
	case err != nil && hasUnknown(text):
		w.fact(KindEvaluates, at, what)
	case err != nil:
		w.fact(KindUnreadable, at, what+": "+describeParseError(err))
	default:
		w.collect(file, p)
		w.walk(file, p)
	}
}
