package scriptlet

import (
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// Commands returns a script for bash without its layout, its comments and the statements that only print fixed text, so that two scripts that
// do the same have the same Commands. It reports false if the script cannot be parsed, or if something else than the terminal could get a
// printed text: the script has a pipe, a substitution, a redirection to a file or eval, or a function with the name of a printing command.
func Commands(script []byte) (text string, ok bool) {
	defer func() {
		if recover() != nil { // a mistake in the parser must not end the program
			text, ok = "", false
		}
	}()
	if len(script) > MaxSize {
		return "", false
	}
	file, err := parse(string(script))
	if err != nil || !printsOnlyToTerminal(file) {
		return "", false
	}
	syntax.Walk(file, func(node syntax.Node) bool {
		switch n := node.(type) {
		case *syntax.File:
			n.Stmts, n.Last = withoutMessages(n.Stmts), nil
		case *syntax.Block:
			n.Stmts, n.Last = withoutMessages(n.Stmts), nil
		case *syntax.IfClause:
			n.Then, n.ThenLast, n.Last = withoutMessages(n.Then), nil, nil
		case *syntax.CaseItem:
			n.Stmts, n.Last = withoutMessages(n.Stmts), nil
		}
		return true
	})
	var b strings.Builder
	if syntax.NewPrinter(syntax.Minify(true)).Print(&b, file) != nil {
		return "", false
	}
	return b.String(), true
}

// printers lists the commands whose arguments are only printed.
var printers = []string{"echo", "printf", "cat"}

// printsOnlyToTerminal reports whether nothing but the terminal can get what the commands of a script print.
func printsOnlyToTerminal(file *syntax.File) bool {
	only := true
	syntax.Walk(file, func(node syntax.Node) bool {
		switch n := node.(type) {
		case *syntax.BinaryCmd:
			only = only && n.Op != syntax.Pipe && n.Op != syntax.PipeAll
		case *syntax.CmdSubst, *syntax.ProcSubst, *syntax.CoprocClause:
			only = false
		case *syntax.Redirect:
			only = only && isToTerminal(n)
		case *syntax.FuncDecl:
			only = only && n.Name != nil && !slices.Contains(printers, n.Name.Value)
		case *syntax.CallExpr:
			if len(n.Args) > 0 {
				name := n.Args[0].Lit()
				only = only && name != "" && !slices.Contains([]string{"eval", "exec", "source", ".", "alias", "enable", "trap", "shopt"}, name)
			}
		}
		return only
	})
	return only
}

// isToTerminal reports whether a redirection is a here-document, or from one standard stream to the other or to /dev/null.
func isToTerminal(r *syntax.Redirect) bool {
	switch r.Op {
	case syntax.Hdoc, syntax.DashHdoc:
		return true
	case syntax.DplOut:
		return r.Word.Lit() == "1" || r.Word.Lit() == "2"
	case syntax.RdrOut, syntax.RdrAll:
		return r.Word.Lit() == "/dev/null"
	}
	return false
}

// withoutMessages returns the statements that do more than print text.
func withoutMessages(list []*syntax.Stmt) []*syntax.Stmt {
	return slices.DeleteFunc(slices.Clone(list), func(s *syntax.Stmt) bool {
		call, isCall := s.Cmd.(*syntax.CallExpr)
		if !isCall || len(call.Args) == 0 || len(call.Assigns) > 0 || s.Background || s.Coprocess {
			return false
		}
		name := call.Args[0].Lit()
		switch {
		case !slices.Contains(printers, name), name == "cat" && len(call.Args) > 1:
			return false
		case name == "printf" && len(call.Args) > 1 && strings.HasPrefix(call.Args[1].Lit(), "-"): // it can set a variable
			return false
		}
		isFixed := true
		syntax.Walk(s, func(node syntax.Node) bool {
			switch n := node.(type) {
			case *syntax.ParamExp: // the value of a variable, without an operation that assigns or runs something
				isFixed = isFixed && n.Index == nil && n.Slice == nil && n.Repl == nil && n.Exp == nil && !n.Excl
			case *syntax.ArithmExp, *syntax.ExtGlob:
				isFixed = false
			}
			return isFixed
		})
		return isFixed
	})
}
