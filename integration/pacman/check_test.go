package pacman

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/exit"
)

// systemCheck is the part of the JSON of omg check that is compared.
type systemCheck struct {
	Problems []systemProblem
	Cache    struct {
		Files    int
		OldFiles int `json:"old_files"`
		Size     int64
	}
	Unchecked int
}

type systemProblem struct {
	Kind, Package, Path string
	Details             []string
}

// problems runs omg check and returns the problems of the kinds, in the form of pacman's warnings.
func problems(t *testing.T, way harness.AnswerWay, args ...string) (c systemCheck, lines []string) {
	t.Helper()
	r := way.Omg(append([]string{"check", "--json"}, args...)...)
	require.Contains(t, []int{exit.OK, exit.Degraded}, r.Code, r.Stderr)
	require.NoError(t, json.Unmarshal([]byte(r.Stdout), &c))
	for _, p := range c.Problems {
		switch p.Kind {
		case "missing-file":
			p.Details = []string{"No such file or directory"}
		case "missing-dependency":
			lines = append(lines, "missing '"+p.Details[0]+"' dependency for '"+p.Package+"'")
			continue
		}
		for _, d := range p.Details {
			lines = append(lines, strings.TrimPrefix(p.Package+": "+p.Path+" ("+d+")", ": "))
		}
		if len(p.Details) == 0 {
			lines = append(lines, p.Kind+" "+p.Path)
		}
	}
	slices.Sort(lines)
	return c, lines
}

// warnings returns the warnings and errors that pacman prints, without the name of the program.
func warnings(r harness.Result) (lines []string) {
	for line := range strings.Lines(r.Stderr) {
		line = strings.TrimSuffix(line, "\n")
		lines = append(lines, strings.TrimPrefix(strings.TrimPrefix(line, "warning: "), "error: "))
	}
	slices.Sort(lines)
	return lines
}

// TestCheck compares omg check with pacman -Qk, -Qkk and -Dk, before and after files of a package were removed, changed and replaced.
func TestCheck(t *testing.T) {
	s := newBuiltPackage(t)
	way := s.DatabasesAnswerWay()
	daemon := s.LaunchDaemon().AnswerWay("daemon") // there are no repositories to wait for
	compare := func() (count int) {
		t.Helper()
		dependencies := warnings(s.Pacman("-Dk"))
		dependencies = slices.DeleteFunc(dependencies, func(line string) bool { return !strings.HasPrefix(line, "missing '") })
		require.NotEmpty(t, dependencies)
		for pacmanArg, args := range map[string][]string{"-Qk": nil, "-Qkk": {"--contents"}} {
			want := append(warnings(s.Pacman(pacmanArg)), dependencies...)
			slices.Sort(want)
			for _, way := range []harness.AnswerWay{way, daemon} {
				c, got := problems(t, way, args...)
				require.Equal(t, want, got, "%s %v", way.Name, args)
				require.Equal(t, pacmanArg == "-Qkk", c.Unchecked == 1, "the package plain has no mtree file")
				count += len(got)
			}
		}
		return count
	}
	before := compare()
	s.alter()
	require.Greater(t, compare(), before+15)
	_, lines := problems(t, way, "plain")
	require.Equal(t, warnings(s.Pacman("-Qk", "plain")), lines)
	require.Equal(t, exit.NotFound, way.Omg("check", "no-such-package").Code)
	require.Contains(t, way.Omg("check", "full").Stdout, "Missing files: 2\n  full: ")
	require.Equal(t, []string{"full", "plain"}, way.Omg("check", "-q").Lines())

	// What pacman leaves behind.
	for _, name := range []string{"root/etc/full.conf.pacnew", "root/etc/deep/er/x.pacsave.3", "root/etc/x.pacnewer", "db/db.lck", "cache/full-1.2-3-any.pkg.tar.gz", "cache/full-1.1-1-any.pkg.tar.gz"} {
		harness.WriteFile(t, filepath.Join(filepath.Dir(s.root), name), "12345")
	}
	require.Equal(t, filepath.Join(filepath.Dir(s.root), "db"), s.DB)
	c, lines := problems(t, way)
	require.Contains(t, lines, "config-file "+s.root+"/etc/full.conf.pacnew")
	require.Contains(t, lines, "config-file "+s.root+"/etc/deep/er/x.pacsave.3")
	require.NotContains(t, strings.Join(lines, "\n"), "pacnewer")
	require.Equal(t, 2, c.Cache.Files)
	require.Equal(t, 1, c.Cache.OldFiles)
	require.EqualValues(t, 10, c.Cache.Size)
	lock := slices.IndexFunc(c.Problems, func(p systemProblem) bool { return p.Kind == "stale-lock" })
	require.GreaterOrEqual(t, lock, 0)
	held, err := os.Open(filepath.Join(s.DB, "db.lck"))
	require.NoError(t, err)
	defer held.Close()
	c, _ = problems(t, way)
	require.False(t, strings.Contains(way.Omg("check").Stdout, "Lock of pacman"), "this process holds the lock")
	require.NotEmpty(t, c.Problems)
}
