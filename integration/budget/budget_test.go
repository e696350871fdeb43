// Package budget checks what can be counted against its limits: system calls, and the size of an index. Times are only
// printed, by the benchmarks.
package budget

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/omg-arch/omg/integration/harness"
	"github.com/omg-arch/omg/shared/fixture"
	"github.com/omg-arch/omg/shared/need"
)

// call matches a system call in strace's log. If another thread interrupts a call, the call has a second line, which
// does not match.
var call = regexp.MustCompile(`^\d+ +([a-z_0-9]+)\(`)

// scheduling lists the system calls that Go's runtime uses to manage threads and their memory. The number of these
// calls depends on the machine's processors and load.
var scheduling = map[string]bool{
	"clone": true, "clone3": true, "exit": true, "futex": true, "gettid": true, "getpid": true, "madvise": true, "mmap": true,
	"munmap": true, "mprotect": true, "nanosleep": true, "prctl": true, "restart_syscall": true, "rseq": true, "rt_sigprocmask": true, "rt_sigreturn": true,
	"sched_getaffinity": true, "sched_yield": true, "set_robust_list": true, "sigaltstack": true, "tgkill": true, "timer_create": true,
	"timer_settime": true, "timer_delete": true,
}

// TestSystemCalls_OfAQuestion limits the number of system calls of one run of omg. A network library, a search for a
// missing file, or a signal handler increases this number, even if the additional time is too short to measure.
func TestSystemCalls_OfAQuestion(t *testing.T) {
	strace := need.Strace(t)
	s := harness.New(t, harness.WithGenerated(fixture.Options{Packages: 500, Seed: 1, Installed: 20}))
	d := s.StartDaemon()
	log := s.Path("strace")
	r := s.Run(strace, "-f", "-o", log, s.Program("omg"), "--socket", d.Socket, "search", "-q", "lib")
	require.Zero(t, r.Code, r.Stderr)
	require.NotEmpty(t, r.Stdout)
	require.Empty(t, r.Stderr)
	text := string(harness.ReadFile(t, log))
	require.NotContains(t, text, "epoll_create", "the poller is not needed for one question")
	calls := map[string]int{}
	total := 0
	for line := range strings.Lines(text) {
		if m := call.FindStringSubmatch(line); m != nil {
			calls[m[1]]++
			if !scheduling[m[1]] {
				total++
			}
		}
	}
	t.Logf("%d system calls besides those of the scheduler: %v", total, calls)
	require.NotZero(t, total)
	const most = 180 // usually omg makes 150 system calls, 120 of them in Go's runtime before main; control groups add some
	require.LessOrEqual(t, total, most)
}

// TestIndex_SmallerThanItsSources compares the indexes with the text from which they were built.
func TestIndex_SmallerThanItsSources(t *testing.T) {
	s := harness.New(t, harness.WithGenerated(fixture.Options{Packages: 5000, Seed: 1}))
	s.BuildIndexes()
	databases, err := filepath.Glob(s.SyncDBPath("*"))
	require.NoError(t, err)
	require.NotEmpty(t, databases)
	indexes, sum := int64(0), int64(0)
	for _, path := range databases {
		fi, err := os.Stat(s.IndexPath(strings.TrimSuffix(filepath.Base(path), ".db")))
		require.NoError(t, err)
		indexes += fi.Size()
		sum += descBytes(t, harness.ReadFile(t, path))
	}
	t.Logf("%d bytes of indexes, %d of desc", indexes, sum)
	require.Less(t, indexes, sum)
}

// descBytes returns the size of the desc files in a database.
func descBytes(t *testing.T, database []byte) (sum int64) {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(database))
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
