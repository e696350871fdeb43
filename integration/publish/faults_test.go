package publish

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/need"
	"github.com/omg-arch/omg/shared/publication"
)

// maxFaults returns the number of faults of each kind that a test injects into a system call, one after the other.
func maxFaults() int {
	if os.Getenv("OMG_SOAK") != "" {
		return 40
	}
	return 1
}

// eachFault runs omg-index again and again, and kills it or lets the disk fail at each system call with which it changes files. The function prepare
// is called before each run, and check after it.
func eachFault(t *testing.T, s *harness.System, args []string, prepare func(), check func(what string)) {
	t.Helper()
	strace, log := need.Strace(t), s.Path("strace.log")
	hit := map[string]int{}
	for _, call := range []string{"write", "fsync", "renameat", "unlinkat", "mkdirat"} {
		for _, fault := range []string{"error=EIO", "error=ENOSPC", "signal=KILL"} {
			for n := range maxFaults() {
				prepare()
				what := fmt.Sprintf("%s %s %d", call, fault, n+1)
				cmd := s.Command(strace, slices.Concat([]string{
					"-f", "-qq", "-o", log, "-e", "trace=" + call, "-e", fmt.Sprintf("inject=%s:%s:when=%d", call, fault, n+1), s.Program("omg-index"),
				}, args)...)
				r := harness.Run(t, cmd)
				if !strings.Contains(string(harness.ReadFile(t, log)), "INJECTED") && r.Code == 0 {
					break // there is no such call
				}
				hit[call]++
				check(what)
			}
		}
	}
	for _, call := range []string{"write", "fsync", "renameat"} {
		require.NotZero(t, hit[call], "%s was never injected: %v", call, hit)
	}
}

// TestPublish_DiskFaults publishes a day while the disk fails, or the process is killed. A machine sees what was published of the last day or of this
// one, and the next run completes it.
func TestPublish_DiskFaults(t *testing.T) {
	p := newPublisher(t, 1, attackPackages)
	v := &victim{System: harness.New(t, harness.WithoutDatabases()), trust: []string{"-P", p.key}, timeout: "2m"}
	before := p.copy()
	p.publish(2)
	clean := objectNames(t, p.dir)
	args := slices.Concat([]string{"publish", "-s", p.Path("key"), "--out", p.dir, "--source", "repositories", "--source", "files", "--source", "aur=" + p.Path("dump.json.gz")}, p.DatabaseFlags())
	eachFault(t, p.System, args, func() {
		require.NoError(t, os.RemoveAll(p.dir))
		require.NoError(t, os.CopyFS(p.dir, os.DirFS(before)))
	}, func(what string) {
		v.Data = filepath.Join(t.TempDir(), "data")
		requireOK(t, v.pull(p.dir))
		require.Contains(t, []int{1, 2}, v.day(), what)
		requireOK(t, p.Run("omg-index", args...))
		require.Equal(t, clean, objectNames(t, p.dir), what)
		requireOK(t, v.pull(p.dir))
		v.requireDay(2)
	})
}

// TestPull_DiskFaults pulls a day while the disk fails, or the process is killed. The machine has whole indexes of the last day or of this one, and the
// next pull gets the rest.
func TestPull_DiskFaults(t *testing.T) {
	p := newPublisher(t, 1, attackPackages)
	v := &victim{System: harness.New(t, harness.WithoutDatabases()), trust: []string{"-P", p.key}, timeout: "2m"}
	requireOK(t, v.pull(p.dir))
	before := v.Data
	v.Data = v.Path("now")
	p.publish(2)
	server := serveDir(t, p.dir, "", nil).URL
	args := slices.Concat([]string{"pull", "--data-dir", v.Data, "--proxy", "none"}, v.trust, []string{server})
	eachFault(t, v.System, args, func() {
		require.NoError(t, os.RemoveAll(v.Data))
		require.NoError(t, os.CopyFS(v.Data, os.DirFS(before)))
	}, func(what string) {
		indexes, err := filepath.Glob(filepath.Join(v.Data, "pulled", "*.omgidx"))
		require.NoError(t, err)
		require.Len(t, indexes, 7, what)
		requireOK(t, v.Run("omg-index", append([]string{"verify"}, indexes...)...))
		info := requireOK(t, v.Run("omg-index", append([]string{"info"}, indexes...)...)).Stdout
		require.Equal(t, len(indexes), strings.Count(info, "modified "+dayText(1))+strings.Count(info, "modified "+dayText(2)), what)
		requireOK(t, v.pull(server))
		v.requireDay(2)
	})
}

// objectNames returns the names of the objects in a published directory, and fails if a writer has left something else there.
func objectNames(t *testing.T, dir string) (names []string) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, publication.ObjectDir, "*", "*"))
	require.NoError(t, err)
	hidden, err := filepath.Glob(filepath.Join(dir, publication.ObjectDir, "*", ".*"))
	require.NoError(t, err)
	require.Empty(t, hidden)
	for _, path := range found {
		names = append(names, filepath.Base(path))
	}
	require.NotEmpty(t, names)
	return names
}

// TestPublish_SameObjects has two publishers, with different keys and at different times, publish the same databases: the objects and what the
// manifests say about the sources are the same. minisign verifies both.
func TestPublish_SameObjects(t *testing.T) {
	var objects [2][]string
	var sources [2]string
	for i := range 2 {
		p := newPublisher(t, 1, attackPackages)
		p.publish(2)
		objects[i] = objectNames(t, p.dir)
		manifest := filepath.Join(p.dir, publication.ManifestName)
		_, list, found := strings.Cut(string(harness.ReadFile(t, manifest)), `"sources": [`)
		require.True(t, found)
		sources[i] = list
		r := p.Run(need.Program(t, "minisign"), "-V", "-p", p.Path("key.pub"), "-m", manifest)
		require.Zero(t, r.Code, r.Stderr)
	}
	require.Equal(t, sources[0], sources[1])
	require.Equal(t, objects[0], objects[1])
}
