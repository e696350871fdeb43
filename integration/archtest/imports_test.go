package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// No package in shared may import a package of the list notInShared, even indirectly, or import a package of the list
// loggers directly. Packages for tests are exempt. Packages of the list network may import net/http: fetch sends all requests, upstream
// has it send some, and the parser in feed could send requests itself. The package metrics may import the metrics library, which imports net/http.
var (
	network     = []string{"fetch", "feed", "upstream", "metrics"}
	notInShared = []string{
		"net/http",
		"github.com/Jguer/go-alpm/v2",
		"github.com/cockroachdb/pebble/v2",
		metricsLibrary,
	}
	loggers = []string{"log", "log/slog", "go.uber.org/zap", "github.com/sirupsen/logrus", "github.com/rs/zerolog"}
)

const (
	alpm           = "github.com/Jguer/go-alpm/v2"
	metricsLibrary = "github.com/prometheus/client_golang/prometheus"
)

// chain returns how a package comes to import another: a > b > c, or "" if it does not. The packages are those of one
// `go list -deps`.
func chain(packages []goPackage, from, to string) string {
	byPath := map[string]goPackage{}
	for _, p := range packages {
		byPath[p.ImportPath] = p
	}
	cameFrom := map[string]string{from: ""}
	for queue := []string{from}; len(queue) > 0; queue = queue[1:] {
		if queue[0] == to {
			path := to
			for at := cameFrom[to]; at != ""; at = cameFrom[at] {
				path = at + " > " + path
			}
			return path
		}
		for _, next := range byPath[queue[0]].Imports {
			if _, seen := cameFrom[next]; !seen {
				cameFrom[next] = queue[0]
				queue = append(queue, next)
			}
		}
	}
	return ""
}

// exists reports whether a directory contains a package. A directory that is only in the tables has nothing to check.
func exists(t *testing.T, place string) bool {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(root(t), place, "*.go"))
	require.NoError(t, err)
	return len(found) > 0
}

func TestChain(t *testing.T) {
	packages := []goPackage{
		{ImportPath: "a", Imports: []string{"b", "c"}},
		{ImportPath: "b", Imports: []string{"c", "d"}},
		{ImportPath: "c", Imports: []string{"a"}},
	}
	require.Equal(t, "a > b > d", chain(packages, "a", "d"))
	require.Empty(t, chain(packages, "c", "e"))
}

func TestArchitecture_ProgramImports(t *testing.T) {
	checked := 0
	for _, row := range table(t, read(t, "docs", "ARCHITECTURE.md"), "program") {
		require.Lenf(t, row, 4, "row %v", row)
		program := names(row[0])[0]
		ours, never := names(row[1]), names(row[2])
		require.NotEmptyf(t, never, "%s: nothing is banned", program)
		require.NotEmptyf(t, row[3], "%s: no reason is given", program)
		if !exists(t, program) {
			continue
		}
		checked++
		t.Run(program, func(t *testing.T) {
			packages := list(t, "-deps", "./"+program)
			for _, p := range packages {
				home, _, _ := strings.Cut(program, "/") // programs of one module share its internal packages
				own := p.dir() == program || strings.HasPrefix(p.dir(), home+"/internal/") || strings.HasPrefix(p.dir(), program+"/internal/")
				if p.ours() && !own && !slices.Contains(ours, strings.TrimPrefix(p.dir(), "shared/")) {
					t.Errorf("docs/ARCHITECTURE.md does not let %s import %s: %s",
						program, p.dir(), chain(packages, module+program, p.ImportPath))
				}
				for _, banned := range never {
					if p.ImportPath == banned || strings.HasPrefix(p.ImportPath, banned+"/") && strings.Contains(banned, ".") {
						t.Errorf("%s must never import %s: %s", program, banned, chain(packages, module+program, p.ImportPath))
					}
				}
			}
		})
	}
	require.GreaterOrEqual(t, checked, 3, "omg, omgd and omg-index at least")
}

func TestArchitecture_EveryProgram(t *testing.T) {
	var listed []string
	for _, row := range table(t, read(t, "docs", "ARCHITECTURE.md"), "program") {
		listed = append(listed, names(row[0])...)
	}
	for _, p := range list(t, "work") {
		if p.Name == "main" && !strings.HasPrefix(p.dir(), "integration/") {
			require.Contains(t, listed, p.dir(), "a program without a row in docs/ARCHITECTURE.md")
		}
	}
}

func TestArchitecture_ProbeHasTheShortestList(t *testing.T) {
	count := map[string]int{}
	for _, row := range table(t, read(t, "docs", "ARCHITECTURE.md"), "program") {
		count[names(row[0])[0]] = len(names(row[1]))
	}
	for _, program := range []string{"omg", "omgd", "omg-index"} {
		require.Less(t, count["omg-probe"], count[program], program)
	}
}

