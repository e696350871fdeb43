// Package budget holds what can be counted to its limits: system calls, and the
// size of an index. Times are printed by the benchmarks and fail nobody.
package budget

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/programs"
	"github.com/omg-arch/omg/shared/fixture"
)

func TestMain(m *testing.M) { programs.Main(m) }

// TestSystemCallsOfAQuestion counts what a whole omg asks of the kernel. A network
// library, a file that is looked for in vain, or a signal handler show here before
// they show in a time.
func TestSystemCallsOfAQuestion(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("there is no strace: make deps installs it")
	}
	home := t.TempDir()
	db := filepath.Join(home, "db")
	require.NoError(t, fixture.Write(db, fixture.Options{Packages: 500, Seed: 1, Installed: 20}))
	env := programs.Env(home)
	d := programs.Start(t, env, "--dbpath", db, "--data-dir", filepath.Join(home, "data"))
	require.Eventually(t, func() bool {
		return programs.Run(t, env, "omg", "--socket", d.Socket, "search", "-q", "lib").Code == 0
	}, 10*time.Second, 20*time.Millisecond)

	const most = 330 // some 250, of which Go's runtime makes 170 before main
	for range 3 {    // threads that start by chance make some more
		log := filepath.Join(home, "strace")
		cmd := exec.Command(strace, "-f", "-o", log, filepath.Join(programs.Dir(t), "omg"), "--socket", d.Socket, "search", "-q", "lib")
		cmd.Env = env
		out, err := cmd.Output()
		if err != nil {
			t.Skipf("strace may not trace here: %v", err)
		}
		require.NotEmpty(t, out)
		text, err := os.ReadFile(log)
		require.NoError(t, err)
		calls := strings.Count(string(text), "(")
		t.Logf("%d system calls", calls)
		require.NotContains(t, string(text), "epoll_create", "the poller is not needed for one question")
		require.NotZero(t, calls)
		if calls <= most {
			return
		}
	}
	t.Errorf("more than %d system calls for one question", most)
}

// TestIndexIsSmallerThanItsSources compares an index with the text it was built of.
func TestIndexIsSmallerThanItsSources(t *testing.T) {
	home := t.TempDir()
	db := filepath.Join(home, "db")
	require.NoError(t, fixture.Write(db, fixture.Options{Packages: 5000, Seed: 1}))
	index := filepath.Join(home, "repos.omgidx")
	r := programs.Run(t, programs.Env(home), "omg-index", "build", "--dbpath", db, "-o", index)
	require.Zero(t, r.Code, r.Stderr)
	fi, err := os.Stat(index)
	require.NoError(t, err)
	dbs, err := filepath.Glob(filepath.Join(db, "sync", "*.db"))
	require.NoError(t, err)
	require.NotEmpty(t, dbs)
	sum := int64(0)
	for _, path := range dbs {
		sum += descBytes(t, path)
	}
	t.Logf("%d bytes of index, %d of desc", fi.Size(), sum)
	require.Less(t, fi.Size(), sum)
}

func descBytes(t *testing.T, path string) (sum int64) {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	for archive := tar.NewReader(z); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return sum
		}
		require.NoError(t, err)
		if strings.HasSuffix(h.Name, "/desc") {
			sum += h.Size
		}
	}
}
