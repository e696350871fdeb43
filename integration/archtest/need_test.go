package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// everywhere lists the programs that exist on every machine that can build the project.
var everywhere = []string{"bash", "cc", "go", "make"}

// TestNeed_Deps checks that `make deps` installs every program that tests need. With OMG_REQUIRE=1 a test fails if
// its program is missing.
func TestNeed_Deps(t *testing.T) {
	script := read(t, "scripts", "deps.sh")
	asked := 0
	for _, p := range list(t, "work") {
		files, err := filepath.Glob(filepath.Join(p.Dir, "*.go"))
		require.NoError(t, err)
		for _, path := range files {
			for _, program := range needed(t, path) {
				asked++
				if slices.Contains(everywhere, program) {
					continue
				}
				require.Regexp(t, `(?m) have `+regexp.QuoteMeta(program)+`$`, script, "%s needs %s, which scripts/deps.sh does not install", path, program)
			}
		}
	}
	require.NotZero(t, asked)
}

// needed returns the programs that a file requests from package need by name.
func needed(t *testing.T, path string) (programs []string) {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	require.NoError(t, err)
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) < 2 {
			return true
		}
		f, ok := call.Fun.(*ast.SelectorExpr)
		if ok && f.Sel.Name != "Program" {
			return true
		}
		if id, isIdent := call.Fun.(*ast.Ident); !ok && (!isIdent || id.Name != "Program") {
			return true
		}
		if name, isText := call.Args[1].(*ast.BasicLit); isText {
			if program, err := strconv.Unquote(name.Value); err == nil {
				programs = append(programs, program)
			}
		}
		return true
	})
	return programs
}
