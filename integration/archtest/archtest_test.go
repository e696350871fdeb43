package archtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
)

// module is the prefix of the project's import paths.
const module = "github.com/omg-arch/omg/"

// root returns the directory that contains go.work.
func root(t *testing.T) string {
	t.Helper()
	return harness.ProjectRoot(t)
}

func read(t *testing.T, path ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(append([]string{root(t)}, path...)...))
	require.NoError(t, err)
	return string(text)
}

// command runs a program at the root and returns its output.
func command(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = root(t)
	// The programs are built without cgo. With cgo, the packages net and os/user would import others.
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoErrorf(t, err, "%s %s: %s", name, strings.Join(args, " "), stderr.String())
	return out
}

// goPackage is the part of `go list -json` that the rules need.
type goPackage struct {
	ImportPath   string
	Name         string
	Dir          string
	Imports      []string
	TestImports  []string
	XTestImports []string
	GoFiles      []string
}

func (p goPackage) ours() bool { return strings.HasPrefix(p.ImportPath, module) }

// dir returns the package's directory relative to the root: shared/wire.
func (p goPackage) dir() string { return strings.TrimPrefix(p.ImportPath, module) }

// lists caches the output of go list by its arguments.
var lists = map[string][]goPackage{}

// list returns the packages that `go list` prints for args, with the tags of the build and without tests. Packages
// that do not compile are listed too, because another check compiles them. The pattern work lists only the project's
// packages, also if there are vendored modules.
func list(t *testing.T, args ...string) []goPackage {
	t.Helper()
	key := strings.Join(args, " ")
	if packages, ok := lists[key]; ok {
		return packages
	}
	out := command(t, "go", append([]string{
		"list", "-e", "-tags", "urfave_cli_no_docs",
		"-json=ImportPath,Name,Dir,Imports,TestImports,XTestImports,GoFiles",
	}, args...)...)
	var packages []goPackage
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p goPackage
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		if args[len(args)-1] != "work" || p.ours() {
			packages = append(packages, p)
		}
	}
	require.NotEmptyf(t, packages, "go list %v found nothing", args)
	lists[key] = packages
	return packages
}

// files calls visit for every file of the tree except build results and vendored modules, with its path relative to the root.
func files(t *testing.T, visit func(path string)) {
	t.Helper()
	skip := map[string]bool{".git": true, "bin": true, "build": true, "dist": true, "vendor": true}
	seen := 0
	dir := root(t)
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch rel, _ := filepath.Rel(dir, path); {
		case skip[rel] && d != nil && d.IsDir():
			return filepath.SkipDir
		case err != nil:
			return err
		case skip[rel]: // the .git of a worktree is a file
		case d.Type().IsRegular():
			seen++
			visit(rel)
		}
		return nil
	}))
	require.Greater(t, seen, 20, "too few files: is this the right directory?")
}

// table returns the cells of the Markdown table whose header line starts with the text in first. The header and the
// line below it are left out.
func table(t *testing.T, text, first string) [][]string {
	t.Helper()
	var rows [][]string
	inside := false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") {
			inside = false
			continue
		}
		switch row := cells(line); {
		case row[0] == first:
			inside = true
		case inside && strings.Trim(row[0], "-") != "":
			rows = append(rows, row)
		}
	}
	require.NotEmptyf(t, rows, "no table that begins with %q", first)
	return rows
}

// cells returns the cells of a table's row.
func cells(line string) (all []string) {
	for cell := range strings.SplitSeq(strings.Trim(strings.TrimSpace(line), "|"), "|") {
		all = append(all, strings.TrimSpace(cell))
	}
	return all
}

var quoted = regexp.MustCompile("`([^`]+)`")

// names returns the texts between backquotes.
func names(cell string) []string {
	var all []string
	for _, m := range quoted.FindAllStringSubmatch(cell, -1) {
		all = append(all, m[1])
	}
	return all
}
