package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// forbidden lists functions of go-alpm that use memory after it was freed, free strings that belong to
// libalpm, or reorder or lengthen libalpm's lists.
var forbidden = []string{
	"ComputeRequiredBy", "ComputeOptionalFor",
	"Root", "DBPath", "Lockfile", "LogFile", "GPGDir", "DBExt",
	"SortBySize", "SyncDBs",
}

// callbacks lists the functions of go-alpm to which only a named function may be passed, because cgo must not
// be given a closure.
var callbacks = []string{"SetLogCallback", "SetQuestionCallback"}

const goAlpm = "github.com/Jguer/go-alpm/v2"

// violations lists the places in Go files that break the rules for using go-alpm.
func violations(fset *token.FileSet, files []*ast.File) []string {
	var out []string
	functions := map[string]bool{}
	for _, f := range files {
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil {
				functions[fn.Name.Name] = true
			}
		}
	}
	for _, f := range files {
		say := func(at ast.Node, what string) {
			out = append(out, fset.Position(at.Pos()).String()+": "+what)
		}
		for _, imp := range f.Imports {
			path, err := strconv.Unquote(imp.Path.Value)
			if err == nil && strings.HasPrefix(path, "github.com/Jguer/go-alpm") && (path != goAlpm || imp.Name != nil) {
				say(imp, "go-alpm under another name")
			}
			if path == "C" || path == "unsafe" || path == "reflect" {
				say(imp, path+" is imported")
			}
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
				say(n, "a second goroutine")
			case *ast.SelectorExpr:
				if slices.Contains(forbidden, n.Sel.Name) {
					say(n, n.Sel.Name+" must not be used")
				}
				if n.Sel.Name == "Go" {
					say(n, "a second goroutine")
				}
				if slices.Contains(callbacks, n.Sel.Name) && !called(f, n) {
					say(n, n.Sel.Name+" is not called")
				}
			case *ast.CallExpr:
				sel, ok := n.Fun.(*ast.SelectorExpr)
				if !ok || !slices.Contains(callbacks, sel.Sel.Name) {
					break
				}
				if name, ok := n.Args[0].(*ast.Ident); !ok || !functions[name.Name] {
					say(n, sel.Sel.Name+" without a named function")
				}
			}
			return true
		})
	}
	return out
}

// called reports whether sel is the function that a call expression calls.
func called(f *ast.File, sel *ast.SelectorExpr) bool {
	found := false
	ast.Inspect(f, func(n ast.Node) bool {
		if c, ok := n.(*ast.CallExpr); ok && c.Fun == sel {
			found = true
		}
		return !found
	})
	return found
}

func TestRules_OfThisSource(t *testing.T) {
	paths, err := filepath.Glob("*.go")
	require.NoError(t, err)
	fset := token.NewFileSet()
	var files []*ast.File
	users := 0
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(fset, path, nil, 0)
		require.NoError(t, err)
		files = append(files, f)
		for _, imp := range f.Imports {
			if imp.Path.Value == strconv.Quote(goAlpm) {
				users++
			}
		}
	}
	require.NotZero(t, users, "no file that uses go-alpm was found")
	require.Empty(t, violations(fset, files))
	dirs, err := filepath.Glob("*/*.go")
	require.NoError(t, err)
	require.Empty(t, dirs, "this test reads one directory")
}

func TestRules_FindViolations(t *testing.T) {
	const head = "package main\nimport \"github.com/Jguer/go-alpm/v2\"\nfunc note(any, alpm.LogLevel, string) {}\n"
	for source, want := range map[string]string{
		head + "func f(p alpm.IPackage) { p.ComputeRequiredBy() }":                                                  "ComputeRequiredBy must not be used",
		head + "func f(p alpm.IPackage) { p.ComputeOptionalFor() }":                                                 "ComputeOptionalFor must not be used",
		head + "func f(h *alpm.Handle) { get := h.DBPath; get() }":                                                  "DBPath must not be used",
		head + "func f(h *alpm.Handle) { (*alpm.Handle).Root(h) }":                                                  "Root must not be used",
		head + "func f(l alpm.IPackageList) { l.SortBySize() }":                                                     "SortBySize must not be used",
		head + "func f(h *alpm.Handle) { go h.Release() }":                                                          "a second goroutine",
		head + "func f(h *alpm.Handle) { wg.Go(func() { h.Release() }) }":                                           "a second goroutine",
		head + "func f(h *alpm.Handle) { n := 0; h.SetLogCallback(func(any, alpm.LogLevel, string) { n++ }, nil) }": "without a named function",
		head + "func f(h *alpm.Handle) { note := g(); h.SetLogCallback(notes, nil) }":                               "without a named function",
		head + "func f(h *alpm.Handle) { set := h.SetLogCallback; set(note, nil) }":                                 "is not called",
		"package main\nimport . \"github.com/Jguer/go-alpm/v2\"":                                                    "under another name",
		"package main\nimport \"github.com/Jguer/go-alpm\"":                                                         "under another name",
		"package main\nimport \"unsafe\"":                                                                           "unsafe is imported",
	} {
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, "x.go", source, 0)
		require.NoError(t, err)
		got := violations(fset, []*ast.File{f})
		require.Len(t, got, 1, source)
		require.Contains(t, got[0], want)
	}
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "x.go", head+"func f(h *alpm.Handle) { h.SetLogCallback(note, 1) }", 0)
	require.NoError(t, err)
	require.Empty(t, violations(fset, []*ast.File{f}))
}