func TestArchitecture_SharedImports(t *testing.T) {
	place := map[string]int{} // the row of each package in the table
	testsOnly := map[string]bool{}
	for i, row := range table(t, read(t, "docs", "ARCHITECTURE.md"), "package") {
		require.Lenf(t, row, 3, "row %v", row)
		name := names(row[0])[0]
		place[name] = i
		testsOnly[name] = row[2] == "tests"
	}
	packages := list(t, "-deps", "./shared/...")
	checked := 0
	for _, p := range packages {
		if !p.ours() {
			continue
		}
		checked++
		name, found := strings.CutPrefix(p.dir(), "shared/")
		if !found {
			t.Errorf("shared reaches %s", p.dir())
			continue
		}
		// A directory inside a package, such as wire/internal/x, counts as that package.
		name, _, _ = strings.Cut(name, "/")
		own, known := place[name]
		if !known {
			t.Errorf("shared/%s has no row in docs/ARCHITECTURE.md", name)
			continue
		}
		for _, path := range p.Imports {
			if slices.Contains(loggers, path) && !testsOnly[name] {
				t.Errorf("shared/%s imports a logger: %s", name, path)
			}
			other, found := strings.CutPrefix(path, module+"shared/")
			if !found {
				continue
			}
			other, _, _ = strings.Cut(other, "/")
			at, known := place[other]
			switch {
			case other == name || !known: // another check reports packages without a row
			case at > own:
				t.Errorf("shared/%s imports shared/%s, which comes after it in docs/ARCHITECTURE.md", name, other)
			case name == "wire":
				t.Errorf("shared/wire imports shared/%s: it may import nothing of ours", other)
			}
		}
		if testsOnly[name] {
			continue
		}
		for _, banned := range notInShared {
			if slices.Contains(network, name) && banned == "net/http" || name == "metrics" && banned == metricsLibrary {
				continue
			}
			if c := chain(packages, p.ImportPath, banned); c != "" {
				t.Errorf("shared/%s must not reach %s: %s", name, banned, c)
			}
		}
	}
	require.NotZero(t, checked)
}

func TestArchitecture_OnlyTheWorkerImportsLibalpm(t *testing.T) {
	// Without the tag libalpm, go list would not see the import.
	for _, p := range list(t, "-tags", "urfave_cli_no_docs,libalpm", "work") {
		if strings.HasPrefix(p.dir(), "omgd/alpm-worker") {
			continue
		}
		for _, imports := range [][]string{p.Imports, p.TestImports, p.XTestImports} {
			require.NotContains(t, imports, alpm, p.dir())
		}
	}
	for _, m := range modules(t) {
		if m.dir == "omgd/alpm-worker" {
			continue
		}
		for _, r := range m.Require {
			require.NotEqual(t, alpm, r.Path, "%s/go.mod", m.dir)
		}
	}
}

func TestArchitecture_OnlyTestsImportTestSupport(t *testing.T) {
	var support []string
	for _, row := range table(t, read(t, "docs", "ARCHITECTURE.md"), "package") {
		if row[2] == "tests" {
			support = append(support, module+"shared/"+names(row[0])[0])
		}
	}
	require.NotEmpty(t, support)
	all := list(t, "work")
	for _, p := range all {
		if strings.HasSuffix(p.Name, "test") { // such as fetchtest
			support = append(support, p.ImportPath)
		}
	}
	for _, p := range all {
		if strings.HasPrefix(p.dir(), "integration/") || slices.Contains(support, p.ImportPath) {
			continue
		}
		for _, path := range support {
			require.NotContains(t, p.Imports, path, p.dir())
		}
	}
}

// TestArchitecture_InnerPackages checks that the page lists each package below an internal directory, and no others.
func TestArchitecture_InnerPackages(t *testing.T) {
	inner := regexp.MustCompile(`^([a-z-]+/)+internal/[a-z]+$`)
	there := map[string]bool{}
	for _, p := range list(t, "work") {
		if inner.MatchString(p.dir()) {
			there[p.dir()] = true
		}
	}
	require.NotEmpty(t, there)
	for _, row := range table(t, read(t, "docs", "ARCHITECTURE.md"), "place") {
		place := names(row[0])[0]
		require.True(t, there[place], "docs/ARCHITECTURE.md: there is no %s", place)
		delete(there, place)
	}
	require.Empty(t, there, "docs/ARCHITECTURE.md does not say what these own")
}

// assemblers are the packages that may assemble a snapshot.
var assemblers = []string{"omgd/internal/refresh", "omg/internal/direct"}

// TestSnapshot_Assemblers checks that no package except assemblers assembles a snapshot: two programs that assemble a
// system's state in different ways would give different answers.
func TestSnapshot_Assemblers(t *testing.T) {
	found := map[string]bool{}
	for _, p := range list(t, "work") {
		if strings.HasPrefix(p.dir(), "integration/") {
			continue // it only measures
		}
		for _, name := range p.GoFiles {
			file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, 0)
			require.NoError(t, err)
			ast.Inspect(file, func(n ast.Node) bool {
				call, ok := n.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				if x, ok := call.X.(*ast.Ident); ok && x.Name == "snapshot" && call.Sel.Name == "Build" {
					found[p.dir()] = true
				}
				return true
			})
		}
	}
	require.ElementsMatch(t, assemblers, slices.Collect(maps.Keys(found)))
}

// TestArchitecture_FleetHTTP checks that of the packages of omg-fleet, only web imports HTTP.
func TestArchitecture_FleetHTTP(t *testing.T) {
	var found []string
	for _, p := range list(t, "./omg-fleet/...") {
		if slices.Contains(p.Imports, "net/http") {
			found = append(found, p.dir())
		}
	}
	require.Equal(t, []string{"omg-fleet/internal/web"}, found)
}
