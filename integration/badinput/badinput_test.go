package badinput

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/pkgindex"
	"github.com/omg-arch/omg/shared/wire"
)

func TestMain(m *testing.M) {
	if line := os.Args[1:]; os.Getenv(measuring) != "" {
		os.Exit(runMeasured(line))
	}
	harness.MainParallel(m, "4")
}

// The exit codes of all programs.
const (
	answered = 0
	nothing  = 1
	usage    = 2
	failed   = 3
)

const maxMemory = 200 << 20 // the limit of peak memory for omg, omg-index and omgd with any input

// repos are the names of the generated databases, and packages is the number of packages in them.
var repos = []string{"core", "extra", "multilib"}

const packages = 200

// buildCommand returns the arguments that build one index of all databases.
func buildCommand(s *harness.System) []string {
	return append([]string{"build", "-o", wholeIndex(s)}, s.DatabaseFlags()...)
}

// wholeIndex returns the path of the index that the arguments from buildCommand make omg-index write.
func wholeIndex(s *harness.System) string { return filepath.Join(s.Data, "whole.omgidx") }

// buildIndex builds one index of all databases. It may fail.
func buildIndex(s *harness.System) harness.Result {
	s.T.Helper()
	return s.Run("omg-index", buildCommand(s)...)
}

// goodIndex builds one index of all databases and returns its bytes.
func goodIndex(s *harness.System) []byte {
	s.T.Helper()
	r := buildIndex(s)
	require.Zero(s.T, r.Code, r.Stderr)
	return harness.ReadFile(s.T, wholeIndex(s))
}

// indexes returns the content of each of omg's own indexes, by name.
func indexes(s *harness.System) map[string][]byte {
	s.T.Helper()
	all := map[string][]byte{}
	for _, repo := range repos {
		all[repo] = harness.ReadFile(s.T, s.IndexPath(repo))
	}
	return all
}

// digests returns, for each index, the digest of the database from which the index was built. Tests compare these
// digests and not the index files: omg-index may write an index of the same database again, with another build time.
func digests(s *harness.System) map[string]string {
	s.T.Helper()
	all := map[string]string{}
	for _, repo := range repos {
		f, err := pkgindex.Open(s.IndexPath(repo), nil)
		require.NoError(s.T, err)
		source, ok := f.IndexInfo().FindSource(pkgindex.KindRepo, repo)
		require.True(s.T, ok, repo)
		all[repo] = strings.Clone(source.SHA256)
		require.NoError(s.T, f.Close())
	}
	return all
}

// withIndex runs omg without a daemon, with an index file for the databases.
func withIndex(s *harness.System, index string, args ...string) harness.Result {
	s.T.Helper()
	return s.Run("omg", append(append([]string{"--no-daemon", "--index", index}, s.DatabaseFlags()...), args...)...)
}

// awaitSearch waits until a condition holds for the daemon's search result with all generated packages.
func awaitSearch(t *testing.T, d *harness.Daemon, what string, such func(wire.SearchResult) bool) {
	t.Helper()
	var last wire.SearchResult
	var err error
	harness.Await(t, func() bool {
		last, err = searchAll(d)
		return err == nil && such(last)
	}, "omgd's answer has %s; it was %s; omgd printed: %s", what, func() string {
		return fmt.Sprintf("%d packages of %+v (%v)", last.Total, last.Sources, err)
	}, d.Stderr)
}

// searchAll searches all generated packages through the daemon.
func searchAll(d *harness.Daemon) (wire.SearchResult, error) {
	p, err := connect(d)
	if err != nil {
		return wire.SearchResult{}, err
	}
	defer p.close()
	p.ask(wire.OpSearch, &wire.SearchRequest{Repos: repos})
	return p.answer()
}

// requireHealthy requires that a well-behaved client gets the right answer.
func requireHealthy(t *testing.T, d *harness.Daemon) {
	t.Helper()
	s, err := searchAll(d)
	require.NoError(t, err, d.Stderr())
	require.EqualValues(t, packages, s.Total)
}

// requireHealthyOmg requires that omg gets the right answer from the daemon.
func requireHealthyOmg(t *testing.T, d *harness.Daemon) {
	t.Helper()
	r := d.Omg("search", "--json", "--repo", "core", "--repo", "extra", "--repo", "multilib")
	require.Equal(t, answered, r.Code, r.Stderr+d.Stderr())
	require.Empty(t, r.Stderr, d.Stderr())
	var s wire.SearchResult
	require.NoError(t, json.Unmarshal([]byte(r.Stdout), &s), r.Stdout)
	require.EqualValues(t, packages, s.Total)
}

// isCurrent reports whether a result has all generated packages and is not stale or partial.
func isCurrent(s wire.SearchResult) bool {
	return s.Total == packages && stateOf(s, "core") == wire.SourceOK && stateOf(s, "extra") == wire.SourceOK
}

func stateOf(s wire.SearchResult, source string) wire.SourceState {
	for _, x := range s.Sources {
		if x.Name == source {
			return x.State
		}
	}
	return ""
}

// If the environment variable named measuring is set, this test binary runs and measures another program.
const measuring = "OMG_TEST_MEASURING"

// runMeasured runs a program, writes its peak memory to file descriptor 3, and returns its exit code. A forked process
// starts with its parent's memory: measured directly from a test, a large file that the test holds would count as the
// program's.
func runMeasured(line []string) int {
	cmd := exec.Command(line[0], line[1:]...)
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, measuring+"=") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	_ = cmd.Run()
	if cmd.ProcessState == nil {
		return 125
	}
	fmt.Fprint(os.NewFile(3, "peak"), cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss<<10)
	return cmd.ProcessState.ExitCode()
}

// measure runs a program to its end and returns its peak memory, in bytes.
func measure(s *harness.System, program string, args ...string) (r harness.Result, peak int64) {
	s.T.Helper()
	self, err := os.Executable()
	require.NoError(s.T, err)
	file, err := os.CreateTemp(s.T.TempDir(), "peak")
	require.NoError(s.T, err)
	defer file.Close()
	cmd := s.WithEnv(measuring+"=1").Command(self, append([]string{s.Program(program)}, args...)...)
	cmd.ExtraFiles = []*os.File{file}
	r = harness.Run(s.T, cmd)
	_, err = fmt.Sscan(string(harness.ReadFile(s.T, file.Name())), &peak)
	require.NoError(s.T, err, r.Stderr)
	return r, peak
}

// memory returns the peak resident memory of a running process, in bytes.
func memory(t *testing.T, pid int) int64 {
	t.Helper()
	for line := range strings.Lines(string(harness.ReadFile(t, fmt.Sprintf("/proc/%d/status", pid)))) {
		var kib int64
		if n, _ := fmt.Sscanf(line, "VmHWM: %d kB", &kib); n == 1 {
			return kib << 10
		}
	}
	t.Fatalf("no VmHWM of process %d", pid)
	return 0
}
