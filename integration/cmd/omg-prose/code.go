package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
)

// minPassageWords is the minimum number of words in a passage.
const minPassageWords = 4

// eachFile calls the function visit for every file of the project that has the suffix.
func eachFile(root, suffix string, visit func(path string) error) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "build" || d.Name() == "testdata" || d.Name() == "bin"):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, suffix):
			return nil
		}
		return visit(path)
	})
}

// eachSource calls the function visit for each Go file of the project. If tests is false, it leaves out test files.
func eachSource(root string, tests bool, visit func(set *token.FileSet, file *ast.File)) error {
	set := token.NewFileSet()
	return eachFile(root, ".go", func(path string) error {
		if !tests && strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(set, path, nil, parser.ParseComments)
		if err == nil {
			visit(set, file)
		}
		return err
	})
}

// passages returns all comments and texts of the code, documents and manual pages.
func passages(root string) (all []sample, err error) {
	err = eachSource(root, true, func(set *token.FileSet, file *ast.File) {
		test := strings.HasSuffix(set.Position(file.Pos()).Filename, "_test.go")
		for _, group := range file.Comments {
			if text := strings.TrimSpace(group.Text()); countWords(text) >= minPassageWords {
				all = append(all, sample{"comment", formatPosition(root, set, group.Pos()), text})
			}
		}
		if test {
			return
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ImportSpec, *ast.Field: // paths and tags
				return false
			case *ast.BasicLit:
				if text, err := strconv.Unquote(n.Value); err == nil && n.Kind == token.STRING && isProseText(text) {
					all = append(all, sample{"text", formatPosition(root, set, n.Pos()), strings.TrimSpace(text)})
				}
			}
			return true
		})
	})
	if err != nil {
		return nil, err
	}
	documents, err := documentPassages(root)
	return append(all, documents...), err
}

func formatPosition(root string, set *token.FileSet, pos token.Pos) string {
	p := set.Position(pos)
	name, err := filepath.Rel(root, p.Filename)
	if err != nil {
		name = p.Filename
	}
	return fmt.Sprintf("%s:%d", name, p.Line)
}

func countWords(text string) int { return len(strings.Fields(text)) }

// isProseText reports whether a string literal is written for people.
func isProseText(text string) bool {
	if countWords(text) < minPassageWords || strings.ContainsAny(text, "\x00\x1b") {
		return false
	}
	letters := 0
	for _, r := range text {
		if 'a' <= r && r <= 'z' || r == ' ' {
			letters++
		}
	}
	return letters*10 >= len(text)*8
}

// identifiers returns the names that the code declares at package level, and methods and fields, each with its package.
func identifiers(root string) (all []sample, err error) {
	seen := map[string]bool{}
	err = eachSource(root, false, func(set *token.FileSet, file *ast.File) {
		add := func(id *ast.Ident, owner string) {
			name := owner + id.Name
			key := file.Name.Name + "." + name
			if len(id.Name) > 1 && id.Name != "main" && !seen[key] {
				seen[key] = true
				dir, _ := filepath.Rel(root, filepath.Dir(set.Position(id.Pos()).Filename))
				all = append(all, sample{"name", formatPosition(root, set, id.Pos()), "package " + dir + ": " + name})
			}
		}
		for _, d := range file.Decls {
			eachName(d, add)
		}
	})
	return all, err
}

// eachName calls add for each name that the declaration d introduces. For a method or field, owner is the name of its
// type, followed by a dot; otherwise owner is empty.
func eachName(d ast.Decl, add func(id *ast.Ident, owner string)) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		owner := ""
		if d.Recv != nil && len(d.Recv.List) == 1 {
			owner = typeNameOfExpr(d.Recv.List[0].Type) + "."
		}
		add(d.Name, owner)
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				add(spec.Name, "")
				if s, ok := spec.Type.(*ast.StructType); ok {
					for _, f := range s.Fields.List {
						for _, name := range f.Names {
							add(name, spec.Name.Name+".")
						}
					}
				}
			case *ast.ValueSpec:
				for _, name := range spec.Names {
					if name.Name != "_" {
						add(name, "")
					}
				}
			}
		}
	}
}

func typeNameOfExpr(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return typeNameOfExpr(e.X)
	case *ast.IndexExpr:
		return typeNameOfExpr(e.X)
	case *ast.Ident:
		return e.Name
	}
	return ""
}
