package archtest

import (
	"bytes"
	"encoding/json"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// maxLines limits a file to what can be read in one sitting.
const maxLines = 800

func TestPackages_OneComment(t *testing.T) {
	for _, p := range list(t, "work") {
		var with []string
		for _, name := range p.GoFiles {
			f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, parser.ParseComments|parser.PackageClauseOnly)
			require.NoError(t, err)
			if f.Doc == nil {
				continue
			}
			with = append(with, name)
			line, _, _ := strings.Cut(f.Doc.Text(), "\n")
			kind, rest, _ := strings.Cut(line, " ")
			first, _, _ := strings.Cut(rest, " ")
			// A program may have a prefix that its directory lacks: omg-alpm-worker in alpm-worker.
			ok := kind == "Package" && first == p.Name
			if p.Name == "main" {
				ok = kind == "Command" && strings.HasSuffix(first, filepath.Base(p.Dir))
			}
			if !ok {
				t.Errorf("%s/%s: the package comment should begin with Package or Command and the name: %q", p.dir(), name, line)
			}
		}
		if len(with) != 1 && len(p.GoFiles) > 0 {
			t.Errorf("%s: one file should have the package comment, these have: %v", p.dir(), with)
		}
	}
}

func TestPackages_NoDrawer(t *testing.T) {
	drawers := []string{"util", "utils", "common", "helper", "helpers", "misc", "base", "lib"}
	for _, p := range list(t, "work") {
		for part := range strings.SplitSeq(p.dir(), "/") {
			require.NotContains(t, drawers, part, "%s: name a package for what it owns", p.dir())
		}
		require.NotContains(t, drawers, p.Name, p.dir())
	}
}

func TestFiles_Short(t *testing.T) {
	checked := 0
	dir := root(t)
	files(t, func(path string) {
		if filepath.Ext(path) != ".go" {
			return
		}
		checked++
		text, err := os.ReadFile(filepath.Join(dir, path))
		require.NoError(t, err)
		if lines := bytes.Count(text, []byte("\n")); lines > maxLines {
			t.Errorf("%s has %d lines, more than %d: split it by idea", path, lines, maxLines)
		}
	})
	require.NotZero(t, checked)
}

// mentions returns an expression that finds the path of a directory of this machine in a text, also if the path
// continues below the directory. It finds neither a longer name nor the end of another path. The name of a directory
// directly under / is also an ordinary word, and is found only if the path continues below it.
func mentions(dir string) *regexp.Regexp {
	after := `(?:[^A-Za-z0-9_.-]|$)`
	if strings.Count(dir, "/") == 1 {
		after = `/`
	}
	return regexp.MustCompile(`(?:^|[^A-Za-z0-9_./>})-])` + regexp.QuoteMeta(dir) + after)
}

func TestMentions(t *testing.T) {
	re := mentions("/home/me")
	for _, yes := range []string{"/home/me", "in /home/me/omg", `"/home/me"`, "cd /home/me\n"} {
		require.True(t, re.MatchString(yes), yes)
	}
	for _, no := range []string{"/home/men", "/srv/home/me", "<data>/home/me/x", "/home/me-1"} {
		require.False(t, re.MatchString(no), no)
	}
	require.True(t, mentions("/me").MatchString("cd /me/omg"))
	require.False(t, mentions("/me").MatchString("either/me or /me alone"))
}

func TestFiles_NameNoMachine(t *testing.T) {
	dir := root(t)
	searches := []*regexp.Regexp{mentions(dir)}
	if home, err := os.UserHomeDir(); err == nil && len(home) > 1 && home != "/root" { // /root exists on every machine
		searches = append(searches, mentions(home))
	}
	files(t, func(path string) {
		text, err := os.ReadFile(filepath.Join(dir, path))
		require.NoError(t, err)
		for _, re := range searches {
			if m := re.Find(text); m != nil {
				t.Errorf("%s names a directory of this machine: %q", path, m)
			}
		}
	})
}

// modFile is the part of the output of `go mod edit -json` that the tests read.
type modFile struct {
	dir     string
	Module  struct{ Path string }
	Require []struct{ Path, Version string }
	Replace []struct{ Old, New struct{ Path string } }
}

// modules reads the go.mod of each module in go.work.
func modules(t *testing.T) []modFile {
	t.Helper()
	var work struct{ Use []struct{ DiskPath string } }
	require.NoError(t, json.Unmarshal(command(t, "go", "work", "edit", "-json"), &work))
	var all []modFile
	for _, use := range work.Use {
		m := modFile{dir: filepath.Clean(use.DiskPath)}
		require.NoError(t, json.Unmarshal(command(t, "go", "mod", "edit", "-json", filepath.Join(m.dir, "go.mod")), &m))
		all = append(all, m)
	}
	require.NotEmpty(t, all)
	return all
}

// TestModules_FindShared checks that the go.mod of each module replaces the module shared with its directory. With
// go.work alone, `go mod tidy` would fail.
func TestModules_FindShared(t *testing.T) {
	checked := 0
	dir := root(t)
	for _, m := range modules(t) {
		require.Equal(t, module+m.dir, m.Module.Path)
		if m.dir == "shared" {
			continue
		}
		checked++
		required, replaced := false, false
		for _, r := range m.Require {
			required = required || r.Path == module+"shared" && r.Version == "v0.0.0"
		}
		for _, r := range m.Replace {
			replaced = replaced || r.Old.Path == module+"shared" && filepath.Join(dir, m.dir, r.New.Path) == filepath.Join(dir, "shared")
		}
		require.True(t, required, "%s/go.mod does not require shared v0.0.0", m.dir)
		require.True(t, replaced, "%s/go.mod does not replace shared by its directory", m.dir)
	}
	require.NotZero(t, checked)
}

// TestModules_InWorkspace checks that all modules are in the workspace, except the tools and the replacement of a
// foreign module.
func TestModules_InWorkspace(t *testing.T) {
	outside := []string{"tools", "omgd/nosentry"}
	var used []string
	for _, m := range modules(t) {
		used = append(used, m.dir)
	}
	files(t, func(path string) {
		if dir := filepath.Dir(path); filepath.Base(path) == "go.mod" && !slices.Contains(append(outside, used...), dir) {
			t.Errorf("%s is not in go.work", path)
		}
	})
}
