// Package harness runs the real programs for tests.
//
// A test creates a System, which has its own directories, pacman databases and environment, without anything of the
// machine's. The test runs programs in the System, or starts an omgd there and sends requests to it:
//
//	s := harness.New(t)
//	d := s.StartDaemon()
//	r := d.Omg("search", "lib")
//
// No test depends on the speed of the machine. A test waits for a result with Await, whose time limit only guards
// against a hang. If omgd acts on its own after a time, the test sets this time so short that it can wait for it, or so
// long that it never passes.
package harness

import (
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/shared/incidents"
)

// ProjectRoot returns the project's root directory: the one with go.work.
func ProjectRoot(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	require.NoError(t, err)
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		require.NotEqual(t, up, dir, "no go.work above the test's directory")
		dir = up
	}
}

// Main runs a package's tests and removes the programs that they built.
func Main(m *testing.M) {
	code := m.Run()
	for _, p := range []*programs{&builtPrograms, &testClockPrograms} {
		if p.dir != "" {
			_ = os.RemoveAll(p.dir)
		}
	}
	os.Exit(code)
}

// MainParallel is like Main, for tests that mostly wait: it runs more of them in parallel than there are processors.
func MainParallel(m *testing.M, tests string) {
	flag.Parse()
	if err := flag.Set("test.parallel", tests); err != nil {
		panic(err)
	}
	Main(m)
}

// programs are the programs that this test binary has built with some build tags.
type programs struct {
	once sync.Once
	dir  string // directory of the built programs; empty until it is created
	err  error
}

// builtPrograms are the programs as users have them. testClockPrograms have the build tag testclock.
var builtPrograms, testClockPrograms programs

// ProgramsDir returns the directory of the programs under test. OMG_BIN can name a directory in which make has built them.
// Otherwise ProgramsDir builds them, once for each test binary.
//
// If a test is repeated, go test prints the cached result unless a variable that the test has read has changed.
// Therefore make test sets OMG_SOURCES to a digest of all sources, and ProgramsDir reads it: without this, go test would
// not notice a changed program.
func ProgramsDir(t testing.TB) string {
	t.Helper()
	_ = os.Getenv("OMG_SOURCES")
	if dir := os.Getenv("OMG_BIN"); dir != "" {
		require.FileExists(t, filepath.Join(dir, "omgd"), "OMG_BIN must name a directory that contains the built programs")
		return dir
	}
	return builtPrograms.build(t, "urfave_cli_no_docs")
}

// TestClockProgramsDir returns the directory of programs that get the time from OMG_TEST_TIME (package clock). It builds them once for each
// test binary. They have no version.
func TestClockProgramsDir(t testing.TB) string {
	t.Helper()
	_ = os.Getenv("OMG_SOURCES")
	return testClockPrograms.build(t, "urfave_cli_no_docs,testclock")
}

// build builds the programs, unless they are built, and returns their directory.
func (p *programs) build(t testing.TB, tags string) string {
	t.Helper()
	root := ProjectRoot(t)
	p.once.Do(func() { p.err = p.buildOnce(root, tags) })
	require.NoError(t, p.err)
	return p.dir
}

func (p *programs) buildOnce(root, tags string) error {
	dir, err := os.MkdirTemp("", "omg-programs-")
	if err != nil {
		return err
	}
	p.dir = dir
	if err := os.Chmod(dir, 0o755); err != nil { // some tests run the programs as other users
		return err
	}
	list, err := os.ReadFile(filepath.Join(root, "packaging", incidents.ShippedName))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, incidents.ShippedName), list, 0o644)
	}
	if err != nil {
		return err
	}
	// The same flags as in `make build`.
	for _, args := range [][]string{
		{"-ldflags=-s -w", "-o", dir + "/", "./omg", "./omg/omg-direct", "./omg/omg-browse", "./omg-probe"},
		{"-buildmode=pie", "-ldflags=-s -w -bindnow", "-o", dir + "/", "./omgd", "./omg-index", "./omg-fleet", "./omg-fleet/omg-fleet-dev"},
	} {
		cmd := exec.Command("go", append([]string{"build", "-trimpath", "-buildvcs=false", "-tags", tags}, args...)...)
		cmd.Dir = root
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return errors.New(string(out))
		}
	}
	return nil
}

// CopyPrograms copies the programs into a directory where a test can replace or remove some of them, without the
// libalpm worker.
func CopyPrograms(t testing.TB, dir string) {
	t.Helper()
	for _, name := range []string{"omg", "omg-direct", "omg-browse", "omgd", "omg-index", "omg-probe", "omg-fleet", "omg-fleet-dev"} {
		WriteProgram(t, filepath.Join(dir, name), ReadFile(t, filepath.Join(ProgramsDir(t), name)))
	}
}

// Result is a program's output and exit code.
type Result struct {
	Stdout, Stderr string
	Code           int // exit code, -1 if a signal ended it
}

// Lines returns the lines of standard output.
func (r Result) Lines() []string {
	if r.Stdout == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(r.Stdout, "\n"), "\n")
}
