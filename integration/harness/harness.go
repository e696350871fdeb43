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
	"golang.org/x/sys/unix"

	"github.com/omg-arch/omg/shared/atomicfile"
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

// MainParallel runs a package's tests that mostly wait: it runs more of them in parallel than there are processors.
func MainParallel(m *testing.M, tests string) {
	flag.Parse()
	if err := flag.Set("test.parallel", tests); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// ProgramsDir returns the directory of the programs under test. OMG_BIN can name a directory in which make has built them.
// Otherwise ProgramsDir builds them.
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
	return builtPrograms.build(t)
}

// TestClockProgramsDir returns the directory of programs that get the time from OMG_TEST_TIME (package clock), and builds them. They have no
// version.
func TestClockProgramsDir(t testing.TB) string {
	t.Helper()
	_ = os.Getenv("OMG_SOURCES")
	return testClockPrograms.build(t)
}

// programs are programs that tests build, below build/ of the project. They stay there, and go builds again only those whose sources have
// changed.
type programs struct {
	name, tags string
	once       sync.Once
	err        error
}

var (
	builtPrograms     = programs{name: "programs", tags: "urfave_cli_no_docs"} // as users have them
	testClockPrograms = programs{name: "testclock", tags: "urfave_cli_no_docs,testclock"}
)

// build builds the programs, unless this test binary has already done it, and returns their directory.
func (p *programs) build(t testing.TB) string {
	t.Helper()
	root := ProjectRoot(t)
	dir := filepath.Join(root, "build", p.name)
	p.once.Do(func() { p.err = p.buildIn(root, dir) })
	require.NoError(t, p.err)
	return dir
}

func (p *programs) buildIn(root, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	// The test binaries of several packages may build at the same time.
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := unix.Flock(int(d.Fd()), unix.LOCK_EX); err != nil {
		return err
	}
	list, err := os.ReadFile(filepath.Join(root, "packaging", incidents.ShippedName))
	if err != nil {
		return err
	}
	if err := atomicfile.Write(filepath.Join(dir, incidents.ShippedName), list, atomicfile.Options{Mode: 0o644}); err != nil {
		return err
	}
	// The same flags as in `make build`.
	for _, args := range [][]string{
		{"-ldflags=-s -w", "-o", dir + "/", "./omg", "./omg/omg-direct", "./omg/omg-browse", "./omg-probe"},
		{"-buildmode=pie", "-ldflags=-s -w -bindnow", "-o", dir + "/", "./omgd", "./omg-index", "./omg-fleet", "./omg-fleet/omg-fleet-dev"},
	} {
		cmd := exec.Command("go", append([]string{"build", "-trimpath", "-buildvcs=false", "-tags", p.tags}, args...)...)
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
